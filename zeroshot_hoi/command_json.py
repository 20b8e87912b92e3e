"""What commands say with --json, where the things that they speak of do not say it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeroshot_hoi.core.scene import ObjectParts, SceneObject
    from zeroshot_hoi.planning.base import PlannedText


def planned_facts(planned: PlannedText, files: Sequence[Path]) -> dict[str, Any]:
    """Who planned, what was understood, the recipes as their files have them, and the files written."""
    return {
        "planner": planned.planner,
        "notes": list(planned.notes),
        "recipes": [recipe.model_dump(mode="json", by_alias=True, exclude_none=True) for recipe in planned.recipes],
        "files": [str(path) for path in files],
    }


def part_facts(thing: SceneObject, found: ObjectParts, files: Sequence[Path]) -> dict[str, Any]:
    """Every part with how well it fits its description, how many there are, square metres, and metres of its center."""
    from trimesh.triangles import area

    areas = area(thing.vertices[thing.faces])
    return {
        "object": thing.name,
        "parts": {
            name: {
                "fit": float(region.confidence),
                "instances": int(region.instances.max()) + 1,
                "faces": len(region.faces),
                "area": float(areas[region.faces].sum()),
                "center": [float(c) for c in region.center],
            }
            for name, region in found.parts.items()
        },
        "notes": list(found.notes),
        "files": [str(path) for path in files],
    }
