"""One cache folder for everything that is computed once: distance grids, compiled kernels, answers.

The root is `ZEROSHOT_HOI_CACHE`, or the user's cache folder. A key is the hash of the content and the settings; a file
is written under a temporary name and renamed, so that two processes never read half of it. Arrays are stored as `.npz`
without pickles, and a file that cannot be read is made again.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np


def cache_root() -> Path:
    """The cache folder; it may not exist yet."""
    chosen = os.environ.get("ZEROSHOT_HOI_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "zeroshot_hoi"


def content_key(*parts: Any) -> str:
    """sha256 of arrays (shape, type and bytes) and of the text of anything else."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"array {part.dtype.str} {part.shape};".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(f"{type(part).__name__} {part!r};".encode())
    return digest.hexdigest()


def cached_arrays(kind: str, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays stored under `kind/key`, or what `make` returns, which is then stored.

    A folder that cannot be written costs only the next run's time, so it is no error.
    """
    path = cache_root() / kind / f"{key}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        arrays = {name: np.asarray(array) for name, array in make().items()}
    with contextlib.suppress(OSError):
        _store(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
    return arrays


def cached_bytes(kind: str, key: str, make: Callable[[], bytes]) -> bytes:
    """The bytes stored under `kind/key`, or what `make` returns, which is then stored behind its sha256.

    What does not fit its sum is made again.
    """
    path = cache_root() / kind / key
    with contextlib.suppress(OSError):
        stored = path.read_bytes()
        if hashlib.sha256(stored[32:]).digest() == stored[:32]:
            return stored[32:]
    content = make()
    with contextlib.suppress(OSError):
        _store(path, lambda file: file.write(hashlib.sha256(content).digest() + content))
    return content


def _store(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def start_warp() -> Any:
    """The `warp` module: only errors are printed, and compiled kernels are kept under the cache root."""
    import warp as wp

    wp.config.log_level = wp.LOG_ERROR
    wp.config.kernel_cache_dir = str(cache_root() / "warp")
    with contextlib.nullcontext() if _cuda_driver_loads() else _without_native_lines(NO_DRIVER):
        wp.init()
    return wp


NO_DRIVER = b"Could not find or load the NVIDIA CUDA driver"
"""Warp's native library prints this past its own log level; a machine without a GPU is no fault."""


def _cuda_driver_loads() -> bool:
    """Whether the NVIDIA driver's library is on this machine."""
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _without_native_lines(unwanted: bytes) -> Iterator[None]:
    """Hold back what is written to the process's standard error, then pass on every line that lacks `unwanted`."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error, so nothing to hold back
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            os.write(2, b"".join(line for line in held if unwanted not in line))
