"""Italian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency
from services.tts.normalize.languages.romance import Romance


class Italian(Romance):
    locale = "it"
    cldr = "it"
    numerals = "it"
    minus = "meno"
    point = "virgola"
    dot = "punto"
    percent = "per cento"
    range_pattern = "da {0} a {1}"
    at = "chiocciola"
    over = "su"
    clock_words = "ore"
    and_word = "e"
    first = "primo"
    particles = frozenset(["di", "del", "e", "o", "a", "al", "in", "per", "con", "che", "è", "sono", "su", "da", "più", "meno", "dei", "delle", "alle"])
    feminine_endings = ("a", "zione", "sione", "tà", "trice")
    masculine_nouns = frozenset(["problema", "programma", "sistema", "tema", "clima"])
    feminine_nouns = frozenset(["volta", "ora", "persona", "mano", "notte", "parte"])
    signs: ClassVar[Mapping[str, str]] = {
        "&": "e", "+": "più", "=": "uguale", "@": "chiocciola", "#": "cancelletto", "×": "per", "÷": "diviso", "±": "più o meno", "<": "minore di",
        ">": "maggiore di", "≤": "minore o uguale a", "≥": "maggiore o uguale a", "≈": "circa", "°": "gradi", "§": "paragrafo", "№": "numero",
        "%": "per cento",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "barra", "-": "trattino", "_": "trattino basso", "+": "più", "?": "punto interrogativo", "=": "uguale", "&": "e", "#": "cancelletto",
        "~": "tilde", ":": "due punti",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "Sig.": "signor", "Sig.ra": "signora", "Sig.na": "signorina", "Sigg.": "signori", "sig.": "signor", "sig.ra": "signora", "Dott.": "dottor",
        "Dott.ssa": "dottoressa", "dott.": "dottor", "dott.ssa": "dottoressa", "Dr.": "dottor", "Prof.": "professor", "Prof.ssa": "professoressa",
        "prof.": "professor", "Ing.": "ingegner", "ing.": "ingegner", "Avv.": "avvocato", "avv.": "avvocato", "Geom.": "geometra", "Egr.": "egregio",
        "ecc.": "eccetera", "es.": "esempio", "p. es.": "per esempio", "p.es.": "per esempio", "pag.": "pagina", "pagg.": "pagine", "n.": "numero",
        "N.": "numero", "tel.": "telefono", "Tel.": "telefono", "ca.": "circa", "a.C.": "avanti Cristo", "d.C.": "dopo Cristo",
        "S.p.A.": "società per azioni", "S.r.l.": "società a responsabilità limitata", "vs.": "contro", "art.": "articolo", "cap.": "capitolo",
        "fig.": "figura", "vol.": "volume",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("dollaro", "dollari", "centesimo", "centesimi"), "US$": Currency("dollaro", "dollari", "centesimo", "centesimi"),
        "€": Currency("euro", "euro", "centesimo", "centesimi"), "£": Currency("sterlina", "sterline", "penny", "pence"), "¥": Currency("yen", "yen"),
        "R$": Currency("real", "real", "centavo", "centavos"), "₹": Currency("rupia", "rupie", "paisa", "paise"),
        "USD": Currency("dollaro", "dollari", "centesimo", "centesimi"), "EUR": Currency("euro", "euro", "centesimo", "centesimi"),
        "GBP": Currency("sterlina", "sterline", "penny", "pence"), "JPY": Currency("yen", "yen"), "CNY": Currency("yuan", "yuan"),
        "BRL": Currency("real", "real", "centavo", "centavos"), "INR": Currency("rupia", "rupie", "paisa", "paise"),
        "CHF": Currency("franco svizzero", "franchi svizzeri", "centesimo", "centesimi"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "k": "mila", "K": "mila", "M": "milione/milioni", "mln": "milione/milioni", "mld": "miliardo/miliardi", "Mld": "miliardo/miliardi",
        "milione": "milione/milioni", "milioni": "milione/milioni", "miliardo": "miliardo/miliardi", "miliardi": "miliardo/miliardi", "mila": "mila",
    }  # fmt: skip
    magnitude_link = " di "
    fractions: ClassVar[Mapping[str, str]] = {
        "1/2": "un mezzo", "1/3": "un terzo", "2/3": "due terzi", "1/4": "un quarto", "3/4": "tre quarti", "½": "mezzo", "¼": "un quarto", "¾": "tre quarti",
        "24/7": "ventiquattro sette",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0} decibel", "{0} decibel"), "t": ("{0} tonnellata", "{0} tonnellate"), "Mbps": ("{0} megabit al secondo", "{0} megabit al secondo"),
        "kWh": ("{0} chilowattora", "{0} chilowattora"), "mq": ("{0} metro quadrato", "{0} metri quadrati"), "°C": ("{0} grado", "{0} gradi"),
    }  # fmt: skip
    letters: ClassVar[Mapping[str, str]] = dict(
        zip(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            [
                "a",
                "bi",
                "ci",
                "di",
                "e",
                "effe",
                "gi",
                "acca",
                "i",
                "i-lunga",
                "kappa",
                "elle",
                "emme",
                "enne",
                "o",
                "pi",
                "cu",
                "erre",
                "esse",
                "ti",
                "u",
                "vu",
                "vu-doppia",
                "ics",
                "ipsilon",
                "zeta",
            ],
            strict=True,
        )
    )

    def cardinal(self, number: int, noun: str = "") -> str:
        noun = self.counted(noun)
        if number == 1 and noun:
            word = noun.lower()
            if self.feminine(noun):
                return "una"
            return "uno" if word.startswith(("z", "gn", "ps", "x", "y")) or (word[:1] == "s" and word[1:2] not in "aeiou") else "un"
        return super().cardinal(number)

    def ordinal(self, number: int, feminine: bool = False) -> str:
        spoken = super().ordinal(number)
        return spoken[:-1] + "a" if feminine else spoken

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"{self.day_of_month(day)} {self.month(month)}" + (f" {self.year(year)}" if year is not None else "")

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        spoken = "una" if hour == 1 else self.cardinal(hour)
        if minute:
            spoken += f" e {'zero ' if minute < 10 else ''}{self.cardinal(minute)}"
        if second:
            spoken += f" e {self.cardinal(second)} secondi"
        return spoken + {"am": " di mattina", "pm": " del pomeriggio" if hour == 12 or hour < 6 else " di sera", "": ""}[half]
