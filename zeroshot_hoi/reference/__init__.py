"""Stage 4: the reference motion that the optimization follows (plan, initial scene -> ReferenceMotion)."""
