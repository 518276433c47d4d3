"""Japanese: numbers as Chinese numerals, which Open JTalk reads with the right sound changes before counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency, Grammar, Number

_DIGIT_NAMES = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")


class Japanese(Grammar):
    locale = "ja"
    cldr = "ja"
    numerals = "ja"
    decimal_mark = "."
    group_marks = ","
    spaces = False
    minus = "マイナス"
    point = "点"
    dot = "ドット"
    version_point = "点"
    percent = "パーセント"
    range_pattern = "{0}から{1}"
    at = "アットマーク"
    signs: ClassVar[Mapping[str, str]] = {
        "&": "アンド", "+": "プラス", "=": "イコール", "@": "アットマーク", "#": "シャープ", "×": "かける", "÷": "わる", "±": "プラスマイナス",
        "<": "小なり", ">": "大なり", "≈": "約", "°": "度", "№": "ナンバー", "〒": "郵便番号",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "スラッシュ", "-": "ハイフン", "_": "アンダーバー", "+": "プラス", "?": "クエスチョンマーク", "=": "イコール", "&": "アンド", "#": "シャープ",
        "~": "チルダ", ":": "コロン",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "Dr.": "ドクター", "Mr.": "ミスター", "Mrs.": "ミセス", "No.": "ナンバー", "vs.": "対", "vs": "対", "(株)": "株式会社", "㈱": "株式会社",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("ドル", "ドル", "セント", "セント"), "US$": Currency("米ドル", "米ドル", "セント", "セント"),
        "€": Currency("ユーロ", "ユーロ", "セント", "セント"), "£": Currency("ポンド", "ポンド", "ペンス", "ペンス"), "¥": Currency("円", "円"),
        "￥": Currency("円", "円"), "R$": Currency("レアル", "レアル", "センタボ", "センタボ"), "₹": Currency("ルピー", "ルピー", "パイサ", "パイサ"),
        "USD": Currency("ドル", "ドル", "セント", "セント"), "EUR": Currency("ユーロ", "ユーロ", "セント", "セント"),
        "GBP": Currency("ポンド", "ポンド", "ペンス", "ペンス"), "JPY": Currency("円", "円"), "CNY": Currency("元", "元"),
        "BRL": Currency("レアル", "レアル"), "INR": Currency("ルピー", "ルピー"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "万": "万", "億": "億", "兆": "兆", "百万": "百万", "千": "千",
    }  # fmt: skip
    magnitude_link = ""
    fractions: ClassVar[Mapping[str, str]] = {
        "½": "二分の一", "¼": "四分の一", "¾": "四分の三", "24/7": "二十四時間年中無休",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0}デシベル", "{0}デシベル"), "°C": ("{0}度", "{0}度"), "℃": ("{0}度", "{0}度"), "kg": ("{0}キログラム", "{0}キログラム"),
        "t": ("{0}トン", "{0}トン"),
    }  # fmt: skip

    def cardinal(self, number: int, noun: str = "") -> str:
        return super().cardinal(number) if number else "ゼロ"

    def number(self, number: Number, noun: str = "") -> str:
        spoken = self.cardinal(number.integer)
        if number.fraction:
            spoken += self.point + "".join("〇一二三四五六七八九"[int(digit)] for digit in number.fraction)
        return self.minus + spoken if number.negative else spoken

    def digits(self, digits: str) -> str:
        return "".join(_DIGIT_NAMES[int(digit)] for digit in digits)

    def phone(self, groups: list[str]) -> str:
        return "の、".join(self.digits(group) for group in groups)

    def date(self, day: int, month: int, year: int | None) -> str:
        return (f"{self.cardinal(year)}年" if year is not None else "") + f"{self.cardinal(month)}月{self.cardinal(day)}日"

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        spoken = {"am": "午前", "pm": "午後", "": ""}[half] + f"{self.cardinal(hour)}時"
        if minute:
            spoken += f"{self.cardinal(minute)}分"
        return spoken + (f"{self.cardinal(second)}秒" if second else "")

    def _unit_pattern(self, number: Number, symbol: str) -> str:
        return super()._unit_pattern(number, symbol).replace(" ", "")

    def amount(self, number: Number, currency: Currency) -> str:
        cents = int((number.fraction + "00")[:2])
        whole = f"{self.minus if number.negative else ''}{self.cardinal(number.integer)}{currency.one}"
        if not cents or not currency.cent:
            return whole
        return f"{whole}{self.cardinal(cents)}{currency.cents}" if number.integer else f"{self.cardinal(cents)}{currency.cents}"

    def fraction(self, numerator: int, denominator: int) -> str:
        return f"{self.cardinal(denominator)}分の{self.cardinal(numerator)}"
