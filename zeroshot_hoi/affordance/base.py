"""What every way of finding parts returns is `core.scene.ObjectParts`; this is how it fails."""

from __future__ import annotations

from collections.abc import Mapping

from zeroshot_hoi.core.errors import HoiError


class PartError(HoiError):
    """A mesh on which nothing fits the description of a part."""


class AbsentPartError(PartError):
    """Parts that are not on the mesh, with what was found there."""

    def __init__(self, message: str, absent: Mapping[str, float], found: Mapping[str, float]) -> None:
        super().__init__(message)
        self.absent = dict(absent)
        """Part -> the fit of its best candidate, too low."""
        self.found = dict(found)
        """Part -> its fit."""
