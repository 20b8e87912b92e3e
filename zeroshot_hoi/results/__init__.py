"""What a run returns: one record of everything that moved, its file, and its exports."""
