"""How a language says numbers, dates, times, amounts and signs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from babel import Locale
from num2words import num2words

from services.tts.normalize.units import UNITS


@dataclass(frozen=True)
class Number:
    """A number as it was written."""

    integer: int
    fraction: str = ""
    """Digits behind the decimal mark."""
    negative: bool = False

    @property
    def value(self) -> Decimal:
        written = f"{self.integer}.{self.fraction}" if self.fraction else str(self.integer)
        return -Decimal(written) if self.negative else Decimal(written)


@dataclass(frozen=True)
class Currency:
    """Names of a currency and its hundredth: for one, and for more."""

    one: str
    many: str
    cent: str = ""
    cents: str = ""


class Grammar(ABC):
    """A language. The methods here hold for European languages; others override them.

    Texts that a method returns need no further reading. `noun` is the word behind a number, which decides its gender.
    """

    locale: ClassVar[str]
    """BCP 47."""
    cldr: ClassVar[str]
    """Babel's name of the locale."""
    numerals: ClassVar[str] = ""
    """num2words' name of the language."""

    decimal_mark: ClassVar[str] = ","
    group_marks: ClassVar[str] = "."
    month_first: ClassVar[bool] = False
    """3/14/2026 is the fourteenth of March."""
    spaces: ClassVar[bool] = True

    minus: ClassVar[str]
    point: ClassVar[str]
    """The decimal mark, said aloud."""
    dot: ClassVar[str]
    """In addresses and version numbers."""
    version_point: ClassVar[str] = ""
    """Between the parts of a version; empty: `dot`."""
    percent: ClassVar[str]
    range_pattern: ClassVar[str]
    """"{0} to {1}"."""
    at: ClassVar[str]
    signs: ClassVar[Mapping[str, str]]
    """Signs that are said: "&"."""
    address_signs: ClassVar[Mapping[str, str]]
    """Signs inside an address: "/", "-", "_"."""
    abbreviations: ClassVar[Mapping[str, str]]
    """With their full stop, to what they stand for."""
    after_names: ClassVar[Mapping[str, str]] = {}
    """Abbreviations that mean something else where no name follows: "St." is a street behind a name, a saint before one."""
    units: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Units that CLDR lacks, or that are said otherwise: symbol to "{0} name" for one, and for more."""
    currencies: ClassVar[Mapping[str, Currency]]
    """By symbol and by ISO 4217 code."""
    magnitudes: ClassVar[Mapping[str, str]] = {}
    """Of amounts: what is written ("M") to what is said ("million")."""
    magnitude_link: ClassVar[str] = " "
    """Between a magnitude and what it counts: " de "."""
    clock_words: ClassVar[str] = ""
    """Words behind a time of day that its reading holds already, as alternatives of a pattern."""
    over: ClassVar[str] = ""
    """Between numerator and denominator of a fraction that has no name."""
    letters: ClassVar[Mapping[str, str]] = {}
    """Names of letters, for initialisms that the synthesizer would read as a word."""
    fractions: ClassVar[Mapping[str, str]] = {}
    """ "1/2" to "one half"."""

    def __init__(self) -> None:
        self.calendar = Locale.parse(self.cldr)

    # numbers

    def cardinal(self, number: int, noun: str = "") -> str:
        return str(num2words(number, lang=self.numerals))

    def ordinal(self, number: int, feminine: bool = False) -> str:
        return str(num2words(number, lang=self.numerals, to="ordinal"))

    def number(self, number: Number, noun: str = "") -> str:
        spoken = self.cardinal(number.integer, "" if number.fraction else noun)
        if number.fraction:
            spoken += f" {self.point} {self.fraction_digits(number.fraction)}"
        return f"{self.minus} {spoken}" if number.negative else spoken

    def fraction_digits(self, digits: str) -> str:
        """One or two digits as a number, zeros in front one by one, more digits one by one."""
        tail = digits.lstrip("0")
        if not tail or len(tail) > 2:
            return self.digits(digits)
        return " ".join([self.cardinal(0)] * (len(digits) - len(tail)) + [self.cardinal(int(tail))])

    def digits(self, digits: str) -> str:
        """Digit by digit."""
        return " ".join(self.cardinal(int(digit)) for digit in digits)

    def phone(self, groups: list[str]) -> str:
        """Groups of digits with a breath between them."""
        return ", ".join(self.digits(group) for group in groups)

    def year(self, year: int) -> str:
        return self.cardinal(year)

    def fraction(self, numerator: int, denominator: int) -> str:
        return f"{self.cardinal(numerator)} {self.over} {self.cardinal(denominator)}"

    def percentage(self, spoken: str) -> str:
        return f"{spoken} {self.percent}" if self.spaces else spoken + self.percent

    def range(self, first: str, last: str) -> str:
        return self.range_pattern.format(first, last)

    # dates and times

    def month(self, month: int) -> str:
        return self.calendar.months["format"]["wide"][month]

    def day_of_month(self, day: int) -> str:
        return self.cardinal(day)

    @abstractmethod
    def date(self, day: int, month: int, year: int | None) -> str:
        """A day of the calendar, with or without its year."""

    @abstractmethod
    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        """`half`: "am", "pm" or empty."""

    # amounts

    def feminine(self, noun: str) -> bool:
        """Whether a noun is feminine, by its ending."""
        return False

    def measure(self, number: Number, symbol: str, spoken: str = "") -> str:
        """A number with its unit. `spoken` stands for the number where it is part of a longer phrase, such as a range."""
        pattern = self._unit_pattern(number, symbol)
        return pattern.format(spoken or self.number(number, pattern.partition("{0}")[2].strip()))

    def _unit_pattern(self, number: Number, symbol: str) -> str:
        if symbol in self.units:
            return self.units[symbol][0 if number.value == 1 else 1]
        patterns = self.calendar._data["unit_patterns"][UNITS[symbol]]
        forms = patterns["long"] if "long" in patterns else patterns["short"]
        return " ".join(str(forms.get(self.calendar.plural_form(abs(number.value)), forms["other"])).split())

    def amount(self, number: Number, currency: Currency) -> str:
        """An amount of money with at most two decimals."""
        cents = int((number.fraction + "00")[:2])
        minus = f"{self.minus} " if number.negative else ""
        whole = f"{self.cardinal(number.integer, currency.many)} {currency.one if number.integer == 1 else currency.many}"
        if not cents or not currency.cent:
            return minus + whole
        if not number.integer:
            return f"{minus}{self.cardinal(cents, currency.cents)} {currency.cent if cents == 1 else currency.cents}"
        return minus + self.whole_and_cents(whole, cents, currency)

    def whole_and_cents(self, whole: str, cents: int, currency: Currency) -> str:
        """An amount that has both: `whole` is written out already."""
        return f"{whole} {self.cardinal(cents)} {currency.cent if cents == 1 else currency.cents}"

    def magnitude(self, written: str, number: Number) -> str:
        """The magnitude behind a number, in its plural where the number asks for it."""
        return self.magnitudes[written]
