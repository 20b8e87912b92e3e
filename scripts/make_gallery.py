"""The gallery of docs/gallery.md: a strip of pictures of every result, with its verdict.

    python scripts/make_gallery.py out/all                       # what `zeroshot-hoi evaluate --all` wrote
    python scripts/make_gallery.py out/ironing/ironing.npz out/armchair/sit_on_chair.npz

A title names the recipe and, where the folder of an evaluation tells, the meshes and the seed; the line below is what
the result's own metrics say. What only an eye sees is in docs/gallery_remarks.toml: title = "remark".
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zeroshot_hoi import Result, list_recipes
from zeroshot_hoi.metrics import failed, stored
from zeroshot_hoi.results.export.sheet import GAP, HEADER, PAPER, contact_sheet
from zeroshot_hoi.results.views import close_up, render_result

MOMENTS = (0.0, 0.3, 0.62, 1.0)
"""Shares of the clip: not evenly, because what is done to and fro would then be caught in one phase."""

WIDTH = 1000
"""Pixels of a strip."""

CLOSE = 420
"""Pixels across of the close-up of a contact."""

CLOSED = 0.001
"""Metres: the close-up is taken near the clip's middle, among frames in which the contact is this near its closest."""

MAX_BYTES = 150_000
"""Of one picture: it is saved at the first of QUALITIES with which it is not larger."""

QUALITIES = (85, 80, 75, 70, 60, 50)

DOCS = Path(__file__).parent.parent / "docs"

HEAD = """# Gallery

Four moments of each result from two sides and a contact from near, drawn from its file by
`python scripts/make_gallery.py FOLDER`. The line below each is what the result's own metrics say: a bar that is missed
is named, and so is what looks wrong though every bar holds.
"""


@dataclass(frozen=True)
class Entry:
    """One result and what it is called."""

    title: str
    path: Path
    order: tuple[str, bool, int, str]

    @property
    def picture(self) -> str:
        """File name of its strip."""
        return re.sub(r"\W+", "_", self.title.lower()).strip("_") + ".jpg"


def find_entries(places: Sequence[Path]) -> list[Entry]:
    """Every result file, by recipe; built-in meshes first."""
    files = {path for place in places for path in (place.rglob("*.npz") if place.is_dir() else [place])}
    entries = [_entry(path) for path in sorted(files) if not path.name.endswith(".amass.npz")]
    titles = [entry.title for entry in entries]
    doubled = sorted({title for title in titles if titles.count(title) > 1})
    if doubled:
        raise SystemExit(f"Several results are called {', '.join(doubled)}. Name the files to show one by one.")
    return sorted(entries, key=lambda entry: entry.order)


def _entry(path: Path) -> Entry:
    """An evaluation's folder says what was asked; another file is called what its name says."""
    told = path.parent / "case.json"
    if not told.is_file():
        return Entry(path.stem.replace("_", " "), path, (path.stem, False, 0, ""))
    case = json.loads(told.read_text("utf-8"))
    meshes = " and ".join(Path(mesh["source"]).stem.replace("_", " ") for mesh in case["meshes"].values())
    title = case["recipe"].replace("_", " ") + (f" with {meshes}" if meshes else "")
    title += f", seed {case['seed']}" if case["seed"] else ""
    return Entry(title, path, (case["recipe"], bool(meshes), case["seed"], meshes))


def caption(result: Result) -> str:
    """The sentence, the seed, and how many bars hold."""
    metrics = stored(result) or result.metrics()
    judged = [metric for metric in metrics.values() if metric.passed is not None]
    missed = failed(metrics)
    seed = result.meta["seeds"].get("plan", 0)
    verdict = (
        f"All {len(judged)} bars hold." if not missed else f"{len(judged) - len(missed)} of {len(judged)} bars hold."
    )
    listed = "".join(f"\n- missed: `{metric}`" for metric in missed)
    return f"{result.meta['text']} Recipe `{result.meta['recipe']}`, seed {seed}. {verdict}" + (
        f"\n{listed}" if listed else ""
    )


def strip(result: Result) -> Image.Image:
    """Moments from two sides, and beside them the first contact of a hand, or of anything, from near."""
    frames = [round(share * (result.frames - 1)) for share in MOMENTS]
    sheet = contact_sheet(result, frames=frames)
    edges = list(result.meta["edges"])
    if edges:
        edge = next((edge for edge in edges if edge.partition("->")[0].endswith(" hand")), edges[0])
        moment = _closed_frame(result, edge)
        camera = close_up(result, edge, moment, width=CLOSE, height=(sheet.height - HEADER - GAP) // 2 * 2)
        near = Image.fromarray(render_result(result, moment, camera))
        wider = Image.new("RGB", (sheet.width + near.width + GAP, sheet.height), PAPER)
        wider.paste(sheet, (0, 0))
        wider.paste(near, (sheet.width, HEADER))
        sheet = wider
    return sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)), Image.Resampling.LANCZOS)


def _closed_frame(result: Result, edge: str) -> int:
    """The frame nearest to the clip's middle in which the contact is closed as well as it ever is."""
    distance = result.contacts.get(edge, np.zeros(result.frames))
    closed = np.flatnonzero(distance <= np.nanmin(distance) + CLOSED)
    return int(closed[np.abs(closed - result.frames // 2).argmin()])


def save_strip(result: Result, path: Path) -> None:
    """The strip as a JPEG of at most MAX_BYTES."""
    sheet = strip(result)
    for quality in QUALITIES:
        data = io.BytesIO()
        sheet.save(data, format="JPEG", quality=quality, optimize=True)
        if data.tell() <= MAX_BYTES:
            break
    path.write_bytes(data.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", type=Path, help="result files, or folders of them")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where gallery.md and its images go")
    options = parser.parse_args()
    remarks_file = options.docs / "gallery_remarks.toml"
    remarks = tomllib.loads(remarks_file.read_text("utf-8")) if remarks_file.is_file() else {}
    pictures = options.docs / "images" / "gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    sections, shown, kept = [HEAD], set(), set()
    for entry in find_entries(options.places):
        result = Result.load(entry.path)
        save_strip(result, pictures / entry.picture)
        kept.add(entry.picture)
        shown.add(result.meta["recipe"])
        remark = remarks.pop(entry.title, "")
        sections.append(
            f"## {entry.title}\n![{entry.title}](images/gallery/{entry.picture})\n\n{caption(result)}\n"
            + (f"\nTo the eye: {remark}\n" if remark else "")
        )
        print(pictures / entry.picture, flush=True)
    missing = [name for name in list_recipes() if name not in shown]
    if missing:
        sections.insert(1, f"Not shown, because no result was given: {', '.join(f'`{name}`' for name in missing)}.\n")
    for old in set(pictures.glob("*.jpg")) - {pictures / name for name in kept}:
        old.unlink()
    (options.docs / "gallery.md").write_text("\n".join(sections), encoding="utf-8")
    if remarks:
        print(f"Remarks without a result: {', '.join(remarks)}")


if __name__ == "__main__":
    main()
