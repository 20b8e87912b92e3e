"""Energies as raw residuals with a unit: pure functions of one frame's state, no weight inside."""
