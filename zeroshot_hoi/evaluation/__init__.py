"""Every recipe on every mesh and seed: one process a run, one table, one picture."""
