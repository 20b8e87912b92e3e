"""Reading and writing files that may come from anyone and may not be lost halfway.

A result is an `.npz`: a zip of `.npy` members. Before a member is unpacked its header is read by itself, so that a file
that announces more than it holds, a zip bomb or a pickle is refused with a sentence and costs neither memory nor trust.
Writing goes to a temporary file beside the target, which is renamed once it is complete.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zeroshot_hoi.core.errors import ResultError

MAX_FILE_BYTES = 2 * 1024**3
"""Of a result file on disk."""

MAX_UNPACKED_BYTES = 6 * 1024**3
"""Of all its arrays together."""

MAX_RATIO = 1100
"""Unpacked to packed size of one member; deflate cannot exceed 1032."""

MAX_MEMBERS = 20_000

ALLOWED_KINDS = "biufU"
"""numpy kinds a member may have: booleans, integers, floats and text."""


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Every array of an `.npz`, by name; raises ResultError where the file is not what it should be."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ResultError(f"'{path}' has {size:,} bytes; a result file may have {MAX_FILE_BYTES:,}.")
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive.infolist())
            return {_array_name(path, item): _read_member(path, archive, item) for item in archive.infolist()}
    except FileNotFoundError:
        raise ResultError(f"There is no result file '{path}'. Check the path; results end in .npz.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ResultError(
            f"'{path}' is no .npz file or is damaged ({error}). Write it again with Result.save."
        ) from None
    except OSError as error:
        raise ResultError(f"'{path}' cannot be read: {error.strerror or error}.") from None


def _check_sizes(path: Path, items: list[zipfile.ZipInfo]) -> None:
    if len(items) > MAX_MEMBERS:
        raise ResultError(f"'{path}' has {len(items):,} arrays; a result file may have {MAX_MEMBERS:,}.")
    total = sum(item.file_size for item in items)
    if total > MAX_UNPACKED_BYTES:
        raise ResultError(f"'{path}' unpacks to {total:,} bytes; a result file may unpack to {MAX_UNPACKED_BYTES:,}.")
    for item in items:
        if item.file_size > MAX_RATIO * max(item.compress_size, 1):
            raise ResultError(f"'{path}' packs '{item.filename}' impossibly small; it looks like a zip bomb.")


def _array_name(path: Path, item: zipfile.ZipInfo) -> str:
    if not item.filename.endswith(".npy"):
        raise ResultError(f"'{path}' holds '{item.filename}', which is no array. A result file has arrays only.")
    return item.filename[: -len(".npy")]


def _read_member(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> np.ndarray:
    where = f"'{item.filename}' in '{path}'"
    with archive.open(item) as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(stream)
        except (ValueError, KeyError) as error:
            raise ResultError(f"{where} has no valid array header ({error}).") from None
        if dtype.kind not in ALLOWED_KINDS or dtype.hasobject:
            raise ResultError(
                f"{where} holds {dtype} data, a pickle or a record; only plain numbers and text are read, because "
                "pickles can run code. Write the result again with Result.save."
            )
        expected = int(np.prod(shape, dtype=object)) * dtype.itemsize if shape else dtype.itemsize
        if expected != item.file_size - stream.tell():
            raise ResultError(f"{where} announces {expected:,} bytes of data and does not hold them.")
        data = stream.read()
    if len(data) != expected:
        raise ResultError(f"{where} is cut off: {len(data):,} of {expected:,} bytes.")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C").copy()


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """A compressed `.npz` of plain arrays, complete or not there at all."""
    for name, array in arrays.items():
        assert np.asarray(array).dtype.kind in ALLOWED_KINDS, f"{name} has {np.asarray(array).dtype}"
    with replacing(path) as temporary, open(temporary, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix; it takes the name of `path` when the block succeeds. Missing
    folders are made: who has computed for a minute does not lose it to one."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise _unwritable(path, error) from None
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise ResultError unless a file can be written at `path`; call it before long work."""
    with_name = Path(path)
    if with_name.is_dir():
        raise ResultError(f"'{path}' is a folder; give the name of a file in it.")
    try:
        handle, name = tempfile.mkstemp(dir=with_name.parent, prefix=".writable-")
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise _unwritable(with_name, error) from None


def _unwritable(path: Path, error: OSError) -> ResultError:
    return ResultError(
        f"'{path}' cannot be written: {error.strerror or error}. Make the folder, free space on it, or choose another."
    )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
