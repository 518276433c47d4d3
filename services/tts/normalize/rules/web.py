"""E-mail and web addresses."""

from __future__ import annotations

import regex

from services.tts.normalize.fragments import Rule
from services.tts.normalize.grammar import Grammar

_MAIL = regex.compile(r"[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+")
_TOP_DOMAINS = "com|org|net|io|ai|dev|app|edu|gov|info|biz|co|eu|uk|us|de|fr|es|it|br|mx|in|jp|cn|ch|tv|me"
_PATH = r"[^\s<>\"'，。、（）]*[\p{L}\p{N}/#]"
_URL = regex.compile(rf"(?:https?://|www\.){_PATH}|(?<![\p{{L}}\p{{N}}@.])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{_TOP_DOMAINS})(?:/{_PATH})?(?![\p{{L}}\p{{N}}])")
_PARTS = regex.compile(r"[\p{L}\p{M}]+|\p{N}+|.")


def rules(grammar: Grammar) -> list[Rule]:
    def spell(address: str) -> str:
        words = []
        for part in _PARTS.findall(address):
            if part.isdigit():
                words.append(grammar.cardinal(int(part)) if len(part) < 4 and part[0] != "0" else grammar.digits(part))
            elif part[0].isalpha():
                words.append(part)
            else:
                words.append({".": grammar.dot, "@": grammar.at}.get(part) or grammar.address_signs.get(part, ""))
        return " ".join(word for word in words if word)

    def read_url(match: regex.Match) -> str:
        address = regex.sub(r"^https?://", "", match.group())
        return spell(regex.sub(r"^www\.", "", address).rstrip("/"))

    return [Rule(_MAIL, lambda match: spell(match.group())), Rule(_URL, read_url)]
