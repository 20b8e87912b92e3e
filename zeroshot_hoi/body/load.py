"""The door to bodies: by name for the embedded ones, by path for the user's own SMPL-family files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from zeroshot_hoi.body.baked import BODIES, load_baked
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import BodyError, nearest_name

__all__ = ["BODIES", "load_body", "reshape"]


def load_body(name_or_path: str | PathLike[str] = "neutral", shape: np.ndarray | None = None) -> SkinnedBody:
    """A body at `shape (S,)` (the mean by default): `neutral`, `female`, `male`, or the path of a SMPL-X, SMPL-H or
    MANO `.npz`."""
    word = str(name_or_path)
    if word in BODIES:
        return load_baked(word, shape)
    if Path(word).suffix == ".npz":
        from zeroshot_hoi.body.smpl import load_smpl

        return load_smpl(Path(word), shape)
    if Path(word).suffix == ".pkl":
        raise BodyError(
            f"'{word}' is a pickle, which can run code when it is opened and is never read here. "
            "Use the model's .npz file, or convert it once with numpy.savez on a machine you trust."
        )
    raise BodyError(f"No body is called '{word}'. {nearest_name(word, BODIES)} Or give the path of a SMPL-family .npz.")


def reshape(body: SkinnedBody, shape: np.ndarray) -> SkinnedBody:
    """The same body at other shape coefficients `(S,)`; a short vector leaves the remaining ones at zero."""
    given = np.asarray(shape, float).reshape(-1)
    if given.size > len(body.shape_names):
        raise BodyError(
            f"The shape has {given.size} coefficients; the body '{body.name}' takes at most "
            f"{len(body.shape_names)}: {', '.join(body.shape_names)}."
        )
    full = np.zeros(len(body.shape_names))
    full[: given.size] = given
    if body.model == "anny":
        return load_baked(body.name, full)
    from zeroshot_hoi.body.assembly import reassemble

    return reassemble(body, full)
