"""Pure functions from a result to numbers with a unit, a direction and, where there is one, the bar to clear."""

from zeroshot_hoi.metrics.evaluate import attach, evaluate, failed, stored
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.metrics.motion import diversity

__all__ = ["Metric", "attach", "diversity", "evaluate", "failed", "stored"]
