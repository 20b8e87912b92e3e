"""Stage 5: the motion of people and objects that obeys the graph and follows the reference."""

from __future__ import annotations

from zeroshot_hoi.optimization.schedule import optimize

__all__ = ["optimize"]
