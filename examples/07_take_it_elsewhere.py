"""One result in every format that other tools read. Needs the files of example 4.

python examples/07_take_it_elsewhere.py
"""

from importlib.util import find_spec
from pathlib import Path

from zeroshot_hoi import Result

out = Path("out/examples")
result = Result.load(out / "sit.npz")

result.export(out / "sit.html")  # one page for any browser, without a network
result.export(out / "sit.glb", max_influences=4, ground=True)  # game engines read four weights a vertex
result.export(out / "sit_contact.glb", contact=True)  # who touches what, as vertex colors
result.export(out / "sit.gif", every=4)
soft = Result.load(out / "sit_upholstered.npz")
result.export(
    out / "both.mp4", size=(480, 270), beside=[soft]
)  # two results in one video; sizes up to "1080p" and more
result.export(out / "frames.obj", every=16, up="y")  # a numbered file for every 16th frame
if find_spec("pxr"):  # pip install 'zeroshot-hoi[usd]'
    result.export(out / "sit.usd")

for path in sorted(out.iterdir()):
    if path.is_file():
        print(f"{path.stat().st_size / 1e6:7.2f} MB  {path}")
