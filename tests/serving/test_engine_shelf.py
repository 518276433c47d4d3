"""The shelf of engines: each is loaded once, whoever asks and goes away."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from locutor.errors import InvalidInput, MissingWeights
from services.engine import EngineSpec, ModelInfo
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


class Restricted:
    """Weights that were published for research."""

    loaded = 0

    def __init__(self, store: ModelStore, threads: int) -> None:
        Restricted.loaded += 1

    @classmethod
    def describe(cls, store: ModelStore) -> ModelInfo:
        return ModelInfo("restricted", "1", "mouths", license="LicenseRef-Research", commercial_use=False)


class Mixed:
    """Several models: what may be used depends on the one that is chosen."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        self.info = self.describe(store)[0]

    @classmethod
    def describe(cls, store: ModelStore) -> list[ModelInfo]:
        return [ModelInfo("mixed", "1", "first", commercial_use=False), ModelInfo("mixed", "1", "second", license="MIT")]


class Empty:
    """Nothing was brought for it yet."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        raise MissingWeights("bring a model")

    @classmethod
    def describe(cls, store: ModelStore) -> list[ModelInfo]:
        return [ModelInfo("empty", "1", commercial_use=False, installed=False, remedy="bring a model")]


REGISTRY = {name.lower(): EngineSpec(f"{__name__}:{name}", "none") for name in ("Restricted", "Mixed")}


@pytest.mark.parametrize(("engine", "found"), [("restricted", "'mouths' .* LicenseRef-Research"), ("mixed", "'first' .* licence was not stated")])
async def test_a_commercial_server_refuses_weights_that_may_not_be_used_so_and_lists_them(store: ModelStore, engine: str, found: str) -> None:
    Restricted.loaded = 0
    shelf: EngineShelf[object] = EngineShelf(REGISTRY, store, ServingSettings(commercial=True))
    with pytest.raises(InvalidInput, match=found) as caught:
        await shelf.get(engine)
    assert caught.value.reason == "NON_COMMERCIAL_WEIGHTS" and caught.value.violations[0].field == "engine"
    assert Restricted.loaded == 0, "what will be refused is not loaded first"
    assert [(info.name, info.commercial_use) for info in await shelf.models()] == [("mouths", False), ("first", False), ("second", True)]
    shelf.permit((await shelf.models())[2])


async def test_any_weights_serve_where_nothing_is_sold(store: ModelStore) -> None:
    shelf: EngineShelf[object] = EngineShelf(REGISTRY, store, ServingSettings())
    assert isinstance(await shelf.get("restricted"), Restricted) and isinstance(await shelf.get("mixed"), Mixed)


@pytest.mark.parametrize("value", ["1", "true", ""])
def test_the_gate_is_set_by_option_or_environment(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("LOCUTOR_COMMERCIAL", value)
    assert ServingSettings.from_arguments("test", "tcp://127.0.0.1:0", []).commercial is bool(value)
    assert ServingSettings.from_arguments("test", "tcp://127.0.0.1:0", ["--commercial"]).commercial


async def test_a_commercial_server_says_of_an_engine_without_weights_that_they_are_missing(store: ModelStore) -> None:
    registry = {"empty": EngineSpec(f"{__name__}:Empty", "none")}
    shelf: EngineShelf[object] = EngineShelf(registry, store, ServingSettings(commercial=True))
    with pytest.raises(MissingWeights, match="bring a model"):
        await shelf.get()


async def test_of_alternatives_the_first_is_the_default(store: ModelStore) -> None:
    settings = ServingSettings(engine="mixed")
    for alternatives, expected in ((True, ["first"]), (False, ["first", "second"])):
        shelf: EngineShelf[object] = EngineShelf(REGISTRY, store, settings, alternatives=alternatives)
        assert [info.name for info in await shelf.models() if info.is_default] == expected
