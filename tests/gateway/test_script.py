"""Reading scripts."""

from __future__ import annotations

import pytest

from gateway.script import BREAK_PAUSE_MS, MAX_CHARACTERS, MAX_FINDINGS, MAX_UTTERANCES, PARAGRAPH_PAUSE_MS, parse_script
from locutor.errors import InvalidInput


def texts(source: str) -> list[str]:
    return [utterance.text for utterance in parse_script(source).utterances]


def refusal(source: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_script(source, "present.script.text")
    return caught.value


def test_plain_text_paragraphs_are_utterances() -> None:
    script = parse_script("One line\nand its end.\n\nAnother.\n")
    assert [(u.text, u.line, u.pause_after_ms) for u in script.utterances] == [("One line and its end.", 1, PARAGRAPH_PAUSE_MS), ("Another.", 4, 0)]


def test_markdown_is_read_as_it_sounds() -> None:
    source = """# The *big* heading

Some **bold** text with `code` and [a link](https://example.org "t").

- one
- two

1. three

> quoted

    indented, not code

| a | b |
|---|---|
| c | d |
"""
    assert texts(source) == [
        "The big heading",
        "Some bold text with code and a link.",
        "one",
        "two",
        "three",
        "quoted",
        "indented, not code",
        "a, b",
        "c, d",
    ]


def test_what_is_not_spoken() -> None:
    source = "![a picture](x.png) Seen.\n\n<!-- a note -->\n\n```\ncode\n```\n\n~~gone~~ kept <b>bold</b>\n\n***\n\n:-)\n"
    script = parse_script(source)
    assert [u.text for u in script.utterances] == ["Seen.", "kept bold"]
    assert script.warnings == ("line 5: a code block is not spoken", "line 13: ':-)' has neither letters nor digits and is not spoken")


def test_pauses() -> None:
    script = parse_script("[pause 2s]\n\nOne [pause 800ms] two.\n\n[pause 1.5s]\n[pause 500ms]\n\nThree.\n\n---\n\nFour. [PAUSE 300 ms]")
    assert script.lead_pause_ms == 2000
    assert [(u.text, u.pause_after_ms) for u in script.utterances] == [("One", 800), ("two.", 2000), ("Three.", BREAK_PAUSE_MS), ("Four.", 300)]


def test_a_pause_inside_emphasis_and_after_a_line_end() -> None:
    script = parse_script("Well **then [pause 1s]**\nwe go.")
    assert [(u.text, u.line) for u in script.utterances] == [("Well then", 1), ("we go.", 2)]


def test_escaped_brackets_are_text() -> None:
    assert texts("He wrote \\[sic\\] and `a[0]`.") == ["He wrote [sic] and a[0]."]


def test_chinese_lines_join_without_a_space() -> None:
    assert texts("你好，\n世界。\nHello\nthere") == ["你好，世界。 Hello there"]


def test_front_matter() -> None:
    script = parse_script("---\ntitle: Hello\nlocale: no\nvoices: {no: af_heart, es: ef_dora}\ncolour: red\n---\nHi.\n")
    assert (script.title, script.locale, script.voices) == ("Hello", "no", {"no": "af_heart", "es": "ef_dora"})
    assert script.utterances[0].line == 7
    assert script.warnings == ("front matter: the key 'colour' is not known and was ignored; known are locale, title, voices",)


@pytest.mark.parametrize("source", ["", "  \n\n", "---\ntitle: x\n---\n", "[pause 1s]", "***\n", "<!-- nothing -->"])
def test_nothing_to_say(source: str) -> None:
    assert refusal(source).violations[0].reason == "EMPTY_SCRIPT"


def test_all_violations_with_their_lines() -> None:
    error = refusal("Good.\n\nAh [smile] oh\n[pause]\n\n[pause 90s]\n")
    assert [(v.field, v.reason) for v in error.violations] == [
        ("present.script.text", "UNKNOWN_CUE"),
        ("present.script.text", "UNKNOWN_CUE"),
        ("present.script.text", "PAUSE_TOO_LONG"),
    ]
    assert [v.message.split(":")[0] for v in error.violations] == ["line 3", "line 4", "line 6"]


@pytest.mark.parametrize("head", ["a: [b", "- a\n- b", "title: [1]", "voices: x", "voices: {es: {a: b}}", "[" * 3000, "a: " + "x" * 8000])
def test_bad_front_matter(head: str) -> None:
    assert {v.reason for v in refusal(f"---\n{head}\n---\nHi.").violations} == {"BAD_FRONT_MATTER"}


@pytest.mark.parametrize("number", ["9" * 400, "9999999", "1." + "0" * 400])
def test_a_pause_of_too_many_digits_is_refused(number: str) -> None:
    violation = refusal(f"a\n\n[pause {number}s]\n\nb").violations[0]
    assert violation.reason == "UNKNOWN_CUE" and "write a pause as [pause 800ms] or [pause 1.5s]" in violation.message


def test_limits() -> None:
    assert refusal("a\n\n[pause 40s]\n\n[pause 40s]\n\nb").violations[0].message.startswith("line 5: a pause of 80 s")
    assert refusal("a" * (MAX_CHARACTERS + 1)).violations[0].reason == "SCRIPT_TOO_LONG"
    assert refusal("a\n\n" * (MAX_UTTERANCES + 1)).violations[0].reason == "SCRIPT_TOO_LONG"
    assert len(parse_script("a\n\n" * MAX_UTTERANCES).utterances) == MAX_UTTERANCES
    assert refusal("word " * 1001).violations[0].reason == "PARAGRAPH_TOO_LONG"
    assert refusal("a\0b").violations[0].reason == "NOT_TEXT"


def test_what_is_told_of_one_script_is_bounded() -> None:
    violations = refusal("[a]" * 20_000).violations
    assert len(violations) == MAX_FINDINGS and {v.reason for v in violations} == {"UNKNOWN_CUE"}
    warnings = parse_script(":-)\n\n" * 1000 + "Said.").warnings
    assert len(warnings) == MAX_FINDINGS + 1 and warnings[-1] == "and more of the kind"
