"""Brazilian Portuguese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency
from services.tts.normalize.languages.romance import Romance


class BrazilianPortuguese(Romance):
    locale = "pt-BR"
    cldr = "pt_BR"
    numerals = "pt_BR"
    minus = "menos"
    point = "vírgula"
    dot = "ponto"
    percent = "por cento"
    range_pattern = "{0} a {1}"
    at = "arroba"
    over = "sobre"
    clock_words = "horas|hs?"
    and_word = "e"
    first = "primeiro"
    particles = frozenset(
        ["de", "do", "da", "dos", "das", "e", "ou", "a", "ao", "em", "por", "para", "com", "que", "é", "são", "no", "na", "mais", "menos", "até"]
    )
    feminine_endings = ("a", "as", "ção", "ções", "são", "sões", "dade", "dades", "agem", "agens")
    masculine_nouns = frozenset(
        [
            "dia",
            "dias",
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
        ]
    )
    feminine_nouns = frozenset(
        ["mulher", "mulheres", "vez", "vezes", "parte", "partes", "noite", "noites", "tarde", "tardes", "mão", "mãos", "libra", "libras"]
    )
    signs: ClassVar[Mapping[str, str]] = {
        "&": "e", "+": "mais", "=": "igual a", "@": "arroba", "#": "jogo da velha", "×": "vezes", "÷": "dividido por", "±": "mais ou menos",
        "<": "menor que", ">": "maior que", "≤": "menor ou igual a", "≥": "maior ou igual a", "≈": "aproximadamente", "°": "graus", "§": "parágrafo",
        "№": "número", "%": "por cento",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "barra", "-": "hífen", "_": "sublinhado", "+": "mais", "?": "interrogação", "=": "igual", "&": "e", "#": "jogo da velha", "~": "til",
        ":": "dois pontos",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "Sr.": "senhor", "Sra.": "senhora", "Srta.": "senhorita", "Srs.": "senhores", "Dr.": "doutor", "Dra.": "doutora", "Prof.": "professor",
        "Profa.": "professora", "Exmo.": "excelentíssimo", "V. Exa.": "vossa excelência", "Av.": "avenida", "av.": "avenida", "R.": "rua", "pág.": "página",
        "p. ex.": "por exemplo", "p.ex.": "por exemplo", "ex.": "exemplo", "etc.": "et cétera", "nº": "número", "Nº": "número", "n.º": "número",
        "tel.": "telefone", "Tel.": "telefone", "Ltda.": "limitada", "S.A.": "S A", "a.C.": "antes de Cristo", "d.C.": "depois de Cristo",
        "aprox.": "aproximadamente", "vs.": "versus", "art.": "artigo", "cap.": "capítulo", "vol.": "volume", "hab.": "habitantes", "EUA": "Estados Unidos",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("dólar", "dólares", "centavo", "centavos"), "US$": Currency("dólar", "dólares", "centavo", "centavos"),
        "€": Currency("euro", "euros", "centavo", "centavos"), "£": Currency("libra", "libras", "pêni", "pence"), "¥": Currency("iene", "ienes"),
        "R$": Currency("real", "reais", "centavo", "centavos"), "₹": Currency("rupia", "rupias", "paisa", "paisas"),
        "USD": Currency("dólar", "dólares", "centavo", "centavos"), "EUR": Currency("euro", "euros", "centavo", "centavos"),
        "GBP": Currency("libra", "libras", "pêni", "pence"), "JPY": Currency("iene", "ienes"), "CNY": Currency("yuan", "yuans"),
        "BRL": Currency("real", "reais", "centavo", "centavos"), "INR": Currency("rupia", "rupias", "paisa", "paisas"),
        "CHF": Currency("franco suíço", "francos suíços", "centavo", "centavos"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "k": "mil", "K": "mil", "mil": "mil", "mi": "milhão/milhões", "M": "milhão/milhões", "bi": "bilhão/bilhões", "milhão": "milhão/milhões",
        "milhões": "milhão/milhões", "bilhão": "bilhão/bilhões", "bilhões": "bilhão/bilhões", "trilhões": "trilhão/trilhões",
    }  # fmt: skip
    magnitude_link = " de "
    fractions: ClassVar[Mapping[str, str]] = {
        "1/2": "um meio", "1/3": "um terço", "2/3": "dois terços", "1/4": "um quarto", "3/4": "três quartos", "½": "meio", "¼": "um quarto",
        "¾": "três quartos", "24/7": "vinte e quatro por sete",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0} decibel", "{0} decibéis"), "t": ("{0} tonelada", "{0} toneladas"), "kg": ("{0} quilo", "{0} quilos"),
        "mm": ("{0} milímetro", "{0} milímetros"), "Mbps": ("{0} megabit por segundo", "{0} megabits por segundo"),
        "°C": ("{0} grau Celsius", "{0} graus Celsius"),
    }  # fmt: skip
    letters: ClassVar[Mapping[str, str]] = dict(
        zip(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            [
                "á",
                "bê",
                "cê",
                "dê",
                "é",
                "efe",
                "gê",
                "agá",
                "i",
                "jota",
                "cá",
                "ele",
                "eme",
                "ene",
                "ó",
                "pê",
                "quê",
                "erre",
                "esse",
                "tê",
                "u",
                "vê",
                "dáblio",
                "xis",
                "ípsilon",
                "zê",
            ],
            strict=True,
        )
    )

    def cardinal(self, number: int, noun: str = "") -> str:
        noun = self.counted(noun)
        spoken = super().cardinal(number).replace(",", "").replace("catorze", "quatorze")
        if noun and self.feminine(noun):
            spoken = spoken.replace("centos", "centas").replace("zentos", "zentas")
            words = spoken.split(" ")
            words[-1] = {"um": "uma", "dois": "duas"}.get(words[-1], words[-1])
            spoken = " ".join(words)
        return spoken

    def ordinal(self, number: int, feminine: bool = False) -> str:
        spoken = super().ordinal(number)
        return " ".join(word[:-1] + "a" for word in spoken.split()) if feminine else spoken

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"{self.day_of_month(day)} de {self.month(month)}" + (f" de {self.year(year)}" if year is not None else "")

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        spoken = self.cardinal(hour, "hora")
        if minute:
            spoken += f" e {self.cardinal(minute)}"
        else:
            spoken += " hora" if hour == 1 else " horas"
        if second:
            spoken += f" e {self.cardinal(second)} segundos"
        return spoken + {"am": " da manhã", "pm": " da tarde" if hour == 12 or hour < 7 else " da noite", "": ""}[half]
