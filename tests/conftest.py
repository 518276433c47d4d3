"""What every test starts from: an environment without settings of the person who runs it."""

from __future__ import annotations

import importlib.util
import os

import pytest

_KEPT = {"LOCUTOR_MODELS"}
"""The model store's folder stays: its weights are checked by digest, and fetching them again would cost minutes."""

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*/test_neural_*.py"]
"""Tests that need PyTorch are in files of that name: `make test` runs those in the environment that has it, and nothing else there."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("test_neural_"):
            item.add_marker(pytest.mark.neural)
        elif item.get_closest_marker("neural"):
            raise pytest.UsageError(f"{item.nodeid} is marked neural and would never be run: its file's name must begin with test_neural_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (name.startswith(("LOCUTOR_", "OTEL_")) and name not in _KEPT) or name.lower() in {"http_proxy", "https_proxy", "grpc_proxy", "all_proxy"}:
            monkeypatch.delenv(name)
