"""A real `locutor up` with its web form, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from skimage import data

_CHROMIUM = shutil.which("chromium")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def form_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the form of a gateway with all its services, stopped by SIGTERM at the end."""
    folder = tmp_path_factory.mktemp("up")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUTOR_") or name == "LOCUTOR_MODELS"}
    command = [sys.executable, "-m", "locutor.cli.main", "up", "--listen", f"unix:{folder / 'gateway.sock'}", "--web", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**environment, "LOCUTOR_DATA": str(folder / "data")}) as process:
        assert process.stderr is not None
        lines = []
        url = ""
        while not url or "ready" not in lines[-1]:
            line = process.stderr.readline()
            assert line, f"`locutor up` ended before it was ready: {''.join(lines)}"
            lines.append(line)
            if line.startswith("web form on "):
                url = line.split()[-1]
        yield url
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[1]
        assert process.returncode == 0, rest


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while it lasts, Playwright's event loop is the running one, and no asynchronous test could have its own."""
    if _CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and in CI it must be: `make test` installs it")
        pytest.skip("Chromium is not installed: `make test` does it where apt is there and may be used")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, form_url: str) -> Iterator[Page]:
    """A fresh visit of the form. Errors of scripts, and requests to anywhere else, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((form_url, "blob:")) else wrong.append(f"a request to {request.url}"))
    page.goto(form_url)
    yield page
    context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@pytest.fixture(scope="session")
def no_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faces") / "coffee.png"
    Image.fromarray(data.coffee()).save(path)
    return path
