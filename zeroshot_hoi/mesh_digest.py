"""What a mesh or a file says, as a digest: the same content is the same work."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.geometry.load import read_mesh
from zeroshot_hoi.stage_records import content_digest

BESIDE = (".bin", ".mtl", ".png", ".jpg", ".jpeg")
"""Endings of files beside a mesh that it may refer to."""

SELF_CONTAINED = (".glb", ".ply", ".stl", ".off")


def mesh_digest(mesh: Any) -> str:
    """Digest of a path, a trimesh, or a `Mesh` of either; of a mesh that cannot be read, which its reader will say."""
    asked = mesh if isinstance(mesh, Mesh) else Mesh(mesh)
    settings = f"{asked.unit!r} {asked.up!r} {asked.front!r}"
    if isinstance(asked.source, str | os.PathLike):
        return f"{settings} {_path_digest(Path(asked.source))}"
    raw = read_mesh(asked.source)
    visual = raw.material and {"image": _pixels(raw.material), "about": repr(sorted(vars(raw.material)))}
    return f"{settings} {content_digest([raw.vertices, raw.faces, raw.nodes, raw.attributes, visual])}"


def file_digest(path: str | Path) -> str:
    """sha256 of a file; empty where it cannot be read."""
    try:
        with Path(path).expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _path_digest(path: Path) -> str:
    """Of the file and, where its format may refer to others, of the names, sizes and times of those beside it."""
    own = file_digest(path)
    if not own or path.suffix.lower() in SELF_CONTAINED:
        return own
    beside = [entry for entry in path.parent.iterdir() if entry.suffix.lower() in BESIDE and entry.is_file()]
    states = sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in beside)
    return f"{own} {hashlib.sha256(repr(states).encode()).hexdigest()}"


def _pixels(material: Any) -> Any:
    import numpy as np

    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    return None if image is None else np.asarray(image.convert("RGBA"))
