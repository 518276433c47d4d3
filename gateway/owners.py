"""Which process works on which jobs: so that the jobs of a dead one are taken up, and those of a living one left alone."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from filelock import FileLock, Timeout


class Owner:
    """One gateway process among those that share a data folder. It lives as long as it holds the lock on its file."""

    def __init__(self, data: Path) -> None:
        self.id = secrets.token_hex(6)
        self._data = data
        self.folder = _folder(data, self.id)
        """For files in progress."""
        self.folder.mkdir(parents=True)
        self._lock = FileLock(self.folder / "lock")
        self._lock.acquire(timeout=0)

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
            if folder != self.folder and _is_free(folder):
                shutil.rmtree(folder, ignore_errors=True)


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
