from __future__ import annotations

from collections.abc import Callable

import pytest

from services.translate.engine import GlossaryTerm, Translation
from services.translate.engines.bergamot import BergamotEngine
from services.translate.routes import find_route
from services.translate.translation import translate_text
from services.weights import ModelStore

Translate = Callable[..., Translation]


@pytest.fixture(scope="session")
def bergamot() -> BergamotEngine:
    return BergamotEngine(ModelStore())


@pytest.fixture(scope="session")
def translate(bergamot: BergamotEngine) -> Translate:
    """Translate with the bundled models, by default from English to Brazilian Portuguese."""

    def call(text: str, *glossary: GlossaryTerm, source: str = "en-US", target: str = "pt-BR") -> Translation:
        return translate_text(text, find_route(source, target, bergamot.pairs), glossary, bergamot)

    return call
