"""What every test starts from: an environment without settings of the person who runs it."""

from __future__ import annotations

import os

import pytest

_KEPT = {"LOCUTOR_MODELS"}
"""The model store's folder stays: its weights are checked by digest, and fetching them again would cost minutes."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (name.startswith("LOCUTOR_") and name not in _KEPT) or name.lower() in {"http_proxy", "https_proxy", "grpc_proxy", "all_proxy"}:
            monkeypatch.delenv(name)
