"""The record that a run returns, and its file. The schema is on one page in `docs/conventions.md`.

A `Result` is data: tracks of people and objects, contacts, energies and `meta`. It saves to an `.npz` that anyone reads
with `numpy.load(allow_pickle=False)`, and exports by suffix. Beyond the published keys a file holds, for each person,
the `rig` (so that a loaded result still exports a skinned GLB) and, for each object, its `look` (colors or texture).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import ResultError, nearest_name
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_toml import RECIPE_KEY, recipe_from_toml
from zeroshot_hoi.render.appearance import Appearance

SCHEMA = 1
"""Version of the file format; a reader refuses any other."""

META_KEYS = (
    "schema", "recipe", "text", "pag", "models", "prompts", "seeds", "timings", "fps", "metrics", "objects", "edges",
)  # fmt: skip

EXPORTERS = {
    ".npz": "zeroshot_hoi.results.schema:save_result",
    ".glb": "zeroshot_hoi.results.export.glb:write_glb",
    ".mp4": "zeroshot_hoi.results.export.video:write_video",
    ".gif": "zeroshot_hoi.results.export.gif:write_gif",
    ".png": "zeroshot_hoi.results.export.sheet:write_sheet",
    ".html": "zeroshot_hoi.results.report.page:write_report",
    ".usd": "zeroshot_hoi.results.export.usd:write_usd",
    ".usda": "zeroshot_hoi.results.export.usd:write_usd",
    ".usdc": "zeroshot_hoi.results.export.usd:write_usd",
    ".obj": "zeroshot_hoi.results.export.obj:write_obj",
    ".amass.npz": "zeroshot_hoi.results.export.amass:write_amass",
}
"""Suffix -> function(result, path, **options)."""


@dataclass(frozen=True)
class Rig:
    """What turns the rest mesh into every frame: linear skinning over joints and twist bones."""

    rest_vertices: np.ndarray
    """(V, 3) metres."""
    bone_names: tuple[str, ...]
    """G names: the joints, then the twist bones."""
    bone_parents: np.ndarray
    """(G,) -1 for the root."""
    bone_rest: np.ndarray
    """(G, 3, 4) rest orientation of each bone's axes (columns) and its pivot, metres."""
    bone_motion: np.ndarray
    """(T, G, 3, 4) world = R (rest - pivot) + t, t the pivot's place in the world."""
    weight_bones: np.ndarray
    """(V, K) bones that move each vertex, heaviest first."""
    weight_values: np.ndarray
    """(V, K) their shares, zero where there are fewer than K."""


@dataclass(frozen=True)
class PersonTrack:
    """One person in every frame."""

    vertices: np.ndarray
    """(T, V, 3) metres."""
    faces: np.ndarray
    """(F, 3)"""
    joints: np.ndarray
    """(T, J, 3) metres."""
    joint_names: tuple[str, ...]
    joint_parents: np.ndarray
    """(J,) -1 for the root."""
    joint_limits: np.ndarray
    """(J, 3, 2) radians."""
    pose: np.ndarray
    """(T, J, 3) parent-relative rotation vectors in each joint's own axes, radians."""
    translation: np.ndarray
    """(T, 3) world position of the root joint, metres."""
    shape: np.ndarray
    """(S,)"""
    body_model: str
    part_labels: np.ndarray
    """(V,) text."""
    regions: np.ndarray
    """(V,) text, empty where a vertex is in none."""
    rig: Rig | None = None
    amass: Mapping[str, np.ndarray] = field(default_factory=dict)
    """AMASS's fields for SMPL-X people: trans, poses, betas, gender, mocap_framerate."""


@dataclass(frozen=True)
class ObjectTrack:
    """One object in every frame: world = rotation v + translation."""

    vertices: np.ndarray
    """(V, 3) object frame, metres, scale included."""
    faces: np.ndarray
    """(F, 3)"""
    rotation: np.ndarray
    """(T, 3, 3)"""
    translation: np.ndarray
    """(T, 3) metres."""
    scale: float
    part_names: tuple[str, ...]
    part_probability: np.ndarray
    """(P, F) in 0..1."""
    look: Appearance = field(default_factory=Appearance)

    def vertices_at(self, frame: int) -> np.ndarray:
        """World positions (V, 3) in one frame."""
        return self.vertices @ self.rotation[frame].T + self.translation[frame]


@dataclass(frozen=True)
class Result:
    """Everything a run produced."""

    meta: Mapping[str, Any]
    """META_KEYS, JSON values only."""
    people: Mapping[str, PersonTrack]
    objects: Mapping[str, ObjectTrack]
    contacts: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge -> (T,) distance in metres."""
    energies: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Term -> (steps,) energy."""

    @property
    def frames(self) -> int:
        """T"""
        tracks = [*(p.translation for p in self.people.values()), *(o.translation for o in self.objects.values())]
        return len(tracks[0]) if tracks else 0

    @property
    def fps(self) -> float:
        return float(self.meta["fps"])

    @property
    def recipe(self) -> Recipe:
        """The recipe that made this result, as it was run."""
        text = self.meta["prompts"].get(RECIPE_KEY)
        if not isinstance(text, str):
            raise ResultError("This result was made without a recipe, or before results kept theirs.")
        return recipe_from_toml(text, "the result's recipe")

    def metrics(self) -> dict[str, Any]:
        """Every metric by name: `Metric(key, value, unit, direction, threshold)`, measured anew."""
        from zeroshot_hoi.metrics import evaluate

        return evaluate(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the `.npz`."""
        require_suffix(path, (".npz",), "Result.save")
        from zeroshot_hoi.results.schema import save_result

        save_result(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Result:
        """Read an `.npz` that `save` wrote; pickles are refused."""
        from zeroshot_hoi.results.schema import load_result

        return load_result(Path(path))

    def export(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write another file by its suffix, one of EXPORTERS; `options` are those of the writer, as in
        `export("x.mp4", size="1080p")`."""
        suffix = require_suffix(path, tuple(EXPORTERS), "Result.export")
        module, name = EXPORTERS[suffix].split(":")
        getattr(import_module(module), name)(self, Path(path), **options)

    def __repr__(self) -> str:
        """One line, where the arrays would fill pages."""
        who = ", ".join([*self.people, *self.objects])
        return f"Result of '{self.meta.get('recipe', '')}': {self.frames} frames, {who}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, four moments from two sides, and the metrics."""
        from zeroshot_hoi.results.report.summary import summary_html

        return summary_html(self)

    def view(self, *, port: int = 8080, block: bool | None = None) -> Any:
        """Open the interactive viewer on this machine and return it; in a notebook it shows itself inline.

        A plain script waits in it until Ctrl-C; a notebook or a prompt goes on. `block` decides otherwise.
        """
        from zeroshot_hoi.results.viewer.app import Viewer, viewer_names

        name = viewer_names([Path(str(self.meta["recipe"]))])[0]
        viewer = Viewer({name: self}, port=port)
        if block if block is not None else not hasattr(sys, "ps1") and "ipykernel" not in sys.modules:
            print(f"Viewer: {viewer.url} (Ctrl-C ends it)", flush=True)
            viewer.wait()
        return viewer


def require_suffix(path: str | os.PathLike[str], allowed: tuple[str, ...], where: str) -> str:
    """The path's suffix, lower case; ResultError where it is none of the allowed ones."""
    name = Path(path).name.lower()
    double = next((end for end in allowed if end.count(".") > 1 and name.endswith(end)), "")
    suffix = double or Path(path).suffix.lower()
    if suffix not in allowed:
        found = f"'{suffix}'" if suffix else "no suffix"
        raise ResultError(f"{where} got '{os.fspath(path)}' with {found}. {nearest_name(suffix, allowed)}")
    return suffix
