"""Run a stage, look at what it made, put something else in its place, go on: only what depends on it runs again.

python examples/04_one_stage_at_a_time.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from zeroshot_hoi import Pipeline

out = Path("out/examples")
out.mkdir(parents=True, exist_ok=True)

# With a folder the outputs are kept on disk: stop this script anywhere and start it again.
stages = Pipeline.from_recipe("sit_on_chair", seed=0).stages(folder=out / "stages")
print(stages, "\n")  # nothing has run

# A stage runs when it is asked for, with everything that it needs.
seat = stages.parts["chair"].parts["seat"]
print(stages, "\n")

# Records are frozen: make a new one. Here the seat is only its front half.
chair = stages.objects["chair"]
centers = chair.vertices[chair.faces].mean(axis=1)
front = centers @ stages.parts["chair"].front > seat.center @ stages.parts["chair"].front
half = replace(
    seat, probability=np.where(front, seat.probability, 0.0), center=centers[front & (seat.probability > 0.5)].mean(0)
)
parts = {**stages.parts["chair"].parts, "seat": half}
edge_sitter = stages.replace(parts={"chair": replace(stages.parts["chair"], parts=parts)})
for name, some in (("whole seat", stages), ("front half", edge_sitter)):
    print(f"{name}: first placement of the pelvis at {some.pose.people['person 1'][0].root.round(3)} m")

# One edge of the graph: objects, parts and placements stay, what reads the edge runs again.
upholstered = stages.change_edge("person 1.hips->chair.seat", upholstery=True)
upholstered.run("reference")
print("\n", upholstered, sep="")

stages.measured.save(out / "sit.npz")
upholstered.measured.save(out / "sit_upholstered.npz")
print("\n", upholstered, sep="")
