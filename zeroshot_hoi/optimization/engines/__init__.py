"""Engines evaluate a problem: energies per term and Gauss-Newton normal equations, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeroshot_hoi.core.errors import EngineError, nearest_name

if TYPE_CHECKING:
    from zeroshot_hoi.optimization.engines.base import Engine
    from zeroshot_hoi.optimization.problem import Problem

ENGINES = {"jax": "jax", "torch": "torch"}
"""Engine name -> the extra that installs it (JAX is a core dependency)."""


def make_engine(name: str, problem: Problem) -> Engine:
    """The engine `name` on `problem`; raises EngineError with the line that installs a missing one."""
    if name not in ENGINES:
        raise EngineError(f"Unknown engine '{name}'. {nearest_name(name, ENGINES)}")
    try:
        if name == "jax":
            from zeroshot_hoi.optimization.engines.jax import JaxEngine

            return JaxEngine(problem)
        from zeroshot_hoi.optimization.engines.torch import TorchEngine

        return TorchEngine(problem)
    except ImportError as error:
        raise EngineError(
            f"The engine '{name}' is not installed ({error}). Install it with: "
            f"pip install 'zeroshot-hoi[{ENGINES[name]}]', or run with engine = 'jax'."
        ) from error
