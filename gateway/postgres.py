"""How Postgres is connected to: a machine that vanishes without a word is noticed within seconds, at both ends.

Otherwise the server would keep its locks, and those who wait for it would wait, for as long as TCP goes on trying: hours.
"""

from __future__ import annotations

from typing import Any

SILENT_S = 11
"""Longest time for which nothing is heard from the other end: it is gone then. What the keepalives below add up to."""
_CONNECT_S = 10


def connection_options(idle_transaction_s: float) -> dict[str, Any]:
    """Parameters of a connection, in the words of libpq.

    `idle_transaction_s`: the server ends a transaction in which nothing is asked for so long, and frees its locks.
    """
    # Keepalives find a dead end while nothing is sent; the user timeout does while something is.
    server = {
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "tcp_user_timeout": SILENT_S * 1000,
        "idle_in_transaction_session_timeout": round(idle_transaction_s * 1000),
    }
    return {
        "connect_timeout": _CONNECT_S,
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENT_S * 1000,
        "options": " ".join(f"-c {name}={value}" for name, value in server.items()),
    }
