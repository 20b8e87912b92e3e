"""Pickles of plain numbers and text, and nothing else.

Loading a pickle runs whatever it names. This loader knows a dozen names, the ones that arrays, numbers and text are
made of, and refuses every other before anything is called.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.metrics.published.measure import MetricError

MAX_BYTES = 2 * 2**30

_ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
ALLOWED = {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("collections", "OrderedDict"), ("_codecs", "encode"),
    *((module, name) for module in _ARRAYS for name in ("_reconstruct", "scalar")),
    ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"),
}  # fmt: skip


class _Loader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise MetricError(
                f"The file names {module}.{name}, which may run code. Only arrays, numbers and text are read; "
                "convert it to .npz where it was written."
            )
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)

    def persistent_load(self, pid: Any) -> Any:
        raise MetricError("The file refers to data outside itself, which is not read.")


def load_plain_pickle(path: Path) -> Any:
    """The object in a `.pkl`, or in a `.npy` that holds one Python object.

    Raises MetricError where the file is missing, larger than MAX_BYTES, damaged, or names anything but plain data.
    """
    if not path.is_file():
        raise MetricError(f"There is no file at '{path}'.")
    if path.stat().st_size > MAX_BYTES:
        raise MetricError(f"'{path}' has {path.stat().st_size} bytes; at most {MAX_BYTES} are read.")
    data = path.read_bytes()
    try:
        if data.startswith(np.lib.format.MAGIC_PREFIX):
            return _load_npy(data)
        return _Loader(io.BytesIO(data)).load()
    except MetricError as error:
        raise MetricError(f"'{path}': {error}") from None
    except Exception as error:  # damaged pickles raise nearly anything
        raise MetricError(f"'{path}' can't be read: {type(error).__name__}: {error}.") from error


def _load_npy(data: bytes) -> Any:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if not dtype.hasobject:
        return np.load(io.BytesIO(data), allow_pickle=False)
    held = _Loader(stream).load()
    return held.item() if shape == () and isinstance(held, np.ndarray) else held
