"""What every way of finding parts returns is `core.scene.ObjectParts`; this is how it fails."""

from __future__ import annotations

from zeroshot_hoi.core.errors import HoiError


class PartError(HoiError):
    """A mesh on which nothing fits the description of a part."""
