"""What known answers are compared with."""

from __future__ import annotations

import pytest

NAN = float("nan")


def close(value, expected, tolerance=1e-9):
    assert value == pytest.approx(expected, abs=tolerance, nan_ok=True)
