"""Mandarin Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency, Grammar, Number

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_SCALES = ("", "万", "亿", "万亿")

COUNTERS = frozenset("个只条张位名家种次天件本块座台辆份倍岁小点周")
"""Counted with 两 rather than 二."""


def _below_ten_thousand(number: int) -> str:
    """Spoken digits with places; a gap of zeros is one 零."""
    result = ""
    digits = str(number)
    for index, digit in enumerate(digits):
        place = len(digits) - index - 1
        if digit == "0":
            if result and not result.endswith("零") and int(digits[index:]):
                result += "零"
            continue
        name = "两" if digit == "2" and place >= 2 else _DIGITS[int(digit)]
        result += name + _PLACES[place]
    return result


class Mandarin(Grammar):
    locale = "zh"
    cldr = "zh"
    decimal_mark = "."
    group_marks = ","
    spaces = False
    minus = "负"
    point = "点"
    dot = "点"
    percent = "百分之"
    range_pattern = "{0}到{1}"
    at = "艾特"
    signs: ClassVar[Mapping[str, str]] = {
        "&": "和", "+": "加", "=": "等于", "@": "艾特", "#": "井号", "×": "乘", "÷": "除以", "±": "正负", "<": "小于", ">": "大于", "≤": "小于等于",
        "≥": "大于等于", "≈": "约等于", "°": "度", "№": "号", "~": "到", "～": "到",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "斜杠", "-": "横杠", "_": "下划线", "+": "加", "?": "问号", "=": "等于", "&": "和", "#": "井号", "~": "波浪号", ":": "冒号",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "Dr.": "博士", "Mr.": "先生", "Mrs.": "女士", "No.": "第", "vs.": "对", "vs": "对",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("美元", "美元"), "US$": Currency("美元", "美元"), "€": Currency("欧元", "欧元"), "£": Currency("英镑", "英镑"),
        "¥": Currency("元", "元"), "￥": Currency("元", "元"), "R$": Currency("雷亚尔", "雷亚尔"), "₹": Currency("卢比", "卢比"),
        "USD": Currency("美元", "美元"), "EUR": Currency("欧元", "欧元"), "GBP": Currency("英镑", "英镑"), "JPY": Currency("日元", "日元"),
        "CNY": Currency("元", "元"), "RMB": Currency("人民币", "人民币"), "BRL": Currency("雷亚尔", "雷亚尔"), "INR": Currency("卢比", "卢比"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "万": "万", "亿": "亿", "万亿": "万亿", "百万": "百万", "千": "千",
    }  # fmt: skip
    magnitude_link = ""
    fractions: ClassVar[Mapping[str, str]] = {
        "½": "二分之一", "¼": "四分之一", "¾": "四分之三", "24/7": "全天候",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0}分贝", "{0}分贝"), "GB": ("{0} G B", "{0} G B"), "MB": ("{0}兆", "{0}兆"), "TB": ("{0} T B", "{0} T B"), "KB": ("{0} K B", "{0} K B"),
        "kg": ("{0}公斤", "{0}公斤"), "t": ("{0}吨", "{0}吨"), "kWh": ("{0}千瓦时", "{0}千瓦时"), "h": ("{0}小时", "{0}小时"), "px": ("{0}像素", "{0}像素"),
    }  # fmt: skip

    def cardinal(self, number: int, noun: str = "") -> str:
        if number == 0:
            return "零"
        if number == 2 and noun[:1] in COUNTERS:
            return "两"
        parts = []
        scale = 0
        while number:
            number, low = divmod(number, 10_000)
            parts.append((low, _SCALES[scale]))
            scale += 1
        result = ""
        for index, (low, name) in enumerate(reversed(parts)):
            if not low:
                continue
            gap = index > 0 and low < 1000 and not result.endswith("零")
            spoken = "两" if low == 2 and name else _below_ten_thousand(low)
            result += ("零" if gap else "") + spoken + name
        return result[1:] if result.startswith("一十") else result

    def number(self, number: Number, noun: str = "") -> str:
        spoken = self.cardinal(number.integer, "" if number.fraction else noun)
        if number.fraction:
            spoken += self.point + "".join(_DIGITS[int(digit)] for digit in number.fraction)
        return self.minus + spoken if number.negative else spoken

    def ordinal(self, number: int, feminine: bool = False) -> str:
        return f"第{self.cardinal(number)}"

    def digits(self, digits: str) -> str:
        return "".join(_DIGITS[int(digit)] for digit in digits)

    def phone(self, groups: list[str]) -> str:
        return "，".join(self.digits(group).replace("一", "幺") for group in groups)

    def year(self, year: int) -> str:
        return self.digits(str(year))

    def date(self, day: int, month: int, year: int | None) -> str:
        return (f"{self.year(year)}年" if year is not None else "") + f"{self.cardinal(month)}月{self.cardinal(day)}日"

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        before = {"am": "上午", "pm": "下午" if hour == 12 or hour < 6 else "晚上", "": ""}[half]
        spoken = f"{self.cardinal(hour, '点')}点"
        if minute or second:
            spoken += f"{'零' if minute < 10 else ''}{self.cardinal(minute)}分"
        return before + spoken + (f"{self.cardinal(second)}秒" if second else "")

    def percentage(self, spoken: str) -> str:
        return self.percent + spoken

    def measure(self, number: Number, symbol: str, spoken: str = "") -> str:
        if number.negative and symbol in ("°C", "℃", "°"):
            return "零下" + super().measure(Number(number.integer, number.fraction), symbol, spoken)
        return super().measure(number, symbol, spoken)

    def amount(self, number: Number, currency: Currency) -> str:
        fraction = number.fraction.rstrip("0")
        return self.number(Number(number.integer, fraction, number.negative), "个") + currency.one

    def fraction(self, numerator: int, denominator: int) -> str:
        return f"{self.cardinal(denominator)}分之{self.cardinal(numerator)}"
