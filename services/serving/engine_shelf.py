"""The engines of one service: each loaded when first asked for, once, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

from locutor.errors import InvalidInput, MissingExtra
from services.engine import EngineSpec, ModelInfo, load_engine_class
from services.serving.settings import ServingSettings
from services.weights import ModelStore

E = TypeVar("E")


class EngineShelf(Generic[E]):
    """Engines are constructed as `Class(store, threads)` and describe themselves by `Class.describe(store)` without loading."""

    def __init__(self, registry: Mapping[str, EngineSpec], store: ModelStore, settings: ServingSettings) -> None:
        """Raises `InvalidInput` where the settings name a default engine that is not in the registry."""
        self._registry = registry
        self._store = store
        self._threads = settings.threads
        self.default = settings.engine or next(iter(registry))
        """Name of the engine that is used where a request names none."""
        if self.default not in registry:
            raise InvalidInput.of("engine", f"{self.default!r} is not an engine of this service; choose from {', '.join(registry)}", "UNKNOWN_ENGINE")
        self._loads: dict[str, asyncio.Task[E]] = {}

    async def get(self, name: str = "") -> E:
        """The engine of that name (empty: the default), loaded first where it is not. Raises as `load_engine_class`, and `MissingWeights`."""
        name = name or self.default
        load = self._loads.get(name)
        if load is None:
            load = self._loads[name] = asyncio.create_task(asyncio.to_thread(self._load, name), name=f"load {name}")
            load.add_done_callback(partial(self._loaded, name))
        # Whoever asked first may go away: the others still wait for the same engine.
        return await asyncio.shield(load)

    def _loaded(self, name: str, load: asyncio.Task[E]) -> None:
        if load.cancelled() or load.exception() is not None:
            del self._loads[name]

    def _load(self, name: str) -> E:
        engine: E = self._class(name)(self._store, self._threads)
        return engine

    async def models(self) -> list[ModelInfo]:
        """Every engine with its weights, installed or not."""
        return await asyncio.to_thread(self._models)

    def _models(self) -> list[ModelInfo]:
        found: list[ModelInfo] = []
        for name in self._registry:
            try:
                described: ModelInfo | Sequence[ModelInfo] = self._class(name).describe(self._store)
            except MissingExtra as error:
                described = ModelInfo(name, "", installed=False, remedy=error.message)
            infos = [described] if isinstance(described, ModelInfo) else described
            found += [replace(info, is_default=name == self.default) for info in infos]
        return found

    def _class(self, name: str) -> Any:
        return load_engine_class(self._registry, name)
