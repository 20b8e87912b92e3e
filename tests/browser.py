"""A headless Chromium for tests of pages; they skip, saying so, where there is none."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
"""WebGL on the processor, where a machine has no graphics card."""

SLOW = 120_000
"""Milliseconds that a page may take on a busy machine."""


class Watched:
    """A page, what its console said that is wrong, and every address it asked for."""

    def __init__(self, page: Any) -> None:
        self.page, self.faults, self.addresses = page, [], []
        page.set_default_timeout(SLOW)
        page.on("console", lambda message: message.type in ("error", "warning") and self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def wait_until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds; asked from outside, because the page forbids `eval`."""
        deadline = time.monotonic() + SLOW / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"{expression} never held; the console said {self.faults}"
            self.page.wait_for_timeout(50)

    @property
    def errors(self) -> list[str]:
        """Faults of the page; how a software WebGL performs is the driver's own remark."""
        return [fault for fault in self.faults if "GPU stall" not in fault and "GL Driver Message" not in fault]


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, closed at the end."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    path = os.environ.get("ZEROSHOT_HOI_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium, or set ZEROSHOT_HOI_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
