"""The shortest way: a recipe becomes a person who moves with an object. About a minute on two cores.

python examples/01_first_result.py
"""

from pathlib import Path

from zeroshot_hoi import Pipeline

out = Path("out/examples")
out.mkdir(parents=True, exist_ok=True)

result = Pipeline.from_recipe("sit_on_chair", seed=0).run()

for metric in result.metrics().values():
    print(metric)  # value, unit, and the bar where there is one

result.save(out / "sit.npz")  # the result itself: plain arrays
result.export(out / "sit.png")  # a contact sheet of eight moments
result.export(out / "sit.glb")  # skinned and animated, for Blender or any glTF viewer
print(f"Look at {out}/sit.png")
