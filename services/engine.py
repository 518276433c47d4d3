"""What every engine is: a thing with a `ModelInfo`, found by name in a registry, loaded when first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from locutor.errors import InvalidInput, MissingExtra


@dataclass(frozen=True)
class ModelInfo:
    """An engine with the weights it runs. It is part of the key under which results are kept."""

    engine: str
    """Name of the engine, as in a request: "kokoro"."""
    engine_version: str
    """Raised by hand whenever the engine's output may change."""
    name: str = ""
    """Name of the weights: "kokoro-v1.0-int8"."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """File name to its sha256 in lower-case hexadecimal."""
    license: str = ""
    """SPDX expression of the weights."""
    commercial_use: bool = True
    locales: tuple[str, ...] = ()
    """BCP 47 tags; for translation "source>target"."""
    installed: bool = True
    remedy: str = ""
    """What to do where it is not installed."""
    is_default: bool = False


@dataclass(frozen=True)
class EngineSpec:
    """Where an engine is found: nothing of it is imported before it is asked for."""

    target: str
    """ "module:Class"."""
    extra: str
    """The optional dependency group that brings its libraries."""


def load_engine_class(registry: Mapping[str, EngineSpec], name: str) -> Any:
    """The class of the engine `name`.

    Raises `InvalidInput` for an unknown name and `MissingExtra` where its libraries are not installed. It never
    falls back to another engine.
    """
    if name not in registry:
        raise InvalidInput.of("engine", f"{name!r} is not an engine of this service; choose from {', '.join(sorted(registry))}", "UNKNOWN_ENGINE")
    spec = registry[name]
    module, _, attribute = spec.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise MissingExtra(name, spec.extra, f"no module named {error.name!r}") from error
