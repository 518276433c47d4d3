"""What a job would do, found out by running its pipeline without doing any of it.

The same code computes the same keys, so plan and run cannot disagree: a step that is in the store gives what is kept; of one that
is missing, what it would give is guessed from its inputs, and the run goes on with that. What depends on a guess has another key
than anything that is kept, and counts as to be made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.artifacts import ArtifactStore, Blob, CorruptArtifact, StepResult, step_key
from gateway.guesses import Guesses
from gateway.progress import StageTracker
from gateway.review import Review
from gateway.workflow import StepLocks, Workflow
from locutor.errors import NotFound

T = TypeVar("T")


@dataclass
class PlannedWork:
    """Of one stage of one locale."""

    cached: int = 0
    computed: int = 0
    is_estimated: bool = False
    """What a step before it will find is not known, and was guessed."""
    media_s: float = 0.0
    """Length of programme that is to be made."""
    all_media_s: float = 0.0
    """The same where nothing is kept."""


class PlanStore:
    """The store as it is, with what is guessed laid over it in memory: nothing of a plan is kept."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._guessed: dict[str, bytes] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put_bytes(self, data: bytes) -> Blob:
        blob = Blob.of(data)
        self._guessed[blob.sha256] = data
        return blob

    async def read(self, sha256: str) -> bytes:
        return self._guessed[sha256] if sha256 in self._guessed else await self._store.read(sha256)

    async def stream(self, sha256: str, offset: int = 0) -> AsyncIterator[bytes]:
        if sha256 in self._guessed:
            yield self._guessed[sha256][offset:]
            return
        async for data in self._store.stream(sha256, offset):
            yield data


class PlanningWorkflow(Workflow):
    """Counts the steps of one job."""

    def __init__(self, store: ArtifactStore, guesses: Guesses, folder: Path) -> None:
        """`folder`: for what is read; it is removed after the plan."""
        self.store: Any = PlanStore(store)
        self.folder = folder
        self.review = _approved
        self.work: defaultdict[tuple[str, str], PlannedWork] = defaultdict(PlannedWork)
        """By locale and stage."""
        self._guesses = guesses
        self._locks = StepLocks()
        self._counted: set[str] = set()
        self._unsure: set[str] = set()
        """Locales in which something was guessed; "": of all."""

    async def steps(
        self,
        stage: StageTracker,
        name: str,
        inputs: Sequence[Mapping[str, Any]],
        make: Callable[[Sequence[int]], Awaitable[list[tuple[StepResult | None, T]]]],
        load: Callable[[int, StepResult], Awaitable[T]],
        most: int,
    ) -> list[T]:
        work = self.work[stage.locale, stage.name]
        keys = [step_key(name, each) for each in inputs]
        found: dict[str, T] = {}
        kept = dict(zip(keys, await self.store.find_steps(keys), strict=True))
        for place, key in enumerate(keys):
            if key in found:
                continue
            media_s = self._guesses.media_s(name, inputs[place])
            work.all_media_s += media_s
            result = kept[key]
            if result is not None:
                try:
                    await self._guesses.learn(name, result, self.store.read)
                    found[key] = await load(place, result)
                except (CorruptArtifact, NotFound):
                    result = None
            if result is None:
                # A step that another locale would make first is found by this one.
                if key not in self._counted:
                    work.computed += 1
                    work.media_s += media_s
                    work.is_estimated |= bool(self._unsure & {"", stage.locale})
                else:
                    work.cached += 1
                self._unsure.add(stage.locale)
                found[key] = await load(place, await self._guesses.of(name, inputs[place], self.store.put_bytes))
            else:
                work.cached += 1
            self._counted.add(key)
        return [found[key] for key in keys]


async def _approved() -> Review:
    return Review(is_approved=True)
