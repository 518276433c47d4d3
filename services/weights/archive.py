"""Members out of zip (wheel) and tar archives, by name only. Nothing else of an archive is looked at or unpacked."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from locutor.errors import Unavailable

CHUNK_BYTES = 1 << 20


class BadArchive(Unavailable):
    """An archive is not what the manifest says: unreadable, or without a member, or with an unsafe one."""

    reason = "BAD_ARCHIVE"


def sha256_of(path: Path) -> str:
    """Lower-case hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[BinaryIO]:
    """The bytes of one member as a stream.

    Raises `BadArchive` for an absolute name or one with "..", for a member that is missing or is not a plain file
    (a link in a tar may point anywhere), and for a file that is neither zip nor tar.
    """
    if PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts or "\\" in member:
        raise BadArchive(f"{archive.name}: the member name {member!r} leads out of the archive")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped, zipped.open(member) as stream:
                yield cast(BinaryIO, stream)
        else:
            with tarfile.open(archive) as tarred:
                info = tarred.getmember(member)
                if not info.isfile():
                    raise BadArchive(f"{archive.name}: the member {member!r} is not a plain file")
                extracted = tarred.extractfile(info)
                assert extracted is not None  # a plain file always has content
                yield cast(BinaryIO, extracted)
    except KeyError as error:
        raise BadArchive(f"{archive.name}: it has no member {member!r}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise BadArchive(f"{archive.name}: it cannot be read as an archive: {error}") from error
