"""Texts written out: what is in the file, and what a native says."""

from __future__ import annotations

import pytest

from services.tts.normalize.reader import reader_of

CASES: dict[str, list[tuple[str, str]]] = {
    "en-US": [
        ("I have 1,234 items.", "I have one thousand two hundred thirty-four items."),
        ("Pi is 3.14.", "Pi is three point one four."),
        ("It is -5 °C, or 23 °F.", "It is minus five degrees Celsius, or twenty-three degrees Fahrenheit."),
        ("Only 1 km, not 10–20 km.", "Only one kilometer, not ten to twenty kilometers."),
        ("A 5-km run at 80 km/h", "A five kilometer run at eighty kilometers per hour"),
        ("Costs $3.50, €1, or £0.99.", "Costs three dollars and fifty cents, one euro, or ninety-nine pence."),
        ("A $3.5M deal, $2 billion in all", "A three point five million dollar deal, two billion dollars in all"),
        ("On 2026-03-14 at 14:30", "On March fourteenth, twenty twenty-six at fourteen thirty"),
        ("Due 3/14/2026, by 3 pm.", "Due March fourteenth, twenty twenty-six, by three p m."),
        ("On March 14, 2026 we met.", "On March fourteenth, twenty twenty-six we met."),
        ("In 1999, in the 1980s and in 2005", "In nineteen ninety-nine, in the nineteen eighties and in two thousand five"),
        ("2026 seats for the 21st and 3rd", "two thousand twenty-six seats for the twenty-first and third"),
        ("Up 12.5% since 1905", "Up twelve point five percent since nineteen oh five"),
        ("Dr. Smith lives on Main St. near St. John, e.g. there.", "Doctor Smith lives on Main Street near Saint John, for example there."),
        ("Call +1 555-123-4567.", "Call plus one, five five five, one two three, four five six seven."),
        ("Agent 007, version 2.0.1", "Agent zero zero seven, version two point zero point one"),
        ("Mail info@example.com, see https://www.example.com/help.", "Mail info at example dot com, see example dot com slash help."),
        ("Salt & pepper, C++ and/or #1", "Salt and pepper, C plus plus and or number one"),
        ("Add 1/2 cup, 16:9, 100GB 🎉", "Add one half cup, sixteen nine, one hundred gigabytes "),
        ("World War II and Henry VIII", "World War two and Henry the eighth"),
    ],
    "en-GB": [
        ("1,234 people", "one thousand two hundred and thirty-four people"),
        ("14/03/2026", "the fourteenth of March, twenty twenty-six"),
        ("on 14 March 2026", "on the fourteenth of March, twenty twenty-six"),
        ("£12.50", "twelve pounds and fifty pence"),
        ("50%", "fifty percent"),
        ("5 m²", "five square metres"),
        ("9:00", "nine o'clock"),
        ("3:05 p.m.", "three oh five p m."),
        ("101", "one hundred and one"),
        ("-2.5", "minus two point five"),
        ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
        ("1 in 3", "one in three"),
    ],
    "es": [
        ("Son 1.234,5 km.", "Son mil doscientos treinta y cuatro coma cinco kilómetros."),
        ("21 personas, 21 días, 200 páginas, 1 producto", "veintiuna personas, veintiún días, doscientas páginas, un producto"),
        ("Cuesta 3,50 € o $1.500.", "Cuesta tres euros con cincuenta céntimos o mil quinientos dólares."),
        ("3 millones de €", "tres millones de euros"),
        ("El 14/03/2026 a las 14:30", "El catorce de marzo de dos mil veintiséis a las catorce treinta"),
        ("el 1 de mayo de 2026", "el uno de mayo de dos mil veintiséis"),
        ("Un 50 % más, de 10-20 kg", "Un cincuenta por ciento más, de diez a veinte kilogramos"),
        ("el Sr. López y la Sra. Ruiz", "el señor López y la señora Ruiz"),
        ("en el siglo XXI, Felipe VI", "en el siglo veintiuno, Felipe sexto"),
        ("la 2ª vez, el 1.er día", "la segunda vez, el primer día"),
        ("a -5 °C y 80 km/h", "a menos cinco grados Celsius y ochenta kilómetros por hora"),
        ("la URL de la API por USB", "la u erre ele de la API por u ese be"),
        ("info@ejemplo.com", "info arroba ejemplo punto com"),
        ("0,05 y 3,14", "cero coma cero cinco y tres coma catorce"),
        ("p. ej. esto, etc.", "por ejemplo esto, etcétera."),
        ("31 libras: 31 £", "treinta y una libras: treinta y una libras"),
    ],
    "fr": [
        ("1 234,5 km", "mille deux cent trente-quatre virgule cinq kilomètres"),
        ("3,50 €", "trois euros cinquante"),
        ("3 millions d'€ et 2,5 Md€", "trois millions d'euros et deux virgule cinq milliards d'euros"),
        ("Le 14/03/2026 à 14h30", "Le quatorze mars deux mille vingt-six à quatorze heures trente"),
        ("à 1h, à 21:05", "à une heure, à vingt et une heures zéro cinq"),
        ("le 1er mai, le 2e, la 1re", "le premier mai, le deuxième, la première"),
        ("le XXIe siècle de Louis XIV", "le vingt et unième siècle de Louis quatorze"),
        ("50 % de 21 personnes", "cinquante pour cent de vingt et une personnes"),
        ("M. Dupont, Mme Roy et le Dr Lac", "monsieur Dupont, madame Roy et le docteur Lac"),
        ("01 23 45 67 89", "zéro un, vingt-trois, quarante-cinq, soixante-sept, quatre-vingt-neuf"),
        ("n° 5, 10 Go, -3 °C", "numéro cinq, dix gigaoctets, moins trois degrés"),
        ("info@exemple.fr & moi", "info arobase exemple point fr et moi"),
        ("10-20 min, 1/2", "dix à vingt minutes, un demi"),
    ],
    "it": [
        ("1.234,5 km", "milleduecentotrentaquattro virgola cinque chilometri"),
        ("3,50 €", "tre euro e cinquanta centesimi"),
        ("3 milioni di €", "tre milioni di euro"),
        ("il 14/03/2026 alle 14:30", "il quattordici marzo duemilaventisei alle quattordici e trenta"),
        ("il 1 maggio, il 1° premio", "il primo maggio, il primo premio"),
        ("nel XXI secolo", "nel ventunesimo secolo"),
        ("1 persona, 1 studente, 1 libro", "una persona, uno studente, un libro"),
        ("il 50 % dei 21", "il cinquanta per cento dei ventuno"),
        ("il Sig. Rossi e la Sig.ra Bianchi, ecc.", "il signor Rossi e la signora Bianchi, eccetera."),
        ("80 km/h a -5 °C", "ottanta chilometri orari a meno cinque gradi"),
        ("un PDF per la IVA", "un pi di effe per la IVA"),
        ("info@esempio.it", "info chiocciola esempio punto it"),
        ("10-20 km", "da dieci a venti chilometri"),
        ("alle 1:00", "alle una"),
    ],
    "pt-BR": [
        ("1.234,5 km", "mil duzentos e trinta e quatro vírgula cinco quilômetros"),
        ("R$ 3,50", "três reais e cinquenta centavos"),
        ("R$ 2,5 bilhões, 3 milhões de €", "dois vírgula cinco bilhões de reais, três milhões de euros"),
        ("no dia 14/03/2026 às 14h30", "no dia quatorze de março de dois mil e vinte e seis às quatorze e trinta"),
        ("às 2:30 e à 1h", "às duas e trinta e à uma hora"),
        ("1º de maio, 2ª vez", "primeiro de maio, segunda vez"),
        ("2 pessoas, 22 páginas, 200 mulheres", "duas pessoas, vinte e duas páginas, duzentas mulheres"),
        ("21 dias e 2 programas", "vinte e um dias e dois programas"),
        ("50 % no século XXI", "cinquenta por cento no século vinte e um"),
        ("o Sr. Silva e a Dra. Lima", "o senhor Silva e a doutora Lima"),
        ("-5 °C, 80 km/h, 5 kg", "menos cinco graus Celsius, oitenta quilômetros por hora, cinco quilos"),
        ("o CPF nos EUA", "o cê pê efe nos Estados Unidos"),
        ("info@exemplo.com.br", "info arroba exemplo ponto com ponto br"),
        ("1999, 1 milhão", "mil novecentos e noventa e nove, um milhão"),
    ],
    "hi": [
        ("₹1,50,000", "एक लाख पचास हज़ार रुपये"),
        ("3.14", "तीन दशमलव एक चार"),
        ("50% लोग", "पचास प्रतिशत लोग"),
        ("१२ किमी", "बारह किलोमीटर"),
        ("80 km/h", "अस्सी किलोमीटर प्रति घंटा"),
        ("14/03/2026", "चौदह मार्च दो हज़ार छब्बीस"),
        ("2026-08-15 को", "पंद्रह अगस्त दो हज़ार छब्बीस को"),
        ("14:30 बजे", "चौदह बजकर तीस मिनट"),
        ("1999 में", "उन्नीस सौ निन्यानवे में"),
        ("10-20 kg", "दस से बीस किलोग्राम"),
        ("-5 °C", "माइनस पाँच डिग्री सेल्सियस"),
        ("डॉ. शर्मा", "डॉक्टर शर्मा"),
        ("5वीं और 2वीं", "पाँचवीं और दूसरी"),
        ("$3.50", "तीन डॉलर पचास सेंट"),
        ("1,23,45,678", "एक करोड़ तेईस लाख पैंतालीस हज़ार छह सौ अठहत्तर"),
        ("info@example.com", "info ऐट example डॉट com"),
    ],
    "ja": [
        ("3,500円です", "三千五百円です"),
        ("$3.50", "三ドル五十セント"),
        ("50%", "五十パーセント"),
        ("2026年3月14日", "二千二十六年三月十四日"),
        ("2026-03-14", "二千二十六年三月十四日"),
        ("14:30に", "十四時三十分に"),
        ("10〜20km", "十から二十キロメートル"),
        ("1.5kg", "一点五キログラム"),
        ("-5°C", "マイナス五度"),
        ("80km/h", "時速八十キロメートル"),
        ("1/2", "二分の一"),
        ("03-1234-5678", "ゼロさんの、いちにさんよんの、ごろくななはち"),
        ("2つと20歳", "二つと二十歳"),
        ("¥1,200", "千二百円"),
    ],
    "zh": [
        ("3,500元", "三千五百元"),
        ("$3.50", "三点五美元"),
        ("重10kg，共3,000人", "重十公斤，共三千人"),
        ("50%的人", "百分之五十的人"),
        ("2026年3月14日", "二零二六年三月十四日"),
        ("2026-03-14", "二零二六年三月十四日"),
        ("14:30见", "十四点三十分见"),
        ("2个人，2月", "两个人，二月"),
        ("10-20km", "十到二十公里"),
        ("零度和-5°C", "零度和零下五摄氏度"),
        ("138-1234-5678", "幺三八，幺二三四，五六七八"),
        ("1/2", "二分之一"),
        ("2,000和20,000", "两千和两万"),
        ("10086", "一万零八十六"),
        ("3.5亿", "三点五亿"),
        ("80km/h", "每小时八十公里"),
        ("第3名", "第三名"),
    ],
}


@pytest.mark.parametrize(("locale", "written", "spoken"), [(locale, *case) for locale, cases in CASES.items() for case in cases])
def test_written_out(locale: str, written: str, spoken: str) -> None:
    assert reader_of(locale).read(written).spoken == spoken


@pytest.mark.parametrize(("locale", "written"), [(locale, case[0]) for locale, cases in CASES.items() for case in cases])
def test_nothing_of_the_source_is_lost_or_told_twice(locale: str, written: str) -> None:
    text = reader_of(locale).read(written)
    ends = [0]
    for fragment in text.fragments:
        assert fragment.begin == ends[-1]
        assert not fragment.verbatim or fragment.spoken == written[fragment.begin : fragment.end]
        ends.append(fragment.end)
    assert ends[-1] == len(written)


@pytest.mark.parametrize("locale", CASES)
def test_no_figure_is_left_for_the_converter(locale: str) -> None:
    for written, _ in CASES[locale]:
        assert not any(character.isdigit() for character in reader_of(locale).read(written).spoken), written


def test_spans_of_the_source() -> None:
    text = reader_of("en-US").read("Pay $5 now.")
    spoken = text.spoken
    assert spoken == "Pay five dollars now."
    begin = spoken.index("dollars")
    assert text.source_span(begin, begin + 7) == (4, 6)
    assert text.source_span(spoken.index("now"), spoken.index("now") + 3) == (7, 10)
