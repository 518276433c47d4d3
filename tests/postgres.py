"""A Postgres server of one's own: in a temporary folder, on a unix socket there, ended by its own process id."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

_START_S = 60.0
_SETTINGS = {
    "listen_addresses": "",
    # The machine does not crash in a test, only processes do.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "logging_collector": "off",
}


def missing() -> str:
    """Why no server can be started here; empty: one can."""
    if _programs() is None:
        return "Postgres is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _other_user() is None:
        return "Postgres does not run as root, and there is no user 'postgres' or 'nobody'"
    return ""


class Postgres:
    """A server for as long as a block lasts."""

    def __enter__(self) -> Postgres:
        if why := missing():
            raise RuntimeError(why)
        self._folder = Path(tempfile.mkdtemp(prefix="locutor-pg-"))
        # It does not run as root.
        self._user = _other_user() if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "--pgdata", str(self._data), "--username", "locutor", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """Of a new, empty database."""
        name = f"test_{secrets.token_hex(4)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self._url(name)

    def start(self) -> None:
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._server: subprocess.Popen[bytes] | None = subprocess.Popen(
                [_program("postgres"), "-D", str(self._data), "-k", str(self._folder), *settings], stdout=log, stderr=log, **self._as_user()
            )
        until = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self._url("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > until or self._server.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends all connections, SIGQUIT as a crash does."""
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait()
        self._server = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self._folder}&user=locutor"

    def _as_user(self) -> dict:
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": [], "cwd": self._folder} if self._user is not None else {}

    def _run(self, name: str, *arguments: str) -> None:
        ended = subprocess.run([_program(name), *arguments], capture_output=True, text=True, check=False, **self._as_user())
        if ended.returncode:
            raise RuntimeError(f"{name} failed: {ended.stderr}")


def _programs() -> Path | None:
    """Debian keeps the server's programs apart, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _program(name: str) -> str:
    folder = _programs()
    assert folder is not None
    return str(folder / name)


def _other_user() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None
