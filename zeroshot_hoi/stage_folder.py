"""The outputs of stages in a folder, so that a run that was interrupted goes on where it was.

One file per stage, the newest only: `parts-<key>.stage`, an `.npz` of arrays and a JSON tree without pickles. A file
counts only if its key, which hashes everything that the stage depends on and the code, is the one asked for, and if its
content still has the digest that it was written with.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.results.archive import read_arrays, replacing
from zeroshot_hoi.stage_records import Packed, pack, unpack

MAX_FILE_BYTES = 1 << 29
"""Of one stage's output on disk; a larger one is not kept."""

MAX_TREE_CHARACTERS = 1 << 24

_FILE = re.compile(r"([a-z]+)-[0-9a-f]{16}\.stage")


@dataclass(frozen=True)
class Kept:
    """A stage's output as it was found."""

    output: Any
    digest: str
    seconds: float
    """How long the stage ran when it ran."""


class StageFolder:
    """The kept outputs of one run."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when something is kept."""
        self.folder = folder

    def read(self, stage: str, key: str) -> Kept | None:
        """What is kept of a stage under this key; None where there is nothing, ResultError where it is damaged."""
        path = self._path(stage, key)
        try:
            size = path.stat().st_size
        except OSError:
            return None
        if size > MAX_FILE_BYTES:
            raise ResultError(f"'{path}' has {size:,} bytes; a stage's file may have {MAX_FILE_BYTES:,}.")
        arrays = read_arrays(path)
        packed = _packed(path, arrays)
        if str(arrays["key"]) != key:
            return None
        if packed.digest != str(arrays["digest"]):
            raise ResultError(f"'{path}' does not have the content that it was written with.")
        return Kept(unpack(packed), packed.digest, float(arrays["seconds"]))

    def write(self, stage: str, key: str, output: Any, seconds: float) -> bool:
        """Keep an output in place of the stage's earlier one; False where that cannot be done, which is no error."""
        packed = pack(output)
        arrays = {f"array {index}": array for index, array in enumerate(packed.arrays)}
        if sum(array.nbytes for array in arrays.values()) > MAX_FILE_BYTES or len(packed.text) > MAX_TREE_CHARACTERS:
            return False
        about = {"tree": packed.text, "key": key, "digest": packed.digest, "seconds": seconds}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path(stage, key)) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **{k: np.array(v) for k, v in about.items()}, **arrays)
        except (OSError, ResultError):
            return False
        for other in self._files():
            if other.name.startswith(f"{stage}-") and other != self._path(stage, key):
                other.unlink(missing_ok=True)
        return True

    def stages(self) -> list[str]:
        """Names of the stages that have a file, oldest first."""
        found = sorted(self._files(), key=lambda path: path.stat().st_mtime_ns)
        return [path.name.rpartition("-")[0] for path in found]

    def clear(self) -> None:
        """Remove the kept files, and the folder where nothing else is in it."""
        for path in self._files():
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _path(self, stage: str, key: str) -> Path:
        return self.folder / f"{stage}-{key[:16]}.stage"

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [path for path in self.folder.iterdir() if _FILE.fullmatch(path.name) and path.is_file()]


def _packed(path: Path, arrays: dict[str, np.ndarray]) -> Packed:
    count = sum(name.startswith("array ") for name in arrays)
    names = [f"array {index}" for index in range(count)]
    if set(arrays) != {"tree", "key", "digest", "seconds", *names} or arrays["tree"].size != 1:
        raise ResultError(f"'{path}' does not hold what a stage's file holds.")
    if arrays["tree"].itemsize > 4 * MAX_TREE_CHARACTERS:
        raise ResultError(f"'{path}' describes more than a stage's file may.")
    return Packed(str(arrays["tree"]), tuple(arrays[name] for name in names))


@cache
def code_version() -> str:
    """sha256 of the package's own source, so that nothing made by other code is taken for its work."""
    digest, package = hashlib.sha256(), Path(__file__).parent
    for path in sorted((*package.rglob("*.py"), *package.rglob("*.toml"))):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
