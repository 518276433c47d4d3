"""Files in progress that processes which were killed have left in the system's temporary folder."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

log = logging.getLogger("locutor.serving")

_PREFIXES = ("locutor-output-", "locutor-asr-", "locutor-lipsync-", "locutor-probe-")
"""Folders of one call each. Those that last as long as their process are not among them: their age tells nothing."""
_OLD_S = 24 * 3600.0
"""No call takes so long."""


def sweep_leftovers() -> None:
    """Remove what has not changed for a day."""
    oldest = time.time() - _OLD_S
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [Path(entry.path) for entry in entries if entry.name.startswith(_PREFIXES) and entry.is_dir(follow_symlinks=False)]
    for folder in found:
        try:
            if max(path.lstat().st_mtime for path in (folder, *folder.iterdir())) < oldest:
                shutil.rmtree(folder)
                log.info("%s was left by a process that died, and is removed", folder)
        except OSError as error:
            # Another process sweeps, too, or ends.
            log.debug("%s stays: %s", folder, error)
