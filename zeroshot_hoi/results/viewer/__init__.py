"""The interactive viewer, on viser: an optional package that the extra `viewer` installs."""
