"""Imports follow the order core < tools < stages < results < metrics < pipeline < cli, and stages stay apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "zeroshot_hoi"
LAYERS = (
    {"core"},
    {"geometry", "body", "models", "render", "recipe", "recipe_tables", "recipe_toml", "catalog"},
    {"planning", "affordance", "pose", "reference", "optimization", "refinement"},
    {"results"},
    {"metrics"},
    {
        "pipeline",
        "sentence",
        "stages",
        "stage_records",
        "stage_folder",
        "stage_words",
        "measures",
        "mesh_digest",
        "notebook",
        "comparison",
    },
    {
        "cli",
        "evaluation",
        "run_command",
        "result_commands",
        "command_arguments",
        "command_json",
        "console",
        "doctor",
        "mesh_argument",
        "text_argument",
        "__main__",
        "__init__",
    },
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
STAGES = LAYERS[2]
EXCEPTIONS = {("results/result.py", "metrics")}
"""`Result.metrics()` is public API and imports the metrics when it is called."""


def imported_units(tree: ast.AST) -> set[str]:
    """First name below the package of everything that a module imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            names.add("<relative>")
        elif isinstance(node, ast.ImportFrom) and node.module == "zeroshot_hoi":
            names |= {f"zeroshot_hoi.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("zeroshot_hoi.")} | (names & {"<relative>"})


def violations(path: str, source: str) -> list[str]:
    unit = path.split("/")[0].removesuffix(".py")
    found = []
    for other in sorted(imported_units(ast.parse(source)) - {unit, "__version__"}):
        if unit == "__init__" or (path, other) in EXCEPTIONS:
            continue
        too_high = RANK.get(other, len(LAYERS)) > RANK[unit]
        if other == "<relative>" or too_high or (unit in STAGES and other in STAGES):
            found.append(f"{path} imports {other}")
    return found


def test_every_module_belongs_to_a_layer() -> None:
    units = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert units <= RANK.keys(), f"name a layer for {units - RANK.keys()}"


@pytest.mark.parametrize("path", sorted(p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py")))
def test_imports_point_downward(path: str) -> None:
    assert not violations(path, (PACKAGE / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/scene.py", "from zeroshot_hoi.geometry.load import load_mesh"),
        ("pose/prior.py", "import zeroshot_hoi.affordance.geometric"),
        ("optimization/solver.py", "def f():\n    from zeroshot_hoi.results.result import Result"),
        ("body/load.py", "from . import kinematics"),
        ("metrics/contact.py", "from zeroshot_hoi import cli"),
    ],
)
def test_a_wrong_import_is_seen(path: str, source: str) -> None:
    assert violations(path, source)
