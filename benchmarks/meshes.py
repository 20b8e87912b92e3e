"""The recipes on the meshes they are judged by: built-in, and real ones where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RealMesh:
    """A file of the mesh folder, with what its format does not say."""

    file: str
    unit: str | None = None
    up: str | None = None

    @property
    def path(self) -> Path:
        return mesh_folder() / self.file

    def argument(self, name: str) -> str:
        """As `--mesh` takes it."""
        extras = [f"{key}={value}" for key, value in (("unit", self.unit), ("up", self.up)) if value]
        return ",".join([f"{name}={self.path}", *extras])


@dataclass(frozen=True)
class Case:
    """One recipe on one set of meshes; objects not named use their built-in mesh."""

    name: str
    recipe: str
    meshes: Mapping[str, RealMesh] = field(default_factory=dict)

    def mesh_arguments(self) -> list[str]:
        return [mesh.argument(name) for name, mesh in self.meshes.items()]

    def pipeline_meshes(self) -> dict[str, Any]:
        """As `Pipeline.run` takes them."""
        from zeroshot_hoi.core.scene import Mesh

        return {name: Mesh(str(mesh.path), unit=mesh.unit, up=mesh.up) for name, mesh in self.meshes.items()}


def mesh_folder() -> Path:
    """Where real meshes are."""
    return Path(os.environ.get("ZEROSHOT_HOI_MESHES", "../shared/meshes"))


def available(case: Case) -> bool:
    """Whether every real mesh of the case is at hand."""
    return all(mesh.path.is_file() for mesh in case.meshes.values())


CASES = {
    case.name: case
    for case in (
        Case("ironing built-in", "ironing"),
        Case(
            "ironing float on table",
            "ironing",
            {"iron": RealMesh("plasterers_float.glb"), "ironing board": RealMesh("wooden_table.glb")},
        ),
        Case("sitting built-in", "sit_on_chair"),
        Case("sitting armchair", "sit_on_chair", {"chair": RealMesh("armchair_dining_cm.obj", unit="cm", up="z")}),
        Case("sitting office chair", "sit_on_chair", {"chair": RealMesh("office_chair.glb")}),
        Case("dumbbell built-in", "lift_dumbbell"),
        Case("dumbbell hexagonal", "lift_dumbbell", {"dumbbell": RealMesh("hex_dumbbell.glb")}),
    )
}
