"""What Spanish, French, Italian and Portuguese share: two genders, which numbers agree with."""

from __future__ import annotations

from typing import ClassVar

from services.tts.normalize.grammar import Currency, Grammar, Number


class Romance(Grammar):
    feminine_endings: ClassVar[tuple[str, ...]]
    feminine_nouns: ClassVar[frozenset[str]] = frozenset()
    """Feminine against their ending."""
    masculine_nouns: ClassVar[frozenset[str]] = frozenset()
    """Masculine against their ending."""
    particles: ClassVar[frozenset[str]]
    """Small words that may stand behind a number and are not what it counts."""
    and_word: ClassVar[str]
    first: ClassVar[str] = ""
    """The first of a month; empty: the cardinal."""

    def feminine(self, noun: str) -> bool:
        word = noun.split(" ")[0].lower()
        if word in self.masculine_nouns or word in self.feminine_nouns:
            return word in self.feminine_nouns
        return word.endswith(self.feminine_endings)

    def counted(self, noun: str) -> str:
        """The noun that a number agrees with; empty where the word behind it is none."""
        return "" if noun.split(" ")[0].lower() in self.particles else noun

    def day_of_month(self, day: int) -> str:
        return self.first if day == 1 and self.first else self.cardinal(day)

    def magnitude(self, written: str, number: Number) -> str:
        one, _, many = self.magnitudes[written].partition("/")
        return one if number.integer == 1 or not many else many

    def whole_and_cents(self, whole: str, cents: int, currency: Currency) -> str:
        return f"{whole} {self.and_word} {self.cardinal(cents, currency.cents)} {currency.cent if cents == 1 else currency.cents}"
