"""Stage 3: where every object stands and how every person could start (plan, bodies, objects, parts -> InitialScene)."""
