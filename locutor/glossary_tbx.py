"""A glossary as TBX (ISO 30042): the core of both its editions, the elder one with martif as its root and the newer with tbx."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from locutor.errors import InvalidInput
from locutor.glossary import best_locale
from locutor.translate.v1.translate_pb2 import GlossaryTerm

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_ENTRIES, _LANGUAGES, _TERMS = {"termEntry", "conceptEntry"}, {"langSet", "langSec"}, {"tig", "ntig", "termSec"}
# Values of administrativeStatus (TBX-Basic, and the data categories of the elder edition).
_PREFERRED, _REFUSED = ("preferredTerm-admn-sts", "preferred"), ("deprecatedTerm-admn-sts", "supersededTerm-admn-sts", "deprecated", "superseded")


def read_tbx(data: bytes, source_locale: str, target_locales: Sequence[str], field: str) -> list[GlossaryTerm]:
    """A term for every source term of a concept and every target locale in which the concept has one, the preferred one first.

    Deprecated targets are left out. Nothing outside the file is read, and a file that defines entities is refused.
    Raises InvalidInput: BAD_GLOSSARY, with the line where XML has one.
    """
    try:
        root = fromstring(data, forbid_entities=True)
    except ParseError as error:
        line, column = error.position
        raise InvalidInput.of(
            field, f"line {line}, column {column + 1}: is not well-formed XML ({_plain(error)}); export the glossary again", "BAD_GLOSSARY"
        ) from error
    except DefusedXmlException as error:
        raise InvalidInput.of(
            field, "defines entities or refers to other files, which a glossary does not need; export it without them", "BAD_GLOSSARY"
        ) from error
    except (LookupError, ValueError) as error:
        raise InvalidInput.of(field, f"has an encoding that is not known ({error}); save it as UTF-8", "BAD_GLOSSARY") from error
    if _name(root) not in ("martif", "tbx"):
        raise InvalidInput.of(field, f"is XML of another kind: its root is <{_name(root)}>, not <tbx> or <martif>; export the glossary as TBX", "BAD_GLOSSARY")
    source = source_locale or root.get(_LANGUAGE, "")
    if not source:
        raise InvalidInput.of(field, "does not say its language (xml:lang of its root), and no source locale was given; give one", "BAD_GLOSSARY")
    entries = [element for element in root.iter() if _name(element) in _ENTRIES]
    return [term for entry in entries for term in _of_concept(entry, source, target_locales)]


def _of_concept(entry: Element, source: str, target_locales: Sequence[str]) -> Iterator[GlossaryTerm]:
    by_language: dict[str, list[tuple[str, str]]] = {}
    for section in entry.iter():
        if _name(section) in _LANGUAGES:
            by_language.setdefault(section.get(_LANGUAGE, ""), []).extend(_written(section))
    own = best_locale(source, by_language)
    others = [language for language in by_language if language != own]
    for locale in target_locales:
        language = best_locale(locale, others)
        targets = [(term, status) for term, status in by_language.get(language or "", []) if status not in _REFUSED]
        # The order of the file decides among equals.
        target = next((term for term, status in targets if status in _PREFERRED), targets[0][0] if targets else "")
        if target:
            yield from (GlossaryTerm(source=term, target=target, target_locale=locale) for term, _ in by_language.get(own or "", []))


def _written(section: Element) -> Iterator[tuple[str, str]]:
    """The terms of one language with their administrative status."""
    for group in section.iter():
        if _name(group) not in _TERMS:
            continue
        term = next(("".join(part.itertext()) for part in group.iter() if _name(part) == "term"), "")
        notes = (part for part in group.iter() if _name(part) == "termNote" and part.get("type") == "administrativeStatus")
        status = next(((note.text or "").strip() for note in notes), "")
        if text := " ".join(term.split()):
            yield text, status


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _plain(error: ParseError) -> str:
    return str(error).split(":")[0]
