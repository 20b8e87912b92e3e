"""The public names are frozen, they resolve, and importing the package costs nothing."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import zeroshot_hoi
from zeroshot_hoi import catalog, doctor

HEAVY = ("jax", "torch", "warp", "trimesh", "scipy", "networkx", "pydantic", "PIL", "rich", "tyro", "numpy")


def test_public_names_are_frozen() -> None:
    assert zeroshot_hoi.__all__ == ["HoiError", "Mesh", "Pipeline", "Recipe", "Result", "compare", "list_recipes"]


@pytest.mark.parametrize("name", zeroshot_hoi.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(zeroshot_hoi, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Pipelin"):
        _ = zeroshot_hoi.Pipelin


def test_root_module_is_short() -> None:
    assert len(Path(zeroshot_hoi.__file__).read_text(encoding="utf-8").splitlines()) <= 45


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [("import zeroshot_hoi", ()), ("from zeroshot_hoi import Recipe", ("networkx", "numpy", "pydantic"))],
)
def test_imports_stay_light(statement: str, allowed: tuple[str, ...], checkout: Path) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert set(ast_list(done.stdout)) <= set(allowed)


def ast_list(text: str) -> list[str]:
    return [word.strip(" '\n") for word in text.strip().strip("[]").split(",") if word]


@pytest.mark.parametrize("row", catalog.CATALOG, ids=lambda row: f"{row.stage}-{row.name}")
def test_every_catalog_row_loads(row: catalog.Variant) -> None:
    if catalog.missing_modules(row):
        pytest.skip(f"needs {catalog.install_line(row.extra)}")
    assert callable(catalog.load(row.stage, row.name))


def test_a_missing_backend_names_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    row = catalog.Variant("engine", "imaginary", "nowhere:nothing", "torch", ("module_that_is_not_installed",))
    monkeypatch.setattr(catalog, "CATALOG", (row,))
    with pytest.raises(zeroshot_hoi.HoiError, match=r"pip install 'zeroshot-hoi\[torch\]'"):
        catalog.load("engine", "imaginary")


def test_unknown_variants_name_the_nearest() -> None:
    with pytest.raises(zeroshot_hoi.HoiError, match="'torch'"):
        catalog.find("engine", "torhc")
    with pytest.raises(zeroshot_hoi.HoiError, match="'engine'"):
        catalog.find("engin", "jax")


def test_doctor_knows_the_packages_of_the_project_file(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {line.split(">")[0] for line in project["dependencies"]} == set(doctor.CORE_PACKAGES)
    extras = project["optional-dependencies"]
    assert set(doctor.EXTRA_PACKAGES) == set(extras) - {"test", "dev", "all"}
    assert {row.extra for row in catalog.CATALOG} <= {"", *extras}
    for extra, packages in doctor.EXTRA_PACKAGES.items():
        own = {line.split(">")[0] for line in extras[extra] if not line.startswith("zeroshot-hoi")}
        assert own == set(packages)


def test_torch_is_capped(checkout: Path) -> None:
    extras = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert extras["torch"] == ["torch>=2.6,<2.14"]
