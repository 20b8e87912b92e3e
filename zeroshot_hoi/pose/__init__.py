"""Stage 3: where every object stands and how each person could start (plan, bodies, objects, parts -> InitialScene)."""
