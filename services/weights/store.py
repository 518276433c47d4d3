"""The model store: verified weights in a folder that all processes of a machine share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from locutor.errors import InvalidInput, MissingWeights, NotFound
from services.weights.archive import sha256_of
from services.weights.fetch import OFFLINE_VARIABLE, Fetch, Progress, downloads_folder, megabytes
from services.weights.manifest import Artifact, WeightFile, load_manifest

ROOT_VARIABLE = "LOCUTOR_MODELS"


@dataclass(frozen=True)
class ArtifactState:
    """An artifact and what of it is on this machine."""

    artifact: Artifact
    installed: bool
    path: Path
    problems: tuple[str, ...]
    """What is wrong, a sentence for each file; empty where it is installed."""


class ModelStore:
    """Weights by name.

    `root` defaults to LOCUTOR_MODELS, else the user's cache folder; `offline` (default: LOCUTOR_OFFLINE=1) forbids the
    network, but not a mirror that is a folder. Below the root each artifact is a folder under its own name, so that a
    store can be copied, or served as a mirror, as it is.
    """

    def __init__(self, root: Path | None = None, offline: bool | None = None) -> None:
        self.root = root or Path(os.environ.get(ROOT_VARIABLE) or platformdirs.user_cache_path("locutor") / "models").expanduser()
        self.offline = os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0") if offline is None else offline
        self._artifacts = load_manifest()

    def artifact(self, name: str) -> Artifact:
        """What the manifest says about `name`. Raises `NotFound`."""
        if name not in self._artifacts:
            raise NotFound(f"no weights named {name!r}; known: {', '.join(sorted(self._artifacts))}")
        return self._artifacts[name]

    def list(self) -> list[ArtifactState]:
        """Every artifact of the manifest and whether it is here. Nothing is hashed that was verified before."""
        return [self._state(artifact) for artifact in self._artifacts.values()]

    def installed(self, name: str) -> bool:
        """Whether `ensure` would answer at once."""
        return self._state(self.artifact(name)).installed

    def ensure(self, name: str, progress: Progress | None = None) -> Path:
        """The folder with the verified files of `name`, fetched first where they are missing.

        A file whose size and time of change are those seen when it was verified is not hashed again. Raises `NotFound`
        for an unknown name and `MissingWeights`, naming files and remedy, where it may not or cannot be fetched.
        """
        artifact = self.artifact(name)
        if not self._state(artifact).installed:
            self._bring(artifact, progress)
        return self._folder(artifact)

    def fetch(self, name: str, progress: Progress | None = None) -> Path:
        """Like `ensure`, but every file is hashed, and damaged ones are fetched again."""
        artifact = self.artifact(name)
        self._stamp_path(artifact).unlink(missing_ok=True)
        self._bring(artifact, progress)
        return self._folder(artifact)

    def verify(self, name: str) -> tuple[str, ...]:
        """Hash every file of `name`: what is wrong, a sentence for each file; empty where all is well."""
        artifact = self.artifact(name)
        return tuple(self._examine(artifact).values())

    def derived(self, name: str, key: str, build: Callable[[Path, Path], None]) -> Path:
        """The file `key`, made once from the artifact `name` by `build(folder of the artifact, file to write)`.

        It is kept for exactly these weights; give `key` (a plain file name) a version where `build` changes. Other
        processes wait for the one that builds.
        """
        if Path(key).name != key or key in ("", ".", ".."):
            raise InvalidInput.of("key", f"{key!r} is not a plain file name")
        artifact = self.artifact(name)
        folder = self.ensure(name)
        target = self.root / ".derived" / artifact.name / artifact.digest[:16] / key
        if target.exists():
            return target
        with self._lock(f"derived-{artifact.name}"):
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                # The suffix stays last: libraries tell a file's format by it.
                scratch = target.with_name(f".building-{key}")
                build(folder, scratch)
                scratch.replace(target)
        return target

    def _folder(self, artifact: Artifact) -> Path:
        return self.root / artifact.name

    def _stamp_path(self, artifact: Artifact) -> Path:
        return self._folder(artifact) / ".verified.json"

    def _lock(self, key: str) -> FileLock:
        folder = self.root / ".locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MissingWeights(f"the model store {self.root} cannot be written ({error.strerror}); set {ROOT_VARIABLE} to a folder that can") from error
        return FileLock(folder / f"{key}.lock")

    def _state(self, artifact: Artifact) -> ArtifactState:
        folder = self._folder(artifact)
        try:
            stamp = json.loads(self._stamp_path(artifact).read_text())
        except (OSError, ValueError):
            stamp = {}
        problems = []
        for file in artifact.files:
            path = folder / file.name
            if not path.is_file():
                problems.append(f"{file.name} is missing")
            elif stamp.get(file.name) != _stamp_of(path, file):
                problems.append(f"{file.name} was changed, or never verified")
        return ArtifactState(artifact, not problems, folder, tuple(problems))

    def _examine(self, artifact: Artifact) -> dict[WeightFile, str]:
        problems = {}
        for file in artifact.files:
            path = self._folder(artifact) / file.name
            if not path.is_file():
                problems[file] = f"{file.name} is missing ({megabytes(file.size_bytes)})"
            elif (found := sha256_of(path)) != file.sha256:
                problems[file] = f"{file.name} is damaged: its sha256 is {found}, it must be {file.sha256}"
        return problems

    def _bring(self, artifact: Artifact, progress: Progress | None) -> None:
        with self._lock(artifact.name):
            if self._state(artifact).installed:  # another process brought it while this one waited
                return
            problems = self._examine(artifact)
            if problems:
                Fetch(artifact, problems, self.root, self.offline, progress).run()
            stamp = {file.name: _stamp_of(self._folder(artifact) / file.name, file) for file in artifact.files}
            scratch = self._stamp_path(artifact).with_suffix(".new")
            scratch.write_text(json.dumps(stamp))
            scratch.replace(self._stamp_path(artifact))
            self._drop_archives(artifact)

    def _drop_archives(self, artifact: Artifact) -> None:
        """Remove archives that no artifact still needs: one package may carry several."""
        for archive in artifact.archives:
            users = (other for other in self._artifacts.values() if archive in other.archives)
            if all(self._state(user).installed for user in users):
                (downloads_folder(self.root) / archive.sha256).unlink(missing_ok=True)


def _stamp_of(path: Path, file: WeightFile) -> list[int | str]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, file.sha256]
