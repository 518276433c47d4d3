"""What is built from pyproject.toml and the locks: complete, and in step with each other."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]


def locked(name: str) -> dict[str, Version]:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    return {canonicalize_name(found): Version(version) for found, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)}


def wanted(extra: str) -> list[Requirement]:
    """The requirements of an extra, those of the extras that it names included."""
    found = []
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name == "locutor":
            for nested in requirement.extras:
                found += wanted(nested)
        else:
            found.append(requirement)
    return found


@pytest.mark.parametrize("name", ["serving", "asr", "tts", "translate", "lipsync", "gateway", "dev"])
def test_the_lock_fits_pyproject(name: str) -> None:
    """Where this fails: make lock."""
    pins = locked(name)
    requirements = [Requirement(text) for text in PROJECT["project"]["dependencies"]] + wanted("all" if name == "dev" else name)
    if name == "dev":
        requirements += [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
    unfit = [
        str(r) for r in requirements if canonicalize_name(r.name) not in pins or not r.specifier.contains(pins[canonicalize_name(r.name)], prereleases=True)
    ]
    assert unfit == []
    everything = locked("dev")
    assert {package: version for package, version in pins.items() if everything.get(package) != version} == {}


def test_the_neural_lock_fits_pyproject() -> None:
    """Where this fails: make lock. PyTorch is not in it: its build depends on the registry."""
    pins = locked("neural")
    requirements = [*(r for extra in EXTRAS if any("torch" in text for text in EXTRAS[extra]) for r in wanted(extra))]
    requirements += [Requirement(text) for text in PROJECT["dependency-groups"]["neural"]]
    wrong = [
        str(r) for r in requirements if r.name != "torch" and not r.specifier.contains(pins.get(canonicalize_name(r.name), Version("0")), prereleases=True)
    ]
    assert len(requirements) > 20 and wrong == []
    assert not {name for name in pins if name in ("torch", "triton") or name.startswith(("nvidia-", "cuda-"))}
    everything = locked("dev")
    assert {package: version for package, version in pins.items() if package in everything and everything[package] != version} == {}


def test_locks_pin_hashes_and_name_no_index() -> None:
    for path in sorted((ROOT / "requirements").glob("*.lock")):
        text = path.read_text()
        assert "://" not in text and "--index" not in text and "--find-links" not in text, path.name
        blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
        assert [block.splitlines()[0] for block in blocks if block.strip() and "--hash=sha256:" not in block] == [], path.name


def test_every_data_file_is_packaged() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    packages = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
    files = [path for package in packages for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert [str(path.relative_to(ROOT)) for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []
    assert len(files) > 10
