"""Small artifacts made by the tests: an archive, a manifest that names it, and a web server that carries it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

VOICE = bytes(range(256)) * 4096  # 1 MiB
CONFIG = b'{"sample_rate": 24000}'


@pytest.fixture(autouse=True)
def no_shared_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests alone never touch the store that all other tests share."""
    monkeypatch.delenv("LOCUTOR_MODELS", raising=False)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tgz_of(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, to in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, to
            archive.addfile(info)
    return buffer.getvalue()


def manifest_of(archives: dict[str, bytes], parts: dict[str, tuple[list[str], bytes]], name: str = "toy-voice") -> str:
    """A manifest with the packages `archives` (file name "<package>.zip") and one artifact of `parts`: file -> (parts, content)."""
    lines = []
    for package, data in archives.items():
        lines.append(f'[archives.{package}]\nregistry = "pypi"\nversion = "1.0"\nfile = "{package}.zip"\nsha256 = "{sha256(data)}"\nbytes = {len(data)}')
    lines.append(f'[artifacts."{name}"]\ntitle = "A toy"\nlicense = "CC0-1.0"\ncommercial_use = true\nupstream = "the tests"\n[artifacts."{name}".files]')
    for file, (members, data) in parts.items():
        lines.append(f'"{file}" = {{ sha256 = "{sha256(data)}", bytes = {len(data)}, parts = {members!r} }}')
    return "\n".join(lines)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two archives; "toy-voice" is voice.onnx, halved between them, and config.json, from the second."""
    half = len(VOICE) // 2
    archives = {
        "toy-1": zip_of({"toy/part1": VOICE[:half], "toy/code.py": b"raise SystemExit"}),
        "toy-2": zip_of({"toy/part2": VOICE[half:], "toy/config.json": CONFIG}),
    }
    files = {"voice.onnx": (["toy-1:toy/part1", "toy-2:toy/part2"], VOICE), "config.json": (["toy-2:toy/config.json"], CONFIG)}
    folder = tmp_path / "archives"
    folder.mkdir()
    for name, data in archives.items():
        (folder / f"{name}.zip").write_bytes(data)
    manifest = tmp_path / "extra.toml"
    manifest.write_text(manifest_of(archives, files))
    monkeypatch.setenv("LOCUTOR_MODELS_MANIFEST", str(manifest))
    return folder


@dataclass
class Mirror:
    """A web server over a folder that understands Range, and may break connections off."""

    folder: Path
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of every request for a file that is there."""
    break_after_bytes: int | None = None
    """Each answer ends after so many bytes, although more was promised."""
    ignores_range: bool = False


@pytest.fixture
def mirror(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    state = Mirror(toy)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = state.folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            asked = self.headers.get("Range", "")
            state.requests.append((self.path, asked))
            data = path.read_bytes()
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not state.ignores_range else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:] if state.break_after_bytes is None else data[start : start + state.break_after_bytes])

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("LOCUTOR_MODELS_SOURCE", state.url)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
