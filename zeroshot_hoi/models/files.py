"""Find a checkpoint's folder, read its small files, and measure its weights without loading them.

A source is a local folder or a hub id. A hub id is looked up in the hub's local cache; it is downloaded only where the
settings say so. Weights are `.safetensors` only: pickled checkpoints can run code when they are opened and are refused.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from zeroshot_hoi.models.base import ModelError
from zeroshot_hoi.models.weights import describe, fetch_line, known

MAX_JSON_BYTES = 16_777_216
"""A configuration is a few kilobytes, the largest shard index some megabytes."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[\w.-]{1,96}")
REVISION = re.compile(r"[\w./-]{1,128}")

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

BYTES_PER_NUMBER = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
HALF = ("fp16", "bf16")
"""Suffixes of weights in half precision, the likelier first."""
FLOATS = ("F64", "F32", "F16", "BF16")


def locate(source: str, revision: str | None = None, download: bool = False) -> Path:
    """The folder of a checkpoint given as a folder or a hub id; a `ModelError` with the remedy where it is not here."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if not HUB_ID.fullmatch(source) or ".." in source:
        raise ModelError(
            f"'{source}' is no folder and no hub id (owner/name). Give the folder of a downloaded checkpoint, or an id "
            "that `zeroshot-hoi doctor --weights` lists."
        )
    if revision is not None and (not REVISION.fullmatch(revision) or ".." in revision):
        raise ModelError(f"'{revision}' is no revision. Give a branch, a tag or a commit of '{source}'.")
    if download:
        return _download(source, revision)
    cached = find_cached(source, revision)
    if cached is None:
        raise ModelError(_missing(source, revision))
    return cached


def find_cached(model_id: str, revision: str | None = None) -> Path | None:
    """Where the hub's cache has a checkpoint, or None."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    for name in ("model_index.json", "config.json"):
        found = try_to_load_from_cache(model_id, name, revision=revision)
        if isinstance(found, str):
            return Path(found).parent
    return None


def _download(source: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.txt", "*.model", "*.safetensors", "*.jinja"]
    row = known(source)
    try:
        skipped = list(row.skip) if row else []
        return Path(
            snapshot_download(source, revision=revision, allow_patterns=patterns, ignore_patterns=skipped or None)
        )
    except Exception as error:  # the hub client raises a dozen unrelated types: network, access, disk
        raise ModelError(f"Downloading '{source}' failed: {error}. {_missing(source, revision)}") from error


def _missing(source: str, revision: str | None) -> str:
    row = known(source)
    facts = f" ({describe(row)})" if row else ""
    return (
        f"The weights of '{source}'{facts} are not on this machine. Get them: {fetch_line(source, revision)}   "
        "or give the folder where you keep them."
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small JSON file of a checkpoint."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelError(f"{path} has {path.stat().st_size} bytes; at most {MAX_JSON_BYTES} are read.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}. Fetch the checkpoint again.") from None
    if not isinstance(data, dict):
        raise ModelError(f"{path} holds a {type(data).__name__}, not an object. Fetch the checkpoint again.")
    return data


def architecture(folder: Path) -> str:
    """What a checkpoint is: transformers' `model_type`, or diffusers' pipeline class."""
    for name, key in (("model_index.json", "_class_name"), ("config.json", "model_type")):
        if (folder / name).is_file():
            value = read_json(folder / name).get(key)
            if isinstance(value, str):
                return value
            raise ModelError(f"{folder / name} has no text under '{key}', so the model's kind is unknown.")
    raise ModelError(
        f"{folder} has neither config.json nor model_index.json. Give the folder that `hf download` made, or one "
        "written by save_pretrained."
    )


def weight_files(folder: Path, variant: str | None = None) -> tuple[Path, ...]:
    """The `.safetensors` files that loading one component would read: the shards of an index, or one whole file."""
    suffix = f".{variant}" if variant else ""
    for stem in ("model", "diffusion_pytorch_model"):
        for index in folder.glob(f"{stem}.safetensors.index{suffix}.json"):
            names = sorted({str(name) for name in read_json(index).get("weight_map", {}).values()})
            if names and all(Path(name).name == name and (folder / name).is_file() for name in names):
                return tuple(folder / name for name in names)
            raise ModelError(f"{index} names weight files that are not in {folder}. Fetch the checkpoint again.")
        if (folder / f"{stem}{suffix}.safetensors").is_file():
            return (folder / f"{stem}{suffix}.safetensors",)
    return ()


def choose_variant(folder: Path, wanted: str | None = None) -> str | None:
    """The suffix of the weight files to read: `wanted`, none where every component has plain `.safetensors`, or the
    half precision that some repositories publish alone (`model.fp16.safetensors`)."""
    if wanted:
        return wanted
    parts = [folder / name for name in _components(folder)]
    for variant in (None, *HALF):
        if parts and all(_has_weights(part, variant) for part in parts):
            return variant
    return None


def _has_weights(folder: Path, variant: str | None) -> bool:
    """Whether a component has no weights at all (a scheduler), or has them under this suffix."""
    return not (folder / "config.json").is_file() or bool(weight_files(folder, variant))


def _components(folder: Path) -> list[str]:
    """Names of a pipeline's components; one empty name for a single model."""
    index = folder / "model_index.json"
    if not index.is_file():
        return [""]
    return [name for name, entry in read_json(index).items() if isinstance(entry, list) and entry[0] is not None]


def component_bytes(folder: Path, bytes_per_float: int, variant: str | None = None) -> dict[str, int]:
    """Component -> bytes of its weights in memory when floats take `bytes_per_float`; `''` for a single model.

    Raises `ModelError` where a component has only pickled weights, or none.
    """
    sizes: dict[str, int] = {}
    for part in _components(folder):
        files = weight_files(folder / part, variant) or weight_files(folder / part)
        if files:
            sizes[part] = sum(_tensor_bytes(path, bytes_per_float) for path in files)
        elif part == "" or (folder / part / "config.json").is_file():
            raise ModelError(_no_weights(folder / part))
    return sizes


def _no_weights(folder: Path) -> str:
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in PICKLED)
    if pickled:
        return (
            f"{folder} has its weights as {pickled[0]}, a pickle, which can run code when it is opened and is never "
            "read here. Use a revision with .safetensors, or convert it once on a machine you trust."
        )
    return f"{folder} has no .safetensors weights. Fetch the whole checkpoint again."


def _tensor_bytes(path: Path, bytes_per_float: int) -> int:
    from safetensors import SafetensorError, safe_open

    total = 0
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                tensor = file.get_slice(name)
                kind = tensor.get_dtype()
                count = 1
                for side in tensor.get_shape():
                    count *= side
                total += count * (bytes_per_float if kind in FLOATS else BYTES_PER_NUMBER.get(kind, 1))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged or cut off: {error}. Fetch it again.") from None
    return total
