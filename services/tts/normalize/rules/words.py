"""Abbreviations, initialisms, signs and emoji."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar

_EMOJI = regex.compile(
    r"""(?:[\p{Emoji_Presentation}\p{Extended_Pictographic}--[©®™]]|[#*\d]\ufe0f?\u20e3|\p{Regional_Indicator}|[\u200d\ufe0f\U0001F3FB-\U0001F3FF])+|[©®™]""",
    regex.V1,
)
_INITIALISM = regex.compile(r"(?<![\p{L}\d.'’-])\p{Lu}{2,5}(?![\p{L}.'’-])")
# Consonant and vowel in turn, with a common cluster or a final that a syllable may have.
_PRONOUNCEABLE = regex.compile(r"(?:(?:[BCDFGPT][LR]|CH|[BCDFGHJLMNÑPRSTVZ])?[AEIOU])+[LNRSDZ]?")
# "no." stands for "number" before a figure alone.
_BEFORE_FIGURES = frozenset(["No.", "no.", "n.", "N.", "Fig.", "fig.", "p.", "pp.", "art.", "cap.", "vol.", "Vol.", "n°", "N°", "min.", "max."])
_SLASH = regex.compile(r"(?<=[\p{L}\p{M}])\s?/\s?(?=\p{L})")
_LONGEST_READ_AS_WORD = 2


def emoji_rules() -> list[Rule]:
    return [Rule(_EMOJI, lambda match: "")]


def abbreviation_rules(grammar: Grammar) -> list[Rule]:
    names = "|".join(regex.escape(name) for name in sorted(grammar.abbreviations, key=len, reverse=True))
    pattern = regex.compile(rf"(?<![\p{{L}}\p{{M}}\d.])(?:{names})(?![\p{{L}}\p{{M}}])")

    def read(match: regex.Match) -> str | None:
        written = match.group()
        spoken = grammar.abbreviations[written]
        if written in grammar.after_names and not regex.match(r"\s\p{Lu}", match.string, pos=match.end()):
            spoken = grammar.after_names[written]
        if written in _BEFORE_FIGURES and not regex.match(r"\s?[\dIVX]", match.string, pos=match.end()):
            return None
        at_end = written.endswith(".") and not match.string[match.end() :].strip(" \"'”’»)")
        return spoken + "." if at_end else spoken

    return [Rule(pattern, read)]


def initialism_rules(grammar: Grammar) -> list[Rule]:
    if not grammar.letters:
        return []

    def read(match: regex.Match) -> str | None:
        word = match.group()
        shouted = not any(character.islower() for character in match.string)
        if shouted or any(letter not in grammar.letters for letter in word):
            return None
        if len(word) > _LONGEST_READ_AS_WORD and _PRONOUNCEABLE.fullmatch(word):
            return None
        return " ".join(grammar.letters[letter] for letter in word)

    return [Rule(_INITIALISM, read)]


def sign_rules(grammar: Grammar) -> list[Rule]:
    signs = "".join(regex.escape(sign) for sign in grammar.signs)
    number = grammar.abbreviations.get("No.") or grammar.signs.get("№") or grammar.signs["#"]

    def read(match: regex.Match) -> str:
        before, behind = match.string[: match.start()], match.string[match.end() : match.end() + 1]
        spoken = number if match.group() == "#" and behind.isdigit() else grammar.signs[match.group()]
        if not grammar.spaces:
            return spoken
        left = "" if not before or before[-1].isspace() else " "
        return f"{left}{spoken}{'' if not behind or behind.isspace() or not behind.isalnum() else ' '}"

    return [Rule(regex.compile(f"[{signs}]"), read), Rule(_SLASH, lambda match: " ")]
