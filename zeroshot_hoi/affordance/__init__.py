"""Stage 2: a plan and a mesh -> named part regions. `geometric.find_parts` needs no model."""
