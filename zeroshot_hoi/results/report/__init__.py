"""One self-contained page about a result: a 3D player, the graph, metrics, energies, contacts, provenance."""
