"""English, American and British."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency, Grammar

_CLOCK_HALVES = {"am": "a m", "pm": "p m"}


class AmericanEnglish(Grammar):
    locale = "en-US"
    cldr = "en"
    numerals = "en"
    decimal_mark = "."
    group_marks = ","
    month_first = True
    minus = "minus"
    point = "point"
    dot = "dot"
    version_point = "point"
    percent = "percent"
    range_pattern = "{0} to {1}"
    at = "at"
    over = "over"
    clock_words = "o'clock|hours"
    signs: ClassVar[Mapping[str, str]] = {
        "&": "and", "+": "plus", "=": "equals", "@": "at", "#": "hash", "×": "times", "÷": "divided by", "±": "plus or minus", "<": "less than",
        ">": "greater than", "≤": "at most", "≥": "at least", "≈": "about", "°": "degrees", "§": "section", "№": "number", "→": "to", "%": "percent",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "slash", "-": "dash", "_": "underscore", "+": "plus", "?": "question mark", "=": "equals", "&": "and", "#": "hash", "~": "tilde", ":": "colon",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Prof.": "Professor", "St.": "Saint", "Jr.": "Junior", "Sr.": "Senior",
        "Gov.": "Governor", "Sen.": "Senator", "Rep.": "Representative", "Gen.": "General", "Col.": "Colonel", "Capt.": "Captain", "Lt.": "Lieutenant",
        "Sgt.": "Sergeant", "Rev.": "Reverend", "Hon.": "Honorable", "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus",
        "approx.": "approximately", "dept.": "department", "Dept.": "Department", "est.": "established", "Inc.": "Incorporated", "Ltd.": "Limited",
        "Co.": "Company", "Corp.": "Corporation", "No.": "number", "no.": "number", "vol.": "volume", "Vol.": "Volume", "Fig.": "Figure", "fig.": "figure",
        "p.": "page", "pp.": "pages", "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road", "a.m.": "a m", "p.m.": "p m", "A.M.": "a m", "P.M.": "p m",
        "U.S.": "U S", "U.S.A.": "U S A", "U.K.": "U K", "E.U.": "E U", "D.C.": "D C", "Ph.D.": "P H D", "w/o": "without", "w/": "with",
    }  # fmt: skip
    after_names: ClassVar[Mapping[str, str]] = {"St.": "Street", "Dr.": "Drive"}
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("dollar", "dollars", "cent", "cents"), "US$": Currency("US dollar", "US dollars", "cent", "cents"),
        "€": Currency("euro", "euros", "cent", "cents"), "£": Currency("pound", "pounds", "penny", "pence"), "¥": Currency("yen", "yen"),
        "R$": Currency("real", "reais", "centavo", "centavos"), "₹": Currency("rupee", "rupees", "paisa", "paise"),
        "USD": Currency("US dollar", "US dollars", "cent", "cents"), "EUR": Currency("euro", "euros", "cent", "cents"),
        "GBP": Currency("pound", "pounds", "penny", "pence"), "JPY": Currency("yen", "yen"), "CNY": Currency("yuan", "yuan"),
        "BRL": Currency("real", "reais", "centavo", "centavos"), "INR": Currency("rupee", "rupees", "paisa", "paise"),
        "CHF": Currency("Swiss franc", "Swiss francs", "centime", "centimes"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "k": "thousand", "K": "thousand", "M": "million", "m": "million", "mn": "million", "B": "billion", "bn": "billion", "T": "trillion",
        "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
    }  # fmt: skip
    fractions: ClassVar[Mapping[str, str]] = {
        "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters", "1/5": "one fifth", "1/8": "one eighth",
        "½": "a half", "⅓": "a third", "⅔": "two thirds", "¼": "a quarter", "¾": "three quarters", "24/7": "twenty-four seven",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0} decibel", "{0} decibels"), "fps": ("{0} frame per second", "{0} frames per second"), "rpm": ("{0} R P M", "{0} R P M"),
        "Mbps": ("{0} megabit per second", "{0} megabits per second"), "Gbps": ("{0} gigabit per second", "{0} gigabits per second"),
        "MB/s": ("{0} megabyte per second", "{0} megabytes per second"), "mi": ("{0} mile", "{0} miles"), "pt": ("{0} point", "{0} points"),
        "kWh": ("{0} kilowatt hour", "{0} kilowatt hours"), "MP": ("{0} megapixel", "{0} megapixels"),
    }  # fmt: skip

    def cardinal(self, number: int, noun: str = "") -> str:
        return super().cardinal(number).replace(" and ", " ").replace(",", "")

    def ordinal(self, number: int, feminine: bool = False) -> str:
        return super().ordinal(number).replace(" and ", " ").replace(",", "")

    def fraction_digits(self, digits: str) -> str:
        return self.digits(digits)

    def year(self, year: int) -> str:
        century, rest = divmod(year, 100)
        if not 1000 <= year <= 2099 or 2000 <= year <= 2009:
            return self.cardinal(year)
        if not rest:
            return f"{self.cardinal(century)} hundred"
        return f"{self.cardinal(century)} {'oh ' if rest < 10 else ''}{self.cardinal(rest)}"

    def day_of_month(self, day: int) -> str:
        return self.ordinal(day)

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"{self.month(month)} {self.ordinal(day)}" + (f", {self.year(year)}" if year is not None else "")

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        spoken = self.cardinal(hour) if hour or half else "zero"
        if minute:
            spoken += f" {'oh ' if minute < 10 else ''}{self.cardinal(minute)}"
        elif not half:
            spoken += " o'clock" if 0 < hour <= 12 else " hundred"
        if second:
            spoken += f" and {self.cardinal(second)} seconds"
        return f"{spoken} {_CLOCK_HALVES[half]}" if half else spoken

    def whole_and_cents(self, whole: str, cents: int, currency: Currency) -> str:
        return f"{whole} and {self.cardinal(cents)} {currency.cent if cents == 1 else currency.cents}"


class BritishEnglish(AmericanEnglish):
    locale = "en-GB"
    cldr = "en_GB"
    month_first = False

    def cardinal(self, number: int, noun: str = "") -> str:
        return Grammar.cardinal(self, number).replace(",", "")

    def ordinal(self, number: int, feminine: bool = False) -> str:
        return Grammar.ordinal(self, number).replace(",", "")

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"the {self.ordinal(day)} of {self.month(month)}" + (f", {self.year(year)}" if year is not None else "")
