"""Results of other methods as one plain record, so that the same measures are taken of all of them."""

from zeroshot_hoi.metrics.baselines.interaction import Interaction
from zeroshot_hoi.metrics.baselines.measure_all import measure_interaction
from zeroshot_hoi.metrics.baselines.readers import READERS, read_interactions

__all__ = ["READERS", "Interaction", "measure_interaction", "read_interactions"]
