"""Stage 1: what should happen, as a `core.plan.Plan`."""

from zeroshot_hoi.planning.recipe import plan_from_recipe

__all__ = ["plan_from_recipe"]
