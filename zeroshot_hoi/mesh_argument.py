"""Meshes on the command line: `NAME=PATH[,unit=m|cm|mm|FLOAT][,up=y|z][,front=x|-x|...]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from zeroshot_hoi.core.errors import MeshError, nearest_name
from zeroshot_hoi.core.scene import Mesh

SETTINGS = {
    "unit": "m, cm, mm or metres per unit, such as 0.0254",
    "up": "y or z",
    "front": "x, -x, y, -y, z or -z, the file's axis",
}
_ALLOWED = {
    "unit": re.compile(r"m|cm|mm|\d*\.?\d+(e[+-]?\d+)?"),
    "up": re.compile(r"[yz]"),
    "front": re.compile(r"-?[xyz]"),
}


def parse_meshes(arguments: Sequence[str], objects: Sequence[str]) -> dict[str, Mesh]:
    """Object name -> mesh, for the objects that a recipe has."""
    meshes: dict[str, Mesh] = {}
    for argument in arguments:
        name, mesh = parse_mesh(argument, objects)
        if name in meshes:
            raise MeshError(f"--mesh gives '{name}' twice. Keep one.")
        meshes[name] = mesh
    return meshes


def parse_mesh(argument: str, objects: Sequence[str]) -> tuple[str, Mesh]:
    """The object and the mesh that one argument names."""
    name, equals, rest = argument.partition("=")
    name = name.strip()
    if not equals or Path(argument).is_file():
        raise MeshError(
            f"--mesh {argument!r} does not say which object it is. Write --mesh {_quoted(objects[0])}={argument}. "
            f"The recipe's objects: {_listed(objects)}."
        )
    if name not in objects:
        raise MeshError(f"--mesh: the recipe has no object '{name}'. {nearest_name(name, objects)}")
    path, settings = _split(rest)
    if not Path(path).expanduser().is_file():
        raise MeshError(
            f"--mesh {name}: there is no file {path}. Give the path of a mesh (.glb, .obj, .ply, .stl, ...)."
        )
    unit = settings.get("unit")
    if unit is not None and unit not in ("m", "cm", "mm"):
        unit = _metres_per_unit(unit)
    return name, Mesh(str(Path(path).expanduser()), unit, settings.get("up"), settings.get("front"))


def _split(text: str) -> tuple[str, dict[str, str]]:
    """The path and the settings behind it; a path may itself have commas."""
    if Path(text).expanduser().is_file():
        return text, {}
    settings: dict[str, str] = {}
    while match := re.fullmatch(r"(.*),\s*(\w+)\s*=\s*([^,=]*)", text, re.DOTALL):
        text, key, value = match.group(1), match.group(2), match.group(3).strip()
        if key not in SETTINGS:
            raise MeshError(f"--mesh: unknown setting '{key}'. {nearest_name(key, SETTINGS)}")
        if key in settings:
            raise MeshError(f"--mesh: '{key}' is given twice. Keep one.")
        if not _ALLOWED[key].fullmatch(value):
            raise MeshError(f"--mesh: {key}={value} is not allowed. {key} is {SETTINGS[key]}.")
        settings[key] = value
    return text.strip(), settings


def _metres_per_unit(text: str) -> float:
    value = float(text)
    if not 1e-9 < value < 1e9:
        raise MeshError(f"--mesh: unit={text} is not allowed. unit is {SETTINGS['unit']}.")
    return value


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
