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

    def __init__(self, registry: Mapping[str, EngineSpec], store: ModelStore, settings: ServingSettings, *, alternatives: bool = False) -> None:
        """`alternatives`: of the models of one engine only the first one that it describes is used; else the request decides, by its voice or its languages.

        Raises `InvalidInput` where the settings name a default engine that is not in the registry.
        """
        self._registry = registry
        self._store = store
        self._threads = settings.threads
        self._commercial = settings.commercial
        self._alternatives = alternatives
        self.default = settings.engine or next(iter(registry))
        """Name of the engine that is used where a request names none."""
        if self.default not in registry:
            raise InvalidInput.of("engine", f"{self.default!r} is not an engine of this service; choose from {', '.join(registry)}", "UNKNOWN_ENGINE")
        self._loads: dict[str, asyncio.Task[E]] = {}

    async def get(self, name: str = "") -> E:
        """The engine of that name (empty: the default), loaded first where it is not.

        Raises as `load_engine_class` and `permit`, and `MissingWeights`.
        """
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
        engine_class = self._class(name)
        if self._commercial:
            # Of what is not there, and of which nothing is known, the load says what is missing.
            infos = [info for info in _all(engine_class.describe(self._store)) if info.installed or info.license]
            if infos and not any(info.commercial_use for info in infos):
                self.permit(infos[0])
        engine: E = engine_class(self._store, self._threads)
        # An engine of one model says which it is; with others the request decides, and the servicer asks.
        if isinstance(info := getattr(engine, "info", None), ModelInfo):
            self.permit(info)
        return engine

    def permit(self, info: ModelInfo, field: str = "engine") -> None:
        """Whether these weights may be used by this server. Raises `InvalidInput` (reason NON_COMMERCIAL_WEIGHTS) where it is commercial, and they are not.

        `field`: the one of the request that chose them.
        """
        if info.commercial_use or not self._commercial:
            return
        licence = f"their licence is {info.license}" if info.license else "their licence was not stated"
        raise InvalidInput.of(
            field,
            f"the weights {info.name!r} of {info.engine!r} may not be used commercially ({licence}), and this server is set to commercial use; "
            "choose another engine or voice, bring weights whose licence allows it and state it, or start the server without --commercial",
            "NON_COMMERCIAL_WEIGHTS",
        )

    async def models(self) -> list[ModelInfo]:
        """Every engine with its weights, installed or not, and whether or not this server may use them."""
        return await asyncio.to_thread(self._models)

    def _models(self) -> list[ModelInfo]:
        found: list[ModelInfo] = []
        for name in self._registry:
            try:
                infos = _all(self._class(name).describe(self._store))
            except MissingExtra as error:
                infos = [ModelInfo(name, "", installed=False, remedy=error.message)]
            used = infos[:1] if self._alternatives else infos
            found += [replace(info, is_default=name == self.default and info in used) for info in infos]
        return found

    def _class(self, name: str) -> Any:
        return load_engine_class(self._registry, name)


def _all(described: ModelInfo | Sequence[ModelInfo]) -> Sequence[ModelInfo]:
    return [described] if isinstance(described, ModelInfo) else described
