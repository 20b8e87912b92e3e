"""Stage 5: the motion of people and objects that obeys the graph and follows the reference.

Four steps, each a stage of the pipeline: grips, static poses, key frames, all frames. Each takes the interaction as a
`Compiler` and what the step before made.
"""

from __future__ import annotations

from zeroshot_hoi.optimization.clip import solve_all_frames
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grips import find_grips
from zeroshot_hoi.optimization.key_frames import FINALISTS, solve_key_frames
from zeroshot_hoi.optimization.static_poses import solve_static_poses

__all__ = ["FINALISTS", "Compiler", "find_grips", "solve_all_frames", "solve_key_frames", "solve_static_poses"]
