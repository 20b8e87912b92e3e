"""Two results side by side: which metrics are better, how far apart the motions are. Needs the files of example 4.

python examples/05_compare_two_results.py
"""

from pathlib import Path

from zeroshot_hoi import Result, compare

out = Path("out/examples")
hard, soft = Result.load(out / "sit.npz"), Result.load(out / "sit_upholstered.npz")

found = compare(hard, soft, ("hard seat", "upholstered"))
print(found)  # in a notebook, end a cell with it: pictures and tables

# The same as data.
wins = [pair.better for pair in found.metrics]
print(f"better on the hard seat: {wins.count('first')}, on the upholstered: {wins.count('second')}")
for distance in found.distances:
    print(f"{distance.name}: {1000 * distance.mean:.1f} mm apart on average")
