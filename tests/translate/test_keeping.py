"""What is done where a model does not keep what it must: shown with models that are made to fail."""

from __future__ import annotations

import re

import pytest

from services.translate.engine import GlossaryTerm
from services.translate.keeping import STAND_INS, Kept, translate_keeping
from services.translate.numerals import localized, lost, respelled
from services.translate.plausible import translate_plausibly
from services.translate.spans import find_spans


def keep(sentence: str, translate, *glossary: GlossaryTerm) -> Kept:
    return translate_keeping(sentence, find_spans(sentence, glossary), "en", "pt-BR", translate)


def copying_only(*forms: int):
    """A model that copies everything but the stand-ins of other forms, which it spoils."""

    def translate(text: str) -> str:
        for index, form in enumerate(STAND_INS):
            if index not in forms:
                for number in range(10):
                    text = text.replace(form(number), "spoilt")
        return text

    return translate


@pytest.mark.parametrize("form", range(len(STAND_INS)))
def test_another_form_is_tried(form: int) -> None:
    sentence = "Open {name} with Acme."
    kept = keep(sentence, lambda text: copying_only(form)(text).replace("Acme", "Cume"), GlossaryTerm("Acme"))
    assert kept == Kept(sentence)


def test_a_lost_term_is_reported_and_the_rest_kept() -> None:
    def translate(text: str) -> str:
        return re.sub(r"\bsees\b.*", "sees nothing.", text)

    kept = keep("Alder sees Birch.", translate, GlossaryTerm("Alder", "Amieiro"), GlossaryTerm("Birch", "Bétula"))
    assert [span.term for span in kept.missed] == ["Birch"]
    assert kept.text == "Amieiro sees nothing."


def test_lost_code_is_put_back_between_its_neighbours() -> None:
    kept = keep("Press `Ctrl` and then {key} twice.", lambda text: re.sub(r"\S*\d\S*", "", text).upper())
    assert kept == Kept("PRESS `Ctrl` AND THEN {key} TWICE.")


def test_a_stand_in_that_comes_out_twice_is_not_shown() -> None:
    kept = keep("Ask Acme now.", lambda text: f"{text} {text}" if "Acme" not in text else "Ask them.", GlossaryTerm("Acme"))
    assert [span.term for span in kept.missed] == ["Acme"]
    assert kept.text == "Ask them."


def test_a_sentence_that_looks_like_a_stand_in() -> None:
    kept = keep("QX7 is not {name}.", copying_only(0, 1))
    assert kept.text == "QX7 is not {name}."


def test_a_lost_number_comes_back_as_its_language_writes_it() -> None:
    kept = keep("It costs 1,250.50 now.", lambda text: text.replace("1,250.50", "much"))
    assert kept.text == "It costs 1.250,50 now."


@pytest.mark.parametrize(
    ("numeral", "target", "expected"),
    [("1,250", "pt-BR", "1.250"), ("3,456,789.01", "de", "3.456.789,01"), ("12.5", "es", "12,5"), ("2.10.3", "pt-BR", "2.10.3"), ("2024", "de", "2024")],
)
def test_numbers_in_another_language(numeral: str, target: str, expected: str) -> None:
    assert localized(numeral, "en-US", target) == expected


def test_what_counts_as_lost() -> None:
    assert lost("From 10 to 15 in 2024", "De 10 a 15 em 2024") == []
    assert lost("On 12/25/2024", "25/12/2024") == []
    assert lost("On 12/25/2024", "25/1224") == ["12/25/2024"]
    assert lost("At 10:30 p.m.", "às 22:30") == []
    assert lost("3 of 4", "três de quatro") == []
    assert lost("24 and 24", "24") == ["24"]


def test_half_translated_numbers_are_set_right() -> None:
    assert respelled("US$ 3.456.789.01 em 2.10.3", "$3,456,789.01 in 2.10.3", "en", "pt-BR") == "US$ 3.456.789,01 em 2.10.3"


def test_loops_are_broken_at_clauses() -> None:
    def translate(text: str) -> str:
        return "and again and again and again and again" if ", " in text else text.upper()

    assert translate_plausibly("one two three four, five six seven eight", translate) == "ONE TWO THREE FOUR, FIVE SIX SEVEN EIGHT"
