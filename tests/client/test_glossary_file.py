from __future__ import annotations

import pytest

from locutor.errors import InvalidInput
from locutor.glossary import best_locale, glossary_violations, terms_for
from locutor.glossary_file import MOST_BYTES, read_glossary
from locutor.translate.v1.translate_pb2 import GlossaryTerm

TBX_3 = """<?xml version="1.0" encoding="UTF-8"?>
<tbx style="dct" type="TBX-Basic" xml:lang="en" xmlns="urn:iso:std:iso:30042:ed-2" xmlns:min="http://www.tbxinfo.net/ns/min">
  <text><body>
    <conceptEntry id="1">
      <langSec xml:lang="en"><termSec><term>dub</term></termSec><termSec><term>dubbed  version</term></termSec></langSec>
      <langSec xml:lang="es">
        <termSec><term>copia</term><termNote type="administrativeStatus">deprecatedTerm-admn-sts</termNote></termSec>
        <termSec><term>versión</term></termSec>
        <termSec><term>doblaje</term><termNote type="administrativeStatus">preferredTerm-admn-sts</termNote></termSec>
      </langSec>
      <langSec xml:lang="pt-BR"><termSec><term>dublagem</term></termSec></langSec>
      <langSec xml:lang="pt-PT"><termSec><term>dobragem</term></termSec></langSec>
    </conceptEntry>
    <conceptEntry id="2"><langSec xml:lang="en"><termSec><term>only here</term></termSec></langSec></conceptEntry>
  </body></text>
</tbx>"""
TBX_2 = """<?xml version="1.0"?>
<!DOCTYPE martif SYSTEM "TBXcoreStructV02.dtd">
<martif type="TBX" xml:lang="en-US"><text><body>
  <termEntry><langSet xml:lang="en-US"><tig><term>lip <hi>sync</hi></term></tig></langSet>
  <langSet xml:lang="fr"><ntig><termGrp><term>synchronisation labiale</term></termGrp></ntig></langSet></termEntry>
</body></text></martif>"""


def _rows(data: str | bytes, source: str = "en-US", targets: tuple[str, ...] = ("es-ES", "pt-BR")) -> list[tuple[str, str, bool, str]]:
    terms = read_glossary(data if isinstance(data, bytes) else data.encode(), source, targets)
    return [(term.source, term.target, term.case_sensitive, term.target_locale) for term in terms]


def test_source_and_target() -> None:
    table = 'source,target,case_sensitive\nLocutor,,yes\n"a, b", c ,\n\n'
    assert _rows(table) == [("Locutor", "", True, ""), ("a, b", "c", False, "")]
    with_locale = "Source\tTarget\tLocale\ndub\tdoblaje\tes\ndub\tdublagem\tpt_BR\nUS\t\t\n"
    assert _rows(with_locale) == [("dub", "doblaje", False, "es-ES"), ("dub", "dublagem", False, "pt-BR"), ("US", "", False, "")]


def test_a_column_a_locale() -> None:
    table = "en;es;pt;do_not_translate;case_sensitive\ndub;doblaje;dublagem;;\nKokoro;;;true;true\nvoice;voz;;no;\n"
    expected = [("dub", "doblaje", False, "es-ES"), ("dub", "dublagem", False, "pt-BR"), ("Kokoro", "", True, ""), ("voice", "voz", False, "es-ES")]
    assert _rows(table) == expected
    # What the source is not said to be, is the first.
    assert _rows(table, source="") == expected
    assert _rows(table, source="es", targets=("en",)) == [("doblaje", "dub", False, "en"), ("voz", "voice", False, "en")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_what_spreadsheets_write(encoding: str, ending: str) -> None:
    assert _rows(ending.join(["source;target", "año;ano", ""]).encode(encoding)) == [("año", "ano", False, "")]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "line 1: found ''"),
        ("word,other thing\na,b\n", "line 1: found 'word, other thing'; its first line must name the columns"),
        ("source,target,colour\na,b,c\n", "line 1: unknown column 'colour'"),
        ("fr,es\na,b\n", "line 1: no column for the source 'en-US' among fr, es"),
        ("source,target\na,b,c\n", "line 2: more columns than the header"),
        ("source,target\n\n,b\n", "line 3: the source is empty"),
        ("source,target,case_sensitive\na,b,maybe\n", "line 2: case_sensitive is 'maybe'; write true or false"),
        ('source,target\n"a"x,b\n', "line 2: .*in quotes"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(table: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        read_glossary(table.encode(), "en-US", ["es-ES"], "--glossary")
    assert (caught.value.reason, caught.value.violations[0].field) == ("BAD_GLOSSARY", "--glossary")


def test_all_wrong_lines_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_glossary(b"source,target\n,b\na,b\n,d\n", "en", ["es"])
    assert [violation.message.split(":")[0] for violation in caught.value.violations] == ["line 2", "line 4"]


def test_other_encodings_and_too_much_are_refused() -> None:
    with pytest.raises(InvalidInput, match="line 3: byte 18 is 0xf1, which is not UTF-8; save it as UTF-8") as caught:
        read_glossary("source,target\na,b\nñ,c\n".encode("cp1252"), "en", ["es"])
    assert caught.value.reason == "NOT_UTF8"
    with pytest.raises(InvalidInput, match="at most 10,000,000"):
        read_glossary(b"x" * (MOST_BYTES + 1), "en", ["es"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tbx(encoding: str) -> None:
    written = TBX_3.replace("UTF-8", "UTF-16" if encoding == "utf-16" else "UTF-8").encode(encoding)
    assert _rows(written) == [
        ("dub", "doblaje", False, "es-ES"),
        ("dubbed version", "doblaje", False, "es-ES"),
        ("dub", "dublagem", False, "pt-BR"),
        ("dubbed version", "dublagem", False, "pt-BR"),
    ]
    assert _rows(TBX_3, source="", targets=("pt-PT",)) == [("dub", "dobragem", False, "pt-PT"), ("dubbed version", "dobragem", False, "pt-PT")]
    assert _rows(TBX_2, source="en", targets=("fr-FR", "de")) == [("lip sync", "synchronisation labiale", False, "fr-FR")]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("<tbx xml:lang='en'>\n<text>\n</tbx>", r"line 3, column 3: is not well-formed XML \(mismatched tag\)"),
        ("<xliff version='2.0'/>", "its root is <xliff>, not <tbx> or <martif>"),
        ("<!DOCTYPE tbx [<!ENTITY a 'b'>]><tbx xml:lang='en'>&a;</tbx>", "defines entities"),
        ("<!DOCTYPE tbx [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><tbx xml:lang='en'>&a;</tbx>", "defines entities"),
        ("<tbx><text/></tbx>", "does not say its language"),
        ("<?xml version='1.0' encoding='martian'?><tbx/>", "encoding|well-formed"),
    ],
)
def test_tbx_that_cannot_be_taken(written: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        read_glossary(written.encode(), "", ["es"])
    assert caught.value.reason == "BAD_GLOSSARY"


def test_terms_are_those_of_the_locale() -> None:
    general, spanish, mexican = GlossaryTerm(source="US"), GlossaryTerm(source="us", target="EE. UU.", target_locale="es"), None
    mexican = GlossaryTerm(source="Us", target="E.U.A.", target_locale="es-MX")
    terms = [general, spanish, mexican, GlossaryTerm(source="dub", target="dublagem", target_locale="pt-BR")]
    assert terms_for(terms, "es-MX") == [mexican]
    assert terms_for(terms, "es-ES") == [spanish]
    assert terms_for(terms, "fr") == [general]
    assert [term.target for term in terms_for(terms, "pt")] == ["", "dublagem"]
    assert glossary_violations(terms, "glossary") == []


def test_the_nearest_locale_serves() -> None:
    assert best_locale("es-MX", ["es-ES", "es", "es_mx"]) == "es_mx"
    assert best_locale("es-AR", ["es-ES", "es"]) == "es"
    assert best_locale("es-AR", ["pt", "es-ES"]) == "es-ES"
    assert best_locale("de", ["es"]) is None and best_locale("de", []) is None
