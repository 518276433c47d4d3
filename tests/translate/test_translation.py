"""Translations by the bundled models: what they say, and what survives."""

from __future__ import annotations

import re

import pytest

from services.translate.engine import GlossaryTerm
from tests.translate.conftest import Translate


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("Hello, and welcome to our product tour.", "Olá, e bem-vindo"),
        ("Click the blue button in the top right corner to get started.", "Clique no botão azul no canto superior direito"),
        ("If you have any questions, please don't hesitate to contact our support team.", "não hesite em entrar em contato com nossa equipe"),
        ("The team shipped the new release on Friday, and customers loved it.", "na sexta-feira"),
    ],
)
def test_english_to_brazilian_portuguese(translate: Translate, english: str, portuguese: str) -> None:
    assert portuguese in translate(english).text


def test_brazilian_portuguese_to_english(translate: Translate) -> None:
    text = translate("Hoje vamos aprender a configurar o roteador em três passos simples.", source="pt-BR", target="en-US").text
    assert re.fullmatch(r"Today we (will|'ll|are going to) learn (how )?to (configure|set up) the router in three simple steps\.", text)


def test_lines_lists_and_space_stay(translate: Translate) -> None:
    text = "  # A title\n\n- Open the door. Close the window.\n- Say yes.\n\n\tThe end  \n"
    result = translate(text).text
    assert re.fullmatch(r"  # \S.*\n\n- [^\n]*porta\. [^\n]*janela\.\n- [^\n]*sim\.\n\n\t\S[^\n]*\S  \n", result), result


@pytest.mark.parametrize("text", ["", " \n ", "…", "[pause 800ms]", "🎉", "12:30", "`x = 1`", "https://example.com"])
def test_nothing_to_translate(translate: Translate, text: str) -> None:
    assert translate(text).text == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Visit https://example.com/docs?id=7 or write to help@example.com. Then go on.", ["https://example.com/docs?id=7", "help@example.com"]),
        ("Run `pip install locutor` in your terminal, then press Enter.", ["`pip install locutor`"]),
        ("Hello {name}, your order #{order_id} has shipped.", ["{name}", "#{order_id}"]),
        ("Copy %s to ${HOME} and make it <b>bold</b>.", ["%s", "${HOME}", "<b>", "</b>"]),
        ("Breathe in. [pause 800ms] Breathe out, [pause 2s] and rest.", ["[pause 800ms]", "[pause 2s]"]),
        ("🎉 Great news! We launched 😀 today.", ["🎉", "😀"]),
        ("First {a}, then {b}, then {c}, then {d}, and at last {e}.", ["{a}", "{b}", "{c}", "{d}", "{e}"]),
    ],
)
def test_code_and_cues_survive_once_each(translate: Translate, text: str, kept: list[str]) -> None:
    result = translate(text).text
    assert result != text
    assert all(result.count(part) == 1 for part in kept), result
    assert not re.search(r"QX\d|\bX[A-Z]\d\d|XZ-\d|x\d+\.com", result), result


def test_numbers_survive_as_portuguese_writes_them(translate: Translate) -> None:
    result = translate("On March 3, 2024, revenue grew by 12.5% to $3,456,789.01, and we shipped 1,250 units of version 2.10.3.").text
    for number in ("2024", "12,5", "3.456.789,01", "1.250", "2.10.3"):
        assert number in result, result
    # The model on its own loses the date's digits here.
    assert "12/25/2024" in translate("The meeting is at 5:30 p.m. on 12/25/2024.").text


@pytest.mark.parametrize(
    ("text", "term", "kept"),
    [
        ("Open the dashboard to see your reports.", GlossaryTerm("dashboard", "cabine"), "cabine"),
        ("The Dashboard shows the dashboard.", GlossaryTerm("dashboard", "cabine"), "cabine"),
        ("Your deep work matters.", GlossaryTerm("deep  work", "deep work"), "deep work"),
        ("Acme Rivers keeps your files safe.", GlossaryTerm("Acme Rivers"), "Acme Rivers"),
        ("Green Apple is our partner, and we love Green Apple.", GlossaryTerm("Green Apple"), "Green Apple"),
        ("Read the whitepaper (second edition) first.", GlossaryTerm("whitepaper", "artigo técnico"), "artigo técnico"),
    ],
)
def test_glossary_terms_are_kept(translate: Translate, text: str, term: GlossaryTerm, kept: str) -> None:
    result = translate(text, term)
    occurrences = len(re.findall(r"\s+".join(term.source.split()), text, re.IGNORECASE))
    assert result.missed_terms == ()
    assert len(re.findall(rf"\b{kept}\b", result.text, re.IGNORECASE)) == occurrences, result.text


def test_glossary_respects_words_and_case(translate: Translate) -> None:
    plain = translate("They gave us a house in the housing area.").text
    assert translate("They gave us a house in the housing area.", GlossaryTerm("US", "EUA", case_sensitive=True)).text == plain
    assert "EUA" in translate("They moved to the US last year.", GlossaryTerm("US", "EUA", case_sensitive=True)).text
    inside = translate("The housing area is new.", GlossaryTerm("house", "solar"))
    assert "solar" not in inside.text and inside.missed_terms == ()


def test_longer_terms_win(translate: Translate) -> None:
    result = translate("Open the control panel, then the panel.", GlossaryTerm("panel", "quadro"), GlossaryTerm("control panel", "centro de comando"))
    assert "centro de comando" in result.text and "quadro" in result.text and result.missed_terms == ()


def test_many_terms_in_a_sentence(translate: Translate) -> None:
    names = ["Alder", "Birch", "Cedar", "Maple", "Willow"]
    result = translate("Ask Alder, Birch, Cedar, Maple and Willow about the plan.", *(GlossaryTerm(name) for name in names))
    assert result.missed_terms == () and all(result.text.count(name) == 1 for name in names), result.text


def test_one_language_keeps_the_text_but_for_the_glossary(translate: Translate) -> None:
    text = "Take the elevator. Elevators are fast."
    result = translate(text, GlossaryTerm("elevator", "lift"), source="en-US", target="en-GB")
    assert result.text == "Take the lift. Elevators are fast."


def test_capitals(translate: Translate) -> None:
    assert translate("CLICK HERE TO GET STARTED NOW.").text == "CLIQUE AQUI PARA COMEÇAR AGORA."
    assert "{name}" in translate("WELCOME TO THE TEAM, {name}!").text


@pytest.mark.parametrize(("text", "source", "target", "expected"), [("Thank you!", "en", "pt", "Obrigado!"), ("Obrigada.", "pt", "en", "Thank you.")])
def test_short_utterances_are_not_embroidered(translate: Translate, text: str, source: str, target: str, expected: str) -> None:
    assert translate(text, source=source, target=target).text == expected


def test_abbreviations_do_not_end_sentences(translate: Translate) -> None:
    text = translate("O Sr. Silva e a Dra. Costa chegaram às 17h30.", source="pt-BR", target="en").text
    assert text.startswith("Mr. Silva and Dr. Costa arrived")


def test_endless_sentences_are_translated_to_their_end(translate: Translate) -> None:
    clauses = [f"on day {day} the visitors walked through room {day + 100} of the old museum" for day in range(1, 25)]
    result = translate("First, " + ", then ".join(clauses) + ".").text
    assert all(str(room) in result for room in range(101, 125)), result
