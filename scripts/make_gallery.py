"""The gallery of docs/gallery.md: a strip of pictures of every result file given, with its verdict.

    python scripts/make_gallery.py out/ironing/ironing.npz out/armchair/sit_on_chair.npz

A file's name becomes the picture's; the caption says what the result's own metrics say.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from zeroshot_hoi import Result
from zeroshot_hoi.metrics import failed, stored
from zeroshot_hoi.results.export.sheet import contact_sheet

MOMENTS = 4
WIDTH = 900
"""Pixels of a strip."""

HEAD = """# Gallery

Four moments of each result from two sides, drawn from its file by `python scripts/make_gallery.py FILES...`. The line
below each is what the result's own metrics say; a bar that is missed is named. Recipes that are not shown were not run
for this page.
"""


def caption(result: Result) -> str:
    """The sentence, the seed, and how many bars hold."""
    metrics = stored(result) or result.metrics()
    judged = [metric for metric in metrics.values() if metric.passed is not None]
    missed = "; ".join(f"missed: `{metric}`" for metric in failed(metrics))
    held = f"{len(judged) - len(failed(metrics))} of {len(judged)} bars hold"
    seed = result.meta["seeds"].get("plan", 0)
    return (
        f"{result.meta['text']} Recipe `{result.meta['recipe']}`, seed {seed}. {held}{'; ' + missed if missed else ''}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--docs", type=Path, default=Path(__file__).parent.parent / "docs")
    options = parser.parse_args()
    pictures = options.docs / "images" / "gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    sections = [HEAD]
    for path in options.files:
        result = Result.load(path)
        sheet = contact_sheet(result, frames=MOMENTS)
        sheet = sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)))
        sheet.save(pictures / f"{path.stem}.jpg", quality=85, optimize=True)
        title = path.stem.replace("_", " ")
        sections.append(f"## {title}\n![{title}](images/gallery/{path.stem}.jpg)\n\n{caption(result)}\n")
        print(pictures / f"{path.stem}.jpg", flush=True)
    (options.docs / "gallery.md").write_text("\n".join(sections), encoding="utf-8")


if __name__ == "__main__":
    main()
