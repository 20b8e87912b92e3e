"""A sentence becomes a recipe, the recipe can be read and edited, and runs as any other.

python examples/06_any_sentence.py
"""

from pathlib import Path

from zeroshot_hoi import Pipeline
from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
from zeroshot_hoi.recipe_toml import recipe_to_toml

out = Path("out/examples")
out.mkdir(parents=True, exist_ok=True)

# A built-in vocabulary plans without any model; docs/language.md tells how to name a language model instead.
pipeline = Pipeline.from_text("A person lifts the dumbbell.", seed=1)
assert pipeline.planned is not None
print(*pipeline.planned.notes, sep="\n")

# The recipe as a file: read it, change it, run it with `zeroshot-hoi run out/examples/lift.toml`.
recipe = out / "lift.toml"
recipe.write_text(recipe_to_toml(recipe_from_plan(pipeline.plan)), encoding="utf-8")
print(recipe.read_text(encoding="utf-8"))

# The graph alone, as a picture.
pipeline.plan.graph.draw(str(out / "lift_graph.png"))

Pipeline.from_recipe(recipe).run().save(out / "lift.npz")
