"""Members out of zip (wheel) and tar archives, by name only. Nothing else of an archive is looked at or unpacked."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO

from locutor.errors import Unavailable

CHUNK_BYTES = 1 << 20


class BadArchive(Unavailable):
    """An archive is not what the manifest says: unreadable, or without a member, or with an unsafe one."""

    reason = "BAD_ARCHIVE"


def sha256_of(path: Path) -> str:
    """Lower-case hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lasting_sha256_of(path: Path) -> str:
    """As `sha256_of`, hashed once for as long as the file's size and time of change stay the same."""
    status = path.stat()
    return _lasting_sha256_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _lasting_sha256_of(path: Path, size_bytes: int, changed_ns: int) -> str:
    return sha256_of(path)


class ArchiveReader:
    """Reads members of archives. Archives stay open between members: each opening of a .tgz unpacks all of it."""

    def __init__(self) -> None:
        self._open: dict[Path, zipfile.ZipFile | tarfile.TarFile] = {}
        self._stack = ExitStack()

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def chunks(self, archive: Path, member: str) -> Iterator[bytes]:
        """The bytes of one member, 1 MiB at a time.

        Raises `BadArchive` for an absolute name or one with "..", for a member that is missing or is not a plain file
        (a link in a tar may point anywhere), and for a file that is neither zip nor tar.
        """
        if PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts or "\\" in member:
            raise BadArchive(f"{archive.name}: the member name {member!r} leads out of the archive")
        try:
            with self._member(archive, member) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except KeyError as error:
            raise BadArchive(f"{archive.name}: it has no member {member!r}") from error
        except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            raise BadArchive(f"{archive.name}: it cannot be read as an archive: {error}") from error

    def _member(self, archive: Path, member: str) -> IO[bytes]:
        if archive not in self._open:
            if zipfile.is_zipfile(archive):
                self._open[archive] = self._stack.enter_context(zipfile.ZipFile(archive))
            else:
                self._open[archive] = self._stack.enter_context(tarfile.open(archive))  # noqa: SIM115 (the stack closes it)
        container = self._open[archive]
        if isinstance(container, zipfile.ZipFile):
            return container.open(member)
        info = container.getmember(member)
        stream = container.extractfile(info) if info.isfile() else None
        if stream is None:
            raise BadArchive(f"{archive.name}: the member {member!r} is not a plain file")
        return stream
