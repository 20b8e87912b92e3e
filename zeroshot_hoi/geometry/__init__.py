"""Mesh loading, preparation, sampling, distance grids and exact queries. Import the module you need."""
