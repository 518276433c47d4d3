"""A glossary as a table: source and target, or a column a locale."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locutor.errors import FieldViolation, InvalidInput
from locutor.glossary import best_locale
from locutor.translate.v1.translate_pb2 import GlossaryTerm

_SEPARATORS = ",;\t"
_TRUE, _FALSE = {"1", "true", "yes", "x"}, {"", "0", "false", "no"}
_FLAGS = {"case_sensitive", "do_not_translate"}
_LOCALE = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE)
_EXPECTED = "its first line must name the columns: source,target,case_sensitive, or the locales: en,es,pt-BR"


@dataclass(frozen=True)
class _Columns:
    source: str
    targets: dict[str, str]
    """Column by the target locale that it is for; "" for all."""
    locale: str | None
    """Column that says which target locale a row is for."""


def read_table(text: str, source_locale: str, target_locales: Sequence[str], field: str) -> list[GlossaryTerm]:
    """The terms of a table with a header.

    `source,target`: an empty target keeps the term as it is; a column `locale` may say which locale a row is for. Or a
    column a locale, the source's among them or first: an empty cell is no term, and a column `do_not_translate` keeps
    one as it is. Both may have `case_sensitive`. Raises InvalidInput: BAD_GLOSSARY.
    """
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        columns = _columns([(name or "").strip() for name in rows.fieldnames or ()], source_locale, target_locales, field)
        rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
        terms: list[GlossaryTerm] = []
        wrong: list[FieldViolation] = []
        for row in rows:
            if problem := _problem(row, columns):
                wrong.append(FieldViolation(field, f"line {rows.line_num}: {problem}", "BAD_GLOSSARY"))
            else:
                terms += _terms(row, columns, target_locales)
    except csv.Error as error:
        raise InvalidInput.of(field, f"line {rows.reader.line_num}: {error}; put a text with a separator or a quote in quotes", "BAD_GLOSSARY") from error
    if wrong:
        raise InvalidInput(wrong)
    return terms


def _separator(text: str) -> str:
    """That which parts the header: spreadsheets write a comma, a semicolon or a tab, by the country of their user."""
    header = text.split("\n", 1)[0]
    return max(_SEPARATORS, key=header.count)


def _columns(names: list[str], source_locale: str, target_locales: Sequence[str], field: str) -> _Columns:
    lower = [name.lower() for name in names]
    if "source" in lower:
        unknown = sorted(set(lower) - {"source", "target", "locale"} - _FLAGS)
        if unknown:
            raise InvalidInput.of(field, f"line 1: unknown column {unknown[0]!r}; {_EXPECTED}", "BAD_GLOSSARY")
        by_name = dict(zip(lower, names, strict=True))
        return _Columns(by_name["source"], {"": by_name.get("target", "")}, by_name.get("locale"))
    locales = [name for name in names if name.lower() not in _FLAGS]
    if not locales or not all(_LOCALE.fullmatch(name) for name in locales):
        raise InvalidInput.of(field, f"line 1: found {', '.join(names)[:100]!r}; {_EXPECTED}", "BAD_GLOSSARY")
    source = best_locale(source_locale, locales) if source_locale else locales[0]
    if source is None:
        raise InvalidInput.of(field, f"line 1: no column for the source {source_locale!r} among {', '.join(locales)}; add one", "BAD_GLOSSARY")
    found = {target: best_locale(target, [name for name in locales if name != source]) for target in target_locales}
    return _Columns(source, {target: name for target, name in found.items() if name is not None}, None)


def _problem(row: dict[str, str], columns: _Columns) -> str:
    if None in row:  # where csv puts what is beyond the header
        return "more columns than the header; put a text with a separator in quotes"
    is_filled = any((value or "").strip() for value in row.values())
    if is_filled and "" in columns.targets and not (row[columns.source] or "").strip():
        return "the source is empty; write the term, or delete the line"
    for name, value in row.items():
        if name.lower() in _FLAGS and (value or "").strip().lower() not in _TRUE | _FALSE:
            return f"{name} is {value!r}; write true or false"
    return ""


def _terms(row: dict[str, str], columns: _Columns, target_locales: Sequence[str]) -> Iterator[GlossaryTerm]:
    source = (row[columns.source] or "").strip()
    flags = {name.lower(): (value or "").strip().lower() in _TRUE for name, value in row.items() if name.lower() in _FLAGS}
    kept, exact = flags.get("do_not_translate", False), flags.get("case_sensitive", False)
    if not source:
        return
    if kept and "" not in columns.targets:
        yield GlossaryTerm(source=source, case_sensitive=exact)
        return
    for locale, name in columns.targets.items():
        target = "" if kept else (row.get(name) or "").strip()
        if locale:
            if target:
                yield GlossaryTerm(source=source, target=target, case_sensitive=exact, target_locale=locale)
            continue
        asked = (row.get(columns.locale) or "").strip() if columns.locale else ""
        if not asked:
            yield GlossaryTerm(source=source, target=target, case_sensitive=exact)
        for wanted in target_locales if asked else ():
            if best_locale(wanted, [asked]):
                yield GlossaryTerm(source=source, target=target, case_sensitive=exact, target_locale=wanted)
