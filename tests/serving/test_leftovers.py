"""What killed processes have left is removed, and nothing that lives."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services.serving.leftovers import sweep_leftovers

DAYS_2 = time.time() - 2 * 24 * 3600


def test_only_old_folders_of_calls_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("locutor-output-old", "locutor-output-young", "locutor-output-growing", "locutor-espeak-old", "locutor-socket", "others"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "media").write_bytes(b"x")
        if not name.endswith("young"):
            if not name.endswith("growing"):
                os.utime(tmp_path / name / "media", (DAYS_2, DAYS_2))
            os.utime(tmp_path / name, (DAYS_2, DAYS_2))
    (tmp_path / "locutor-asr-link").symlink_to(tmp_path / "others")
    sweep_leftovers()
    assert {path.name for path in tmp_path.iterdir()} == {
        "locutor-output-young",
        "locutor-output-growing",
        "locutor-espeak-old",
        "locutor-socket",
        "others",
        "locutor-asr-link",
    }
