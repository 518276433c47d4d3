"""Bringing one artifact's missing files into the store: download, verify, take the members out, put them in place."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from locutor.errors import MissingWeights
from services.weights.archive import ArchiveReader, BadArchive, sha256_of
from services.weights.manifest import Archive, Artifact, WeightFile
from services.weights.sources import MIRROR_VARIABLE, NotCarried, Report, SourceFailed, configured_sources

OFFLINE_VARIABLE = "LOCUTOR_OFFLINE"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchProgress:
    """How far a fetch is."""

    artifact: str
    item: str
    """The archive or file that is on its way."""
    done_bytes: int
    total_bytes: int
    """Both over all that has to be downloaded for the artifact."""


Progress = Callable[[FetchProgress], None]


def downloads_folder(root: Path) -> Path:
    """Where the store below `root` keeps archives, under their sha256, until no artifact needs them any more."""
    return root / ".downloads"


def megabytes(size_bytes: int) -> str:
    """A size for people: "145.2 MB"."""
    return f"{size_bytes / 1e6:.1f} MB"


class Fetch:
    """One artifact on its way into the store below `root`. The caller holds the artifact's lock.

    `problems` says for each file that has to come what is wrong with what is there.
    """

    def __init__(self, artifact: Artifact, problems: Mapping[WeightFile, str], root: Path, offline: bool, progress: Progress | None) -> None:
        self._artifact, self._problems, self._root, self._offline, self._progress = artifact, problems, root, offline, progress
        self._downloads = downloads_folder(root)
        self._file_sources, self._archive_sources = configured_sources(offline)
        self._failures: list[str] = []
        self._done_bytes = 0
        self._total_bytes = sum(file.size_bytes for file in problems)

    def run(self) -> None:
        """Raises `MissingWeights`, with all that was tried, where a file cannot be had."""
        for problem in self._problems.values():
            log.info("weights %s: %s", self._artifact.name, problem)
        self._downloads.mkdir(parents=True, exist_ok=True)
        (self._root / self._artifact.name).mkdir(exist_ok=True)
        packed = [file for file in self._problems if not self._bring_file(file)]
        archives = dict.fromkeys(part.archive for file in packed for part in file.parts)
        self._total_bytes = self._done_bytes + sum(archive.size_bytes for archive in archives)
        # Every archive is tried, though one may have failed: what comes is kept, and the error names all that did not.
        there = {archive for archive in archives if self._bring_archive(archive)}
        missing = [file for file in packed if not file.parts or not there.issuperset(part.archive for part in file.parts)]
        if missing:
            raise MissingWeights(self._explain(missing, [archive for archive in archives if archive not in there]))
        with ArchiveReader() as reader:
            for file in packed:
                self._assemble(file, reader)

    def _bring_file(self, file: WeightFile) -> bool:
        part = self._downloads / f"{file.sha256}.part"
        for source in list(self._file_sources):
            try:
                source.file(self._artifact, file, part, self._reporter(file.name))
                self._verify(file.name, file.sha256, part)
            except NotCarried as error:
                if not file.parts:  # else its archives follow, and speak for it
                    self._failures.append(str(error))
            except SourceFailed as error:
                self._failures.append(str(error))
                if file.parts:  # one time-out is enough, where an artifact has 54 files
                    self._file_sources.remove(source)
            else:
                self._done_bytes += file.size_bytes
                part.replace(self._root / self._artifact.name / file.name)
                return True
        return False

    def _bring_archive(self, archive: Archive) -> bool:
        target = self._downloads / archive.sha256
        part = target.with_suffix(".part")
        # Two artifacts may share an archive, so the artifact's own lock is not enough.
        with FileLock(self._root / ".locks" / f"archive-{archive.sha256[:16]}.lock"):
            done = target.exists() and sha256_of(target) == archive.sha256
            for source in [] if done else self._archive_sources:
                try:
                    source.archive(archive, part, self._reporter(archive.file))
                    self._verify(archive.file, archive.sha256, part)
                except SourceFailed as error:
                    self._failures.append(str(error))
                else:
                    part.replace(target)
                    done = True
                    break
        self._done_bytes += archive.size_bytes if done else 0
        return done

    def _reporter(self, item: str) -> Report:
        def report(done_bytes: int) -> None:
            if self._progress is not None:
                self._progress(FetchProgress(self._artifact.name, item, self._done_bytes + done_bytes, self._total_bytes))

        return report

    def _verify(self, item: str, sha256: str, part: Path) -> None:
        found = sha256_of(part)
        if found != sha256:
            part.unlink()
            raise SourceFailed(f"{item} came with the sha256 {found} instead of {sha256} and was thrown away")

    def _assemble(self, file: WeightFile, reader: ArchiveReader) -> None:
        target = self._root / self._artifact.name / file.name
        scratch = target.with_name(f".{file.name}.new")
        digest = hashlib.sha256()
        with scratch.open("wb") as out:
            for part in file.parts:
                for chunk in reader.chunks(self._downloads / part.archive.sha256, part.member):
                    digest.update(chunk)
                    out.write(chunk)
        if digest.hexdigest() != file.sha256:
            scratch.unlink()
            raise BadArchive(f"{file.name}: its parts give the sha256 {digest.hexdigest()} instead of {file.sha256}; the manifest is wrong")
        scratch.replace(target)

    def _explain(self, missing: list[WeightFile], archives: list[Archive]) -> str:
        lines = [f"the weights {self._artifact.name!r} are not complete in {self._root}: " + "; ".join(self._problems[file] for file in missing)]
        if self._offline:
            lines.append(f"The network is off ({OFFLINE_VARIABLE}=1).")
        lines += [f"Tried: {failure}" for failure in self._failures]
        lines.append(f"To bring them by hand, put what is listed here into a folder and set {MIRROR_VARIABLE} to it:")
        lines += [f"  {archive.file} ({megabytes(archive.size_bytes)}): {archive.command}" for archive in archives]
        lines += [f"  {self._artifact.name}/{file.name} ({megabytes(file.size_bytes)}): {file.url}" for file in missing if file.url]
        lines.append(f"Or copy the folder {self._artifact.name!r} from the model store of a machine that has it into {self._root}.")
        return "\n".join(lines)
