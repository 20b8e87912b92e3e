"""Parts found by geometry against the labeled truth: IoU and hit for each part, and a picture of what is confused.

IoU is over face areas. A part is hit where most of the answer's area lies in the true part. A plan here names objects
and parts and says nothing more: everything else comes from the vocabulary and the mesh.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.meshes import mesh_folder
from benchmarks.part_labels import LabeledMesh, face_areas, read_labels
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.geometric import find_parts
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.geometry.prepare import prepare_object

IOU_BAR = 0.60
HIT_BAR = 0.90
REST = "none"


@dataclass(frozen=True)
class PartScore:
    """One part of one mesh."""

    mesh: str
    part: str
    iou: float
    hit: bool
    shares: dict[str, float]
    """Name of a true part, or `none` -> share of the answer's area that lies in it."""
    note: str = ""


def score_mesh(entry: LabeledMesh, obj: SceneObject, seed: int = 0) -> list[PartScore]:
    """Find the labeled parts on `obj` by their names and compare; what is not found scores zero."""
    plan = ObjectPlan(entry.object, parts=tuple(PartDescription(p.name, count=p.count) for p in entry.parts))
    areas = face_areas(obj)
    truth = {part.name: part.faces(obj) for part in entry.parts}
    try:
        answer = find_parts(obj, plan, seed, absent_is_note=True)
    except PartError as error:
        return [PartScore(entry.stem, name, 0.0, False, {}, str(error)) for name in truth]
    found = answer.parts
    scores = []
    for name, true in truth.items():
        if name not in found:
            scores.append(PartScore(entry.stem, name, 0.0, False, {}, "not there"))
            continue
        inside = found[name].probability > 0.5
        area = float(areas[inside].sum())
        shares = {other: float(areas[inside & faces].sum()) / area for other, faces in truth.items()}
        shares[REST] = max(0.0, 1.0 - sum(shares.values()))
        iou = float(areas[inside & true].sum() / areas[inside | true].sum())
        scores.append(PartScore(entry.stem, name, iou, shares[name] > 0.5, shares))
    return scores


def parts_table(names: list[str] | None, anonymous: bool, out: Path, console: Console) -> int:
    """Print the table and write the picture; exit code 0 where both bars hold, 1 where not, 2 without meshes."""
    folder = mesh_folder()
    entries = [e for e in read_labels() if (folder / e.file).is_file() and (not names or e.stem in names)]
    if not entries:
        console.print(f"No labeled mesh is in {folder}. Set ZEROSHOT_HOI_MESHES to the folder that has them.")
        return 2
    scores: list[PartScore] = []
    table = Table("mesh", "part", "IoU", "hit", "where else", "seconds")
    for entry in entries:
        obj = prepare_object(entry.object, entry.mesh(folder))
        obj = replace(obj, nodes=("",) * len(obj.faces)) if anonymous else obj
        start = time.process_time()
        own = score_mesh(entry, obj)
        spent = time.process_time() - start
        scores += own
        for i, score in enumerate(own):
            seconds = f"{spent:.1f}" if i == 0 else ""
            hit = "yes" if score.hit else "NO"
            table.add_row(score.mesh if i == 0 else "", score.part, f"{score.iou:.2f}", hit, _elsewhere(score), seconds)
    console.print(table)
    iou, hits = float(np.mean([s.iou for s in scores])), float(np.mean([s.hit for s in scores]))
    console.print(
        f"{len(scores)} parts: mean IoU {iou:.3f} (bar {IOU_BAR}), right region {hits:.1%} (bar {HIT_BAR:.0%})"
    )
    console.print(f"wrote {confusion_picture(scores, out)}")
    return int(iou < IOU_BAR or hits < HIT_BAR)


def _elsewhere(score: PartScore) -> str:
    others = {name: share for name, share in score.shares.items() if name != score.part and share > 0.1}
    return ", ".join(f"{name} {share:.0%}" for name, share in sorted(others.items(), key=lambda item: -item[1]))


def confusion_picture(scores: list[PartScore], path: Path) -> Path:
    """One small matrix for each mesh: rows are answers, columns are true parts (the last is none of them)."""
    from PIL import Image, ImageDraw

    meshes = list(dict.fromkeys(score.mesh for score in scores))
    cell, left, top, wide = 22, 96, 18, 6
    width, height = left + 7 * cell, top + 6 * cell + 10
    image = Image.new("RGB", (width * wide, height * -(-len(meshes) // wide)), "white")
    draw = ImageDraw.Draw(image)
    for k, mesh in enumerate(meshes):
        rows = [score for score in scores if score.mesh == mesh]
        x, y = (k % wide) * width, (k // wide) * height
        draw.text((x + 4, y + 3), mesh, fill=(0, 0, 0))
        names = [row.part for row in rows] + [REST]
        for i, row in enumerate(rows):
            draw.text((x + 4, y + top + i * cell + 5), f"{row.part[:13]}", fill=(0, 0, 0))
            for j, name in enumerate(names):
                share = row.shares.get(name, 0.0)
                pale = int(255 * (1 - share))
                color = (pale, 255 - (255 - pale) // 3, pale) if i == j else (255, pale, pale)
                box = (x + left + j * cell, y + top + i * cell, x + left + (j + 1) * cell, y + top + (i + 1) * cell)
                draw.rectangle(box, fill=color, outline=(190, 190, 190))
                if share > 0.05:
                    draw.text((box[0] + 4, box[1] + 5), f"{100 * share:.0f}", fill=(0, 0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, format="PNG")
    return path
