"""Any mesh in place of the recipe's own: a file or a trimesh, with what the file does not say.

python examples/02_your_own_mesh.py
"""

from pathlib import Path

import trimesh

from zeroshot_hoi import HoiError, Mesh, Pipeline

out = Path("out/examples")
out.mkdir(parents=True, exist_ok=True)

# A dumbbell made here stands for your file: a bar along y with a ball on each end, in centimetres.
bar = trimesh.creation.cylinder(radius=1.5, height=16.0)
balls = [trimesh.creation.icosphere(radius=5.0).apply_translation((0.0, 0.0, side * 10.0)) for side in (-1, 1)]
mesh = trimesh.util.concatenate([bar, *balls])
mesh.apply_transform(trimesh.transformations.rotation_matrix(1.5708, (1, 0, 0)))
mesh.export(out / "my_dumbbell.obj")

pipeline = Pipeline.from_recipe("lift_dumbbell")

# An .obj says neither its unit nor which axis is up. Nothing is guessed: the message says what to add.
try:
    pipeline.run(out / "my_dumbbell.obj")
except HoiError as error:
    print(f"As expected: {error}\n")

dumbbell = Mesh(out / "my_dumbbell.obj", unit="cm", up="z")
stages = pipeline.stages({"dumbbell": dumbbell})

# What was done to the mesh, and where the handle was found, before anything expensive runs.
print(*stages.objects["dumbbell"].report.actions, sep="\n")
handle = stages.parts["dumbbell"].parts["handle"]
print(f"handle: confidence {handle.confidence:.2f}, center {handle.center.round(3)} m")

stages.measured.export(out / "my_dumbbell.png")
print(f"Look at {out}/my_dumbbell.png")
