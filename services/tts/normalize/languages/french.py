"""French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency
from services.tts.normalize.languages.romance import Romance


class French(Romance):
    locale = "fr"
    cldr = "fr"
    numerals = "fr"
    group_marks = " ."
    minus = "moins"
    point = "virgule"
    dot = "point"
    percent = "pour cent"
    range_pattern = "{0} à {1}"
    at = "arobase"
    over = "sur"
    clock_words = "heures"
    and_word = ""
    first = "premier"
    particles = frozenset(
        [
            "de",
            "du",
            "des",
            "et",
            "ou",
            "à",
            "au",
            "aux",
            "en",
            "par",
            "pour",
            "que",
            "qui",
            "est",
            "sont",
            "sur",
            "dans",
            "plus",
            "moins",
            "fois",
            "virgule",
            "le",
            "la",
            "les",
        ]
    )
    feminine_endings = (
        "tion",
        "tions",
        "sion",
        "sions",
        "té",
        "tés",
        "ette",
        "ettes",
        "ure",
        "ures",
        "ence",
        "ences",
        "ance",
        "ances",
        "ée",
        "ées",
        "ie",
        "ies",
    )
    feminine_nouns = frozenset(
        [
            "personne",
            "personnes",
            "fois",
            "heure",
            "heures",
            "minute",
            "minutes",
            "seconde",
            "secondes",
            "milliseconde",
            "millisecondes",
            "page",
            "pages",
            "femme",
            "femmes",
            "fille",
            "filles",
            "semaine",
            "semaines",
            "tonne",
            "tonnes",
            "once",
            "onces",
            "chose",
            "choses",
            "ville",
            "villes",
            "image",
            "images",
            "étape",
            "étapes",
            "langue",
            "langues",
            "roupie",
            "roupies",
            "vidéo",
            "vidéos",
            "calorie",
            "calories",
        ]
    )
    signs: ClassVar[Mapping[str, str]] = {
        "&": "et", "+": "plus", "=": "égale", "@": "arobase", "#": "dièse", "×": "fois", "÷": "divisé par", "±": "plus ou moins", "<": "inférieur à",
        ">": "supérieur à", "≤": "inférieur ou égal à", "≥": "supérieur ou égal à", "≈": "environ", "°": "degrés", "§": "paragraphe", "№": "numéro",
        "%": "pour cent",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "slash", "-": "tiret", "_": "tiret bas", "+": "plus", "?": "point d'interrogation", "=": "égale", "&": "et", "#": "dièse", "~": "tilde",
        ":": "deux points",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "M.": "monsieur", "MM.": "messieurs", "Mme": "madame", "Mmes": "mesdames", "Mlle": "mademoiselle", "Dr": "docteur", "Dr.": "docteur",
        "Pr": "professeur", "Me": "maître", "St": "saint", "Ste": "sainte", "etc.": "et cetera", "p. ex.": "par exemple", "p.ex.": "par exemple",
        "ex.": "exemple", "c.-à-d.": "c'est-à-dire", "av. J.-C.": "avant Jésus-Christ", "apr. J.-C.": "après Jésus-Christ", "n°": "numéro", "N°": "numéro",
        "no.": "numéro", "p.": "page", "pp.": "pages", "tél.": "téléphone", "Tél.": "téléphone", "bd": "boulevard", "Bd": "boulevard", "av.": "avenue",
        "env.": "environ", "vol.": "volume", "chap.": "chapitre", "art.": "article", "vs": "versus", "vs.": "versus", "hab.": "habitants", "max.": "maximum",
        "min.": "minimum",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("dollar", "dollars", "cent", "cents"), "US$": Currency("dollar", "dollars", "cent", "cents"),
        "€": Currency("euro", "euros", "centime", "centimes"), "£": Currency("livre sterling", "livres sterling", "penny", "pence"),
        "¥": Currency("yen", "yens"), "R$": Currency("réal", "réaux", "centavo", "centavos"), "₹": Currency("roupie", "roupies", "paisa", "paisas"),
        "USD": Currency("dollar", "dollars", "cent", "cents"), "EUR": Currency("euro", "euros", "centime", "centimes"),
        "GBP": Currency("livre sterling", "livres sterling", "penny", "pence"), "JPY": Currency("yen", "yens"), "CNY": Currency("yuan", "yuans"),
        "BRL": Currency("réal", "réaux", "centavo", "centavos"), "INR": Currency("roupie", "roupies", "paisa", "paisas"),
        "CHF": Currency("franc suisse", "francs suisses", "centime", "centimes"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "k": "mille", "K": "mille", "M": "million/millions", "Md": "milliard/milliards", "Mds": "milliard/milliards", "mille": "mille",
        "million": "million/millions", "millions": "million/millions", "milliard": "milliard/milliards", "milliards": "milliard/milliards",
    }  # fmt: skip
    magnitude_link = " de "
    fractions: ClassVar[Mapping[str, str]] = {
        "1/2": "un demi", "1/3": "un tiers", "2/3": "deux tiers", "1/4": "un quart", "3/4": "trois quarts", "½": "un demi", "¼": "un quart",
        "¾": "trois quarts", "24/7": "vingt-quatre sept",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0} décibel", "{0} décibels"), "t": ("{0} tonne", "{0} tonnes"), "Go": ("{0} gigaoctet", "{0} gigaoctets"),
        "Mo": ("{0} mégaoctet", "{0} mégaoctets"), "To": ("{0} téraoctet", "{0} téraoctets"), "ko": ("{0} kilooctet", "{0} kilooctets"),
        "Mbps": ("{0} mégabit par seconde", "{0} mégabits par seconde"), "kWh": ("{0} kilowattheure", "{0} kilowattheures"),
        "°C": ("{0} degré", "{0} degrés"),
    }  # fmt: skip

    def feminine(self, noun: str) -> bool:
        return (noun.startswith("livre") and "sterling" in noun) or super().feminine(noun)

    def cardinal(self, number: int, noun: str = "") -> str:
        noun = self.counted(noun)
        spoken = super().cardinal(number)
        if noun and self.feminine(noun) and spoken.endswith("un") and number % 100 not in (11, 71, 91):
            return spoken + "e"
        return spoken

    def ordinal(self, number: int, feminine: bool = False) -> str:
        return "première" if feminine and number == 1 else super().ordinal(number)

    def phone(self, groups: list[str]) -> str:
        """In pairs, as the French do."""
        pairs = all(len(group) == 2 for group in groups[1:]) and len(groups) > 2
        if not pairs:
            return super().phone(groups)
        return ", ".join(self.digits(group) if group[0] == "0" or len(group) != 2 else self.cardinal(int(group)) for group in groups)

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"{self.day_of_month(day)} {self.month(month)}" + (f" {self.year(year)}" if year is not None else "")

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        spoken = f"{self.cardinal(hour, 'heures')} {'heure' if hour < 2 else 'heures'}"
        if minute:
            spoken += f" {'zéro ' if minute < 10 else ''}{self.cardinal(minute, 'minutes')}"
        if second:
            spoken += f" et {self.cardinal(second, 'secondes')} secondes"
        return spoken + {"am": " du matin", "pm": " de l'après-midi" if hour == 12 or hour < 6 else " du soir", "": ""}[half]

    def whole_and_cents(self, whole: str, cents: int, currency: Currency) -> str:
        return f"{whole} {self.cardinal(cents)}"
