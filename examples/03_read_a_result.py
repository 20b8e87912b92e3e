"""What is in a result file: with numpy alone, then with the library. Needs out/examples/sit.npz of the first example.

python examples/03_read_a_result.py
"""

import json
from pathlib import Path

import numpy as np

from zeroshot_hoi import Result

path = Path("out/examples/sit.npz")

# Anyone reads it without this package: plain arrays, no pickles. docs/conventions.md lists the keys.
with np.load(path, allow_pickle=False) as file:
    meta = json.loads(str(file["meta"]))
    vertices = file["people/person 1/vertices"]  # (T, V, 3) metres, z up
    rotation = file["objects/chair/rotation"]  # (T, 3, 3): world = rotation v + translation
print(f"{meta['recipe']}: {meta['text']}  {len(vertices)} frames at {meta['fps']} a second")
print(f"seconds a stage: {meta['timings']}")

result = Result.load(path)
person, chair = result.people["person 1"], result.objects["chair"]

# Where the pelvis goes, and how near the seat the hips are in every frame.
pelvis = person.joints[:, person.joint_names.index("pelvis")]
print(f"pelvis sinks from {pelvis[0, 2]:.2f} m to {pelvis[-1, 2]:.2f} m")
for edge, distance in result.contacts.items():
    print(f"{edge}: {100 * (distance < 0.01).mean():.0f} % of frames within 1 cm")

# Only the vertices of one body part, and only the faces of one object part.
hips = person.vertices[:, person.part_labels == "hips"]
seat = chair.part_probability[chair.part_names.index("seat")] > 0.5
print(f"{hips.shape[1]} vertices of the hips, {seat.sum()} faces of the seat")

# The whole recipe is in the file: the run can be repeated or changed.
print(f"made from {len(result.recipe.edges)} edges: {[' - '.join(edge.nodes) for edge in result.recipe.edges]}")
