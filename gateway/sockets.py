"""Private sockets of a process."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes."""


def socket_address(folder: Path, name: str) -> str:
    """A unix socket in `folder`, or a free loopback port where there are no such sockets or the path is too long."""
    path = folder / f"{name}.sock"
    if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return f"unix:{path}"
    return "tcp://127.0.0.1:0"
