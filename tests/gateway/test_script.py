"""Reading scripts."""

from __future__ import annotations

import pytest

from gateway.script import BREAK_PAUSE_MS, MAX_CHARACTERS, MAX_CUES, MAX_FINDINGS, MAX_UTTERANCES, PARAGRAPH_PAUSE_MS, parse_script
from gateway.script_cues import KINDS
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


def cues(source: str) -> list[list[tuple[str, str, int | None]]]:
    """For each utterance: name of a cue, the text that follows it, its duration."""
    names = {number: name for name, number in KINDS.items()}
    return [[(names[cue.kind], said.text[cue.position :], cue.duration_ms) for cue in said.cues] for said in parse_script(source).utterances]


def test_cues_are_no_text_and_keep_their_places() -> None:
    source = "[smile] Hello, [nod]\nmy [look left 1.5s] **friends**[raise brows], all of you [BLINK]."
    assert texts(source) == ["Hello, my friends, all of you."]
    assert cues(source) == [
        [("smile", "Hello, my friends, all of you.", None), ("nod", "my friends, all of you.", None), ("look left", "friends, all of you.", 1500),
         ("raise brows", ", all of you.", None), ("blink", ".", None)]
    ]  # fmt: skip


@pytest.mark.parametrize("written", ["[look left]", "[Look-Left]", "[look_left]", "[ look   left ]"])
def test_cues_may_be_written_in_several_ways(written: str) -> None:
    assert cues(f"{written} a") == [[("look left", "a", None)]]


def test_a_cue_alone_comes_before_what_follows_or_after_all() -> None:
    assert cues("Hi.\n\n[nod]\n\n[pause 1s] [smile 800ms]\n\nThere.\n\n[shake]\n") == [
        [],
        [("nod", "There.", None), ("smile", "There.", 800), ("shake", "", None)],
    ]


def test_cues_beside_pauses_stay_on_their_side() -> None:
    source = "One [nod] [pause 800ms] [shake] two.\nThree."
    assert cues(source) == [[("nod", "", None)], [("shake", "two. Three.", None)]]
    assert [(u.text, u.pause_after_ms, u.line) for u in parse_script(source).utterances] == [("One", 800, 1), ("two. Three.", 0, 1)]


def test_cues_join_no_words_and_part_none() -> None:
    assert texts("Well [nod] then [nod]\n[nod]\nwe[nod]go, 你好[nod]\n世界。") == ["Well then wego, 你好世界。"]


def test_a_character_that_stands_for_cues_is_dropped() -> None:
    assert texts("a\ue002b [nod] c") == ["ab c"] and len(cues("a\ue002b [nod] c")[0]) == 1


@pytest.mark.parametrize("cue", ["wink", "look", "look around", "smile 90s", "nod 0ms", "nod 1.5", "pausing", ""])
def test_an_unknown_cue_is_refused_with_those_that_are_known(cue: str) -> None:
    (violation,) = refusal(f"Hello.\n\nAnd [{cue}] now.").violations
    assert violation.reason == "UNKNOWN_CUE" and violation.message.startswith("line 3: ")
    if cue != "pausing":
        assert all(f"[{name}]" in violation.message for name in KINDS)


def test_too_many_cues() -> None:
    assert len(cues("[nod] a " * MAX_CUES)[0]) == MAX_CUES
    assert [v.reason for v in refusal("[nod] a " * (MAX_CUES + 2)).violations] == ["TOO_MANY_CUES"]


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
    error = refusal("Good.\n\nAh [wink] oh\n[pause]\n\n[pause 90s]\n")
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
