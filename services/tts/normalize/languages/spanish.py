"""Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency
from services.tts.normalize.languages.romance import Romance


class Spanish(Romance):
    locale = "es"
    cldr = "es"
    numerals = "es"
    minus = "menos"
    point = "coma"
    dot = "punto"
    percent = "por ciento"
    range_pattern = "{0} a {1}"
    at = "arroba"
    over = "sobre"
    clock_words = "horas|hs?"
    and_word = "con"
    particles = frozenset(
        [
            "de",
            "del",
            "y",
            "e",
            "o",
            "u",
            "a",
            "al",
            "en",
            "por",
            "con",
            "que",
            "es",
            "son",
            "como",
            "para",
            "más",
            "menos",
            "coma",
            "sobre",
            "hasta",
            "desde",
            "entre",
        ]
    )
    feminine_endings = ("a", "as", "ción", "sión", "ciones", "siones", "dad", "dades", "tud", "tudes")
    masculine_nouns = frozenset(
        [
            "día",
            "días",
            "mapa",
            "mapas",
            "problema",
            "problemas",
            "programa",
            "programas",
            "sistema",
            "sistemas",
            "tema",
            "temas",
            "idioma",
            "idiomas",
            "planeta",
            "planetas",
            "clima",
            "climas",
        ]
    )
    feminine_nouns = frozenset(
        [
            "mujer",
            "mujeres",
            "vez",
            "veces",
            "parte",
            "partes",
            "noche",
            "noches",
            "tarde",
            "tardes",
            "clase",
            "clases",
            "calle",
            "calles",
            "mano",
            "manos",
            "imagen",
            "imágenes",
        ]
    )
    signs: ClassVar[Mapping[str, str]] = {
        "&": "y", "+": "más", "=": "igual a", "@": "arroba", "#": "almohadilla", "×": "por", "÷": "entre", "±": "más menos", "<": "menor que",
        ">": "mayor que", "≤": "menor o igual que", "≥": "mayor o igual que", "≈": "aproximadamente", "°": "grados", "§": "sección", "№": "número",
        "%": "por ciento",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "barra", "-": "guion", "_": "guion bajo", "+": "más", "?": "interrogación", "=": "igual", "&": "y", "#": "almohadilla", "~": "tilde",
        ":": "dos puntos",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Sres.": "señores", "Dr.": "doctor", "Dra.": "doctora", "D.": "don", "Dña.": "doña",
        "Prof.": "profesor", "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted", "Vds.": "ustedes", "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos",
        "p. ej.": "por ejemplo", "p.ej.": "por ejemplo", "etc.": "etcétera", "pág.": "página", "págs.": "páginas", "núm.": "número", "n.º": "número",
        "Nº": "número", "nº": "número", "tel.": "teléfono", "Tel.": "teléfono", "av.": "avenida", "Av.": "Avenida", "Avda.": "Avenida", "c/": "calle",
        "aprox.": "aproximadamente", "a. C.": "antes de Cristo", "d. C.": "después de Cristo", "a. m.": "a eme", "p. m.": "pe eme", "a.m.": "a eme",
        "p.m.": "pe eme", "vs.": "versus", "art.": "artículo", "cap.": "capítulo", "S.A.": "sociedad anónima", "S. A.": "sociedad anónima",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("dólar", "dólares", "centavo", "centavos"), "US$": Currency("dólar", "dólares", "centavo", "centavos"),
        "€": Currency("euro", "euros", "céntimo", "céntimos"), "£": Currency("libra", "libras", "penique", "peniques"), "¥": Currency("yen", "yenes"),
        "R$": Currency("real", "reales", "centavo", "centavos"), "₹": Currency("rupia", "rupias", "paisa", "paisas"),
        "USD": Currency("dólar", "dólares", "centavo", "centavos"), "EUR": Currency("euro", "euros", "céntimo", "céntimos"),
        "GBP": Currency("libra", "libras", "penique", "peniques"), "JPY": Currency("yen", "yenes"), "CNY": Currency("yuan", "yuanes"),
        "BRL": Currency("real", "reales", "centavo", "centavos"), "INR": Currency("rupia", "rupias", "paisa", "paisas"),
        "MXN": Currency("peso mexicano", "pesos mexicanos", "centavo", "centavos"), "CHF": Currency("franco suizo", "francos suizos", "céntimo", "céntimos"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "k": "mil", "K": "mil", "M": "millón/millones", "mil": "mil", "millón": "millón/millones", "millones": "millón/millones",
        "mil millones": "mil millones", "billones": "billón/billones",
    }  # fmt: skip
    magnitude_link = " de "
    fractions: ClassVar[Mapping[str, str]] = {
        "1/2": "un medio", "1/3": "un tercio", "2/3": "dos tercios", "1/4": "un cuarto", "3/4": "tres cuartos", "½": "medio", "¼": "un cuarto",
        "¾": "tres cuartos", "24/7": "veinticuatro siete",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0} decibelio", "{0} decibelios"), "t": ("{0} tonelada", "{0} toneladas"), "kWh": ("{0} kilovatio hora", "{0} kilovatios hora"),
        "Mbps": ("{0} megabit por segundo", "{0} megabits por segundo"), "MB/s": ("{0} megabyte por segundo", "{0} megabytes por segundo"),
    }  # fmt: skip
    letters: ClassVar[Mapping[str, str]] = dict(
        zip(
            "ABCDEFGHIJKLMNÑOPQRSTUVWXYZ",
            [
                "a",
                "be",
                "ce",
                "de",
                "e",
                "efe",
                "ge",
                "hache",
                "i",
                "jota",
                "ka",
                "ele",
                "eme",
                "ene",
                "eñe",
                "o",
                "pe",
                "cu",
                "erre",
                "ese",
                "te",
                "u",
                "uve",
                "uve-doble",
                "equis",
                "i-griega",
                "zeta",
            ],
            strict=True,
        )
    )

    def cardinal(self, number: int, noun: str = "") -> str:
        noun = self.counted(noun)
        spoken = super().cardinal(number)
        if noun and self.feminine(noun):
            spoken = spoken.replace("cientos", "cientas").replace("quinientos", "quinientas")
            return spoken[:-1] + "a" if spoken.endswith("uno") else spoken
        if noun and spoken.endswith("veintiuno"):
            return spoken[:-3] + "ún"
        return spoken[:-1] if noun and spoken.endswith("uno") else spoken

    def ordinal(self, number: int, feminine: bool = False) -> str:
        spoken = super().ordinal(number)
        return " ".join(word[:-1] + "a" for word in spoken.split()) if feminine else spoken

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"{self.day_of_month(day)} de {self.month(month)}" + (f" de {self.year(year)}" if year is not None else "")

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        spoken = self.cardinal(hour, "hora" if hour % 20 == 1 else "")
        if minute:
            spoken += f" {'cero ' if minute < 10 else ''}{self.cardinal(minute)}"
        elif not half and hour != 1:
            spoken += " horas"
        if second:
            spoken += f" y {self.cardinal(second)} segundos"
        return spoken + {"am": " de la mañana", "pm": " de la tarde" if hour == 12 or hour < 8 else " de la noche", "": ""}[half]
