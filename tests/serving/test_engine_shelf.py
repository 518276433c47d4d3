"""The shelf of engines: each is loaded once, whoever asks and goes away."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from locutor.errors import InvalidInput, MissingWeights
from services.engine import EngineSpec
from services.serving import ServingSettings
from services.serving.engine_shelf import EngineShelf
from services.weights import ModelStore

release = threading.Event()
made: list[Slow] = []


class Slow:
    def __init__(self, store: ModelStore, threads: int) -> None:
        made.append(self)
        release.wait()
        if len(made) == 1 and threads == 2:
            raise MissingWeights("not yet")


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    release.clear()
    made.clear()
    return ModelStore(tmp_path, offline=True)


def shelf_of(store: ModelStore, threads: int = 1) -> EngineShelf[Slow]:
    return EngineShelf({"slow": EngineSpec(f"{__name__}:Slow", "none")}, store, ServingSettings(threads=threads))


async def test_an_engine_is_loaded_once_though_the_first_who_asked_went_away(store: ModelStore) -> None:
    shelf = shelf_of(store)
    first, second = asyncio.create_task(shelf.get()), asyncio.create_task(shelf.get("slow"))
    await asyncio.sleep(0.05)
    first.cancel()
    third = asyncio.create_task(shelf.get())
    await asyncio.sleep(0.05)
    release.set()
    assert await second is await third is await shelf.get()
    assert len(made) == 1
    assert first.cancelled()


async def test_what_could_not_be_loaded_is_tried_again(store: ModelStore) -> None:
    shelf = shelf_of(store, threads=2)
    release.set()
    with pytest.raises(MissingWeights):
        await shelf.get()
    assert isinstance(await shelf.get(), Slow)


async def test_an_unknown_engine_is_refused_with_those_that_are_known(store: ModelStore) -> None:
    with pytest.raises(InvalidInput, match="choose from slow"):
        await shelf_of(store).get("fast")
