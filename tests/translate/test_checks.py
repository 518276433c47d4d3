"""What a translation must pass, across languages and scripts."""

from __future__ import annotations

import pytest

from services.translate.checks import examine
from services.translate.engine import GlossaryTerm, LengthBudget

GOOD = [
    ("The harbour has 24 ships.", "港口有24艘船。", "en", "zh"),
    ("The harbour has 24 ships.", "يوجد في الميناء ٢٤ سفينة.", "en", "ar"),
    ("The harbour has 24 ships.", "बंदरगाह में २४ जहाज़ हैं।", "en", "hi"),
    ("Thank you very much.", "ありがとうございます。", "en", "ja"),
    ("Thank you very much indeed for everything.", "谢谢", "en", "zh-Hans"),
    ("谢谢", "Thank you very much indeed.", "zh", "en"),
    ("OpenStreetMap is free.", "OpenStreetMap бесплатен.", "en", "ru"),
    ("It costs 1,250.50 euros.", "Custa 1.250,50 euros.", "en", "pt-BR"),
    ("We meet at 5:30 pm.", "Nos vemos às 17h30.", "en", "pt-BR"),
    ("Ok.", "Ok.", "en", "pt-BR"),
    ("New York, New York.", "New York, New York.", "en", "de"),
    ("[pause 800ms] Go to <b>{place}</b> now.", "[pause 800ms] Vá para <b>{place}</b> agora.", "en", "pt-BR"),
    ("Добро пожаловать в наш город.", "Welcome to our town.", "ru", "en"),
    ("42", "42", "en", "pt-BR"),
]


@pytest.mark.parametrize(("text", "translation", "source", "target"), GOOD)
def test_good_translations_pass(text: str, translation: str, source: str, target: str) -> None:
    verdict = examine(text, translation, source, target, (), None)
    assert verdict.unusable == "" and verdict.complaint == ""


BAD = [
    ("The harbour has 24 ships.", "The port has 24 ships indeed.", "en", "ja", "script"),
    ("Good evening and welcome to the old harbour.", "晚上好，欢迎来到这个古老的港口，今天。", "en", "ko", "script"),
    ("We sold 1,250 boats in 2024.", "Vendemos 1.250 barcos.", "en", "pt-BR", "2024"),
    ("Write to help@example.org today.", "Escreva hoje.", "en", "pt-BR", "help@example.org"),
    ("[pause 800ms] Go now.", "Vá agora.", "en", "pt-BR", "[pause 800ms]"),
    ("Read the page.", "Leia a [página](https://example.org).", "en", "pt-BR", "markup"),
    ("We are very glad to see you.", "We are very glad to see you.", "en", "pt-BR", "not a translation"),
    ("Go now.", "Vá\x07 agora.", "en", "pt-BR", "control"),
]


@pytest.mark.parametrize(("text", "translation", "source", "target", "reason"), BAD)
def test_bad_translations_are_told_why(text: str, translation: str, source: str, target: str, reason: str) -> None:
    assert reason in examine(text, translation, source, target, (), None).unusable


def test_names_of_the_glossary_may_stay_in_their_script() -> None:
    glossary = [GlossaryTerm("Locutor Translation Suite")]
    text, translation = "Use Locutor Translation Suite.", "用 Locutor Translation Suite。"
    assert examine(text, translation, "en", "zh", glossary, None).unusable == ""
    assert "script" in examine(text, translation, "en", "zh", (), None).unusable


@pytest.mark.parametrize(("translation", "miss"), [("x" * 9, 1), ("x" * 10, 0), ("x" * 12, 0), ("x" * 15, 3)])
def test_a_budget_is_missed_by_so_much(translation: str, miss: int) -> None:
    verdict = examine("some text", translation, "en", "pt-BR", (), LengthBudget(10, 12))
    assert verdict.budget_miss == miss and not verdict.unusable and bool(verdict.complaint) == bool(miss)
