"""What every test shares: one BLAS thread, a cache apart from the user's, and where the real meshes are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""Before numpy is imported: OpenBLAS' threads compete with XLA's."""

_USER = os.getuid() if hasattr(os, "getuid") else "user"
os.environ.setdefault("ZEROSHOT_HOI_CACHE", str(Path(tempfile.gettempdir()) / f"zeroshot_hoi-tests-{_USER}"))
"""Kept between sessions, because compiling kernels costs more than most tests."""

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The repository's root."""
    return CHECKOUT


@pytest.fixture(scope="session")
def meshes_dir() -> Path:
    """Folder of real meshes; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("ZEROSHOT_HOI_MESHES", CHECKOUT.parent / "shared" / "meshes"))
    if not folder.is_dir():
        pytest.skip(f"no real meshes at {folder}; set ZEROSHOT_HOI_MESHES")
    return folder
