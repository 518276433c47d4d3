"""Hindi: irregular numbers to a hundred, then hundred, thousand, lakh, crore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from services.tts.normalize.grammar import Currency, Grammar

_TO_NINETY_NINE = [
    "शून्य",
    "एक",
    "दो",
    "तीन",
    "चार",
    "पाँच",
    "छह",
    "सात",
    "आठ",
    "नौ",
    "दस",
    "ग्यारह",
    "बारह",
    "तेरह",
    "चौदह",
    "पंद्रह",
    "सोलह",
    "सत्रह",
    "अठारह",
    "उन्नीस",
    "बीस",
    "इक्कीस",
    "बाईस",
    "तेईस",
    "चौबीस",
    "पच्चीस",
    "छब्बीस",
    "सत्ताईस",
    "अट्ठाईस",
    "उनतीस",
    "तीस",
    "इकतीस",
    "बत्तीस",
    "तैंतीस",
    "चौंतीस",
    "पैंतीस",
    "छत्तीस",
    "सैंतीस",
    "अड़तीस",
    "उनतालीस",
    "चालीस",
    "इकतालीस",
    "बयालीस",
    "तैंतालीस",
    "चौवालीस",
    "पैंतालीस",
    "छियालीस",
    "सैंतालीस",
    "अड़तालीस",
    "उनचास",
    "पचास",
    "इक्यावन",
    "बावन",
    "तिरपन",
    "चौवन",
    "पचपन",
    "छप्पन",
    "सत्तावन",
    "अट्ठावन",
    "उनसठ",
    "साठ",
    "इकसठ",
    "बासठ",
    "तिरसठ",
    "चौंसठ",
    "पैंसठ",
    "छियासठ",
    "सड़सठ",
    "अड़सठ",
    "उनहत्तर",
    "सत्तर",
    "इकहत्तर",
    "बहत्तर",
    "तिहत्तर",
    "चौहत्तर",
    "पचहत्तर",
    "छिहत्तर",
    "सतहत्तर",
    "अठहत्तर",
    "उन्यासी",
    "अस्सी",
    "इक्यासी",
    "बयासी",
    "तिरासी",
    "चौरासी",
    "पचासी",
    "छियासी",
    "सत्तासी",
    "अट्ठासी",
    "नवासी",
    "नब्बे",
    "इक्यानवे",
    "बानवे",
    "तिरानवे",
    "चौरानवे",
    "पचानवे",
    "छियानवे",
    "सत्तानवे",
    "अट्ठानवे",
    "निन्यानवे",
]

_SCALES = ((10**11, "खरब"), (10**9, "अरब"), (10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार"), (100, "सौ"))


class Hindi(Grammar):
    locale = "hi"
    cldr = "hi"
    decimal_mark = "."
    group_marks = ","
    minus = "माइनस"
    point = "दशमलव"
    dot = "डॉट"
    percent = "प्रतिशत"
    range_pattern = "{0} से {1}"
    at = "ऐट"
    clock_words = "बजे"
    signs: ClassVar[Mapping[str, str]] = {
        "&": "और", "+": "प्लस", "=": "बराबर", "@": "ऐट", "#": "हैश", "×": "गुणा", "÷": "भाग", "±": "प्लस माइनस", "<": "से कम", ">": "से ज़्यादा",
        "≈": "लगभग", "°": "डिग्री", "%": "प्रतिशत", "№": "नंबर",
    }  # fmt: skip
    address_signs: ClassVar[Mapping[str, str]] = {
        "/": "स्लैश", "-": "डैश", "_": "अंडरस्कोर", "+": "प्लस", "?": "प्रश्न चिह्न", "=": "बराबर", "&": "और", "#": "हैश", "~": "टिल्ड", ":": "कोलन",
    }  # fmt: skip
    abbreviations: ClassVar[Mapping[str, str]] = {
        "डॉ.": "डॉक्टर", "डॉ॰": "डॉक्टर", "श्री.": "श्री", "प्रो.": "प्रोफ़ेसर", "प्रो॰": "प्रोफ़ेसर", "रु.": "रुपये", "रु॰": "रुपये", "कि.मी.": "किलोमीटर",
        "किमी": "किलोमीटर", "कि.ग्रा.": "किलोग्राम", "मि.": "मिनट", "सं.": "संख्या", "पृ.": "पृष्ठ", "ई.पू.": "ईसा पूर्व", "Dr.": "डॉक्टर", "Mr.": "मिस्टर",
        "Mrs.": "मिसेज़", "vs": "बनाम",
    }  # fmt: skip
    currencies: ClassVar[Mapping[str, Currency]] = {
        "$": Currency("डॉलर", "डॉलर", "सेंट", "सेंट"), "US$": Currency("अमेरिकी डॉलर", "अमेरिकी डॉलर", "सेंट", "सेंट"),
        "€": Currency("यूरो", "यूरो", "सेंट", "सेंट"), "£": Currency("पाउंड", "पाउंड", "पेंस", "पेंस"), "¥": Currency("येन", "येन"),
        "R$": Currency("रियल", "रियल", "सेंटावो", "सेंटावो"), "₹": Currency("रुपया", "रुपये", "पैसा", "पैसे"),
        "INR": Currency("रुपया", "रुपये", "पैसा", "पैसे"), "USD": Currency("डॉलर", "डॉलर", "सेंट", "सेंट"), "EUR": Currency("यूरो", "यूरो", "सेंट", "सेंट"),
        "GBP": Currency("पाउंड", "पाउंड", "पेंस", "पेंस"), "JPY": Currency("येन", "येन"), "CNY": Currency("युआन", "युआन"),
        "BRL": Currency("रियल", "रियल", "सेंटावो", "सेंटावो"),
    }  # fmt: skip
    magnitudes: ClassVar[Mapping[str, str]] = {
        "हज़ार": "हज़ार", "हजार": "हज़ार", "लाख": "लाख", "करोड़": "करोड़", "अरब": "अरब", "मिलियन": "मिलियन", "M": "मिलियन", "K": "हज़ार", "k": "हज़ार",
    }  # fmt: skip
    fractions: ClassVar[Mapping[str, str]] = {
        "1/2": "आधा", "1/4": "एक चौथाई", "3/4": "तीन चौथाई", "½": "आधा", "¼": "एक चौथाई", "¾": "तीन चौथाई", "24/7": "चौबीसों घंटे सातों दिन",
    }  # fmt: skip
    units: ClassVar[Mapping[str, tuple[str, str]]] = {
        "dB": ("{0} डेसिबल", "{0} डेसिबल"), "t": ("{0} टन", "{0} टन"), "kWh": ("{0} किलोवॉट घंटा", "{0} किलोवॉट घंटे"),
    }  # fmt: skip

    def cardinal(self, number: int, noun: str = "") -> str:
        if number < 100:
            return _TO_NINETY_NINE[number]
        for scale, name in _SCALES:
            if number >= scale:
                count, rest = divmod(number, scale)
                return f"{self.cardinal(count)} {name}" + (f" {self.cardinal(rest)}" if rest else "")
        raise AssertionError(number)

    def ordinal(self, number: int, feminine: bool = False) -> str:
        ending = "वीं" if feminine else "वाँ"
        return {1: "पहली" if feminine else "पहला", 2: "दूसरी" if feminine else "दूसरा", 3: "तीसरी" if feminine else "तीसरा", 4: "चौथी" if feminine else "चौथा",
                6: "छठी" if feminine else "छठा"}.get(number, self.cardinal(number) + ending)  # fmt: skip

    def fraction_digits(self, digits: str) -> str:
        return self.digits(digits)

    def year(self, year: int) -> str:
        century, rest = divmod(year, 100)
        if 1100 <= year <= 1999:
            return f"{self.cardinal(century)} सौ" + (f" {self.cardinal(rest)}" if rest else "")
        return self.cardinal(year)

    def date(self, day: int, month: int, year: int | None) -> str:
        return f"{self.cardinal(day)} {self.month(month)}" + (f" {self.year(year)}" if year is not None else "")

    def time(self, hour: int, minute: int, second: int | None, half: str) -> str:
        before = {"am": "सुबह ", "pm": "दोपहर " if hour == 12 or hour < 4 else "शाम ", "": ""}[half]
        spoken = f"{self.cardinal(hour)} बजकर {self.cardinal(minute)} मिनट" if minute else f"{self.cardinal(hour)} बजे"
        return before + spoken + (f" {self.cardinal(second)} सेकंड" if second else "")

    def fraction(self, numerator: int, denominator: int) -> str:
        return f"{self.cardinal(numerator)} बटा {self.cardinal(denominator)}"
