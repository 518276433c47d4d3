"""Japanese morae as the symbols that Kokoro was trained on: narrow IPA, devoiced and palatal sounds spelled out."""

from __future__ import annotations

from itertools import product

_VOWELS = {"ア": "a", "イ": "i", "ウ": "ɯ", "エ": "e", "オ": "o"}

# Each row: kana on a, i, u, e, o; the plain onset; onsets that differ before i, u, e.
_ROWS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("カキクケコ", "k", {"i": "kʲ"}),
    ("ガギグゲゴ", "ɡ", {"i": "ɡʲ"}),
    ("サシスセソ", "s", {"i": "ɕ"}),
    ("ザジズゼゾ", "ʣ", {"i": "ʥ", "u": "z"}),
    ("タチツテト", "t", {"i": "ʨ", "u": "ʦ"}),
    ("ダヂヅデド", "d", {"i": "ʥ", "u": "z"}),
    ("ナニヌネノ", "n", {"i": "ɲ"}),
    ("ハヒフヘホ", "h", {"i": "ç", "u": "ɸ"}),
    ("バビブベボ", "b", {"i": "bʲ"}),
    ("パピプペポ", "p", {"i": "pʲ"}),
    ("マミムメモ", "m", {"i": "mʲ"}),
    ("ラリルレロ", "ɾ", {"i": "ɾʲ"}),
)
_FRONTED = frozenset("スズツヅ")
"""Their u is the central ɨ."""

_SINGLES = {
    "ヤ": "ja", "ユ": "jɯ", "ヨ": "jo", "ワ": "βa", "ヰ": "i", "ヱ": "e", "ヲ": "o", "ヴ": "vɯ", "ヮ": "βa", "ヵ": "ka", "ヶ": "ke",
    "ャ": "ja", "ュ": "jɯ", "ョ": "jo", "ァ": "a", "ィ": "i", "ゥ": "ɯ", "ェ": "e", "ォ": "o",
    "イェ": "je", "ウィ": "βi", "ウェ": "βe", "ウォ": "βo", "テュ": "tʲɨ", "デュ": "dʲɨ", "ティ": "tʲi", "ディ": "dʲi", "トゥ": "tɯ", "ドゥ": "dɯ",
    "ツィ": "ʦʲi", "フィ": "ɸʲi", "フュ": "ɸʲɨ", "フョ": "ɸʲo", "ヴィ": "vʲi", "ヴュ": "bʲɨ", "ヴョ": "bʲo", "スィ": "si", "ズィ": "zi",
}  # fmt: skip


def _table() -> dict[str, str]:
    table = dict(_VOWELS)
    for kana, onset, special in _ROWS:
        for (vowel_kana, vowel), written in zip(_VOWELS.items(), kana, strict=True):
            name = {"ア": "a", "イ": "i", "ウ": "u", "エ": "e", "オ": "o"}[vowel_kana]
            table[written] = special.get(name, onset) + ("ɨ" if written in _FRONTED else vowel)
        # Kana on i with a small ya, yu, yo or e: the palatal onset with that vowel, u fronted.
        palatal = special["i"]
        for small, vowel in {"ャ": "a", "ュ": "ɨ", "ョ": "o", "ェ": "e"}.items():
            table[kana[1] + small] = palatal + vowel
    # Foreign sounds: f, ts and v before vowels, k and g rounded.
    for (first, onset), (small, vowel) in product(
        {"フ": "ɸ", "ツ": "ʦ", "ヴ": "v", "ク": "kᵝ", "グ": "ɡᵝ"}.items(), {"ァ": "a", "ィ": "i", "ェ": "e", "ォ": "o"}.items()
    ):
        table[first + small] = onset + vowel
    return table | _SINGLES


_MORAE = _table()

# The moraic nasal takes the place of what follows it.
_NASALS = (("mpb", "m"), ("kɡ", "ŋ"), ("ɲʨʥ", "ɲ"), ("ntdɾzʣʦ", "n"))


def symbols_of(katakana: str, following: str = "") -> str:
    """Symbols of a pronunciation in katakana ("キャンセル"); `following` is the pronunciation of the next word, for a nasal at the end."""
    result: list[str] = []
    index = 0
    text = katakana + following
    while index < len(katakana):
        pair = text[index : index + 2]
        if pair in _MORAE and index + 1 < len(katakana):
            result.append(_MORAE[pair])
            index += 2
            continue
        kana = text[index]
        if kana == "ー":
            result.append("ː")
        elif kana == "ッ":
            result.append("ʔ")
        elif kana == "ン":
            onset = _MORAE.get(text[index + 1 : index + 3]) or _MORAE.get(text[index + 1 : index + 2]) or " "
            result.append(next((nasal for onsets, nasal in _NASALS if onset[0] in onsets), "ɴ"))
        else:
            result.append(_MORAE.get(kana, ""))
        index += 1
    return "".join(result)
