"""Bergamot, the translation engine of Firefox, through fxtranslate."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from fxtranslate import Translator

from locutor.errors import MissingWeights
from services.engine import ModelInfo
from services.translate.engine import LanguagePair
from services.translate.engines.bergamot_models import artifacts, describe_artifact, describe_folder, fetch_asked_for, files_in, folders
from services.weights import ModelStore

_Job = tuple[str, Future[str]]


class BergamotEngine:
    """Pairs are the store's artifacts `bergamot-*` and the operator's folders; of the same pair, the operator's wins.

    The store's are loaded at once, the operator's when first used: there may be fifty.
    """

    def __init__(self, store: ModelStore, threads: int = 1) -> None:
        """`threads` is not used: a sentence is a matter of milliseconds on one. Raises `MissingWeights`."""
        fetch_asked_for(store)
        own = folders()
        stored = {pair: name for pair, name in artifacts(store).items() if pair not in own}
        self._folders: dict[LanguagePair, Path] = {**{pair: store.ensure(name) for pair, name in stored.items()}, **own}
        self._infos = {pair: describe_artifact(store, pair, name) for pair, name in stored.items()}
        self._infos |= {pair: describe_folder(pair, folder) for pair, folder in own.items()}
        self._models: dict[LanguagePair, _ModelThread] = {pair: _ModelThread(self._folders[pair]) for pair in stored}
        self._lock = threading.Lock()
        self.pairs: Sequence[LanguagePair] = sorted(pair for pair, info in self._infos.items() if info.installed)

    @classmethod
    def describe(cls, store: ModelStore) -> Sequence[ModelInfo]:
        own = folders()
        stored = [describe_artifact(store, pair, name) for pair, name in artifacts(store).items() if pair not in own]
        return stored + [describe_folder(pair, folder) for pair, folder in own.items()]

    def info(self, pair: LanguagePair) -> ModelInfo:
        return self._infos[pair]

    def translate(self, sentence: str, pair: LanguagePair) -> str:
        with self._lock:
            if pair not in self._models:
                self._models[pair] = _ModelThread(self._folders[pair])
        return self._models[pair].translate(sentence)


class _ModelThread:
    """A model in a thread of its own: fxtranslate's translators may be used by the thread alone that made them."""

    def __init__(self, folder: Path) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        loaded: Future[None] = Future()
        threading.Thread(target=_serve, args=(folder, self._jobs, loaded), name=f"bergamot-{folder.name}", daemon=True).start()
        loaded.result()
        weakref.finalize(self, self._jobs.put, None)

    def translate(self, sentence: str) -> str:
        answer: Future[str] = Future()
        self._jobs.put((sentence, answer))
        return answer.result()


def _serve(folder: Path, jobs: queue.SimpleQueue[_Job | None], loaded: Future[None]) -> None:
    # The translator is a local of this thread, so that it also ends here.
    try:
        translator = _load(folder)
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits
        loaded.set_exception(error)
        return
    loaded.set_result(None)
    while (job := jobs.get()) is not None:
        sentence, answer = job
        try:
            answer.set_result(translator.translate(sentence))
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits
            answer.set_exception(error)


def _load(folder: Path) -> Translator:
    files = files_in(folder)
    try:
        return Translator(
            files.model.read_bytes(),
            files.source_vocabulary.read_bytes(),
            files.target_vocabulary.read_bytes(),
            files.shortlist.read_bytes() if files.shortlist else None,
        )
    except ValueError as error:
        raise MissingWeights(f"the model in the folder {folder.name!r} cannot be read ({error}); bring it again") from error
