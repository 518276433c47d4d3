"""Which process works on which jobs: so that the jobs of a dead one are taken up, and those of a living one left alone."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path

from filelock import FileLock, Timeout

_STARTING = "starting-"
_START_S = 60.0
"""A folder that is not complete after this time is one whose process died meanwhile."""


class Owner:
    """One gateway process among those that share a data folder. It lives as long as it holds the lock on its file."""

    def __init__(self, data: Path) -> None:
        self.id = secrets.token_hex(6)
        self._data = data
        self.folder = _folder(data, self.id)
        """For files in progress."""
        # It appears with its lock held: others remove what has none, or one that nobody holds.
        hidden = self.folder.with_name(f"{_STARTING}{self.id}")
        hidden.mkdir(parents=True)
        self._lock = FileLock(hidden / "lock")
        self._lock.acquire(timeout=0)
        hidden.rename(self.folder)

    def release(self) -> None:
        """End, and remove the files in progress."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_dead(self, other: str) -> bool:
        """Whether the process that was `other` has ended."""
        return other != self.id and _is_free(_folder(self._data, other))

    def bury_dead(self) -> None:
        """Remove what processes that have ended left in progress."""
        for folder in self.folder.parent.iterdir():
            if folder != self.folder and not _is_starting(folder) and _is_free(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_starting(folder: Path) -> bool:
    try:
        return folder.name.startswith(_STARTING) and time.time() - folder.stat().st_mtime < _START_S
    except FileNotFoundError:
        return True


def _folder(data: Path, owner: str) -> Path:
    return data / "work" / owner


def _is_free(folder: Path) -> bool:
    if not (folder / "lock").exists():
        return True
    try:
        with FileLock(folder / "lock", timeout=0):
            return True
    except Timeout:
        return False
