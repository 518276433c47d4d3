"""The one way to set logging up: lines for people, or JSON lines for programs, with the ids of the work that each line belongs to.

    LOCUTOR_LOG         "text" (default) or "json"
    LOCUTOR_LOG_LEVEL   DEBUG, INFO, WARNING or ERROR

What the work is (its job, stage, request) is bound to the running task with `bind`, and stands in every line that is written from there on,
also by what the task awaits and starts. No text of a script and no secret is written: what an error quotes is left out.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TextIO

from locutor.errors import InvalidInput, MissingExtra, Unavailable

FIELDS = ("service", "job", "stage", "locale", "request_id", "worker")
"""What may be bound. A line may also carry "incident", by which a caller who was told of a defect finds it in the log."""

_OURS = ("locutor", "services", "gateway", "media")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_QUOTED = re.compile(r"""(?<!\w)[bru]?(["'])(?:\\.|(?!\1).)*\1""")
_PATH = re.compile(r"""["']/\S*["']""")

_bound: ContextVar[Mapping[str, str]] = ContextVar("bound", default={})  # noqa: B039 - never changed, only replaced

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def bound() -> Mapping[str, str]:
    """What is bound to the running task."""
    return _bound.get()


def bind(**fields: str) -> None:
    """Bind fields to the running task to its end; an empty text takes one away."""
    _bound.set(_with(fields))


@contextmanager
def binding(**fields: str) -> Iterator[None]:
    """Bind fields for as long as a block lasts, which must end in the task that it began in."""
    token = _bound.set(_with(fields))
    try:
        yield
    finally:
        _bound.reset(token)


def _with(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in {**_bound.get(), **fields}.items() if value}


def unquoted(text: str) -> str:
    """A message without what it quotes, which may be a script's text: "u1: 'Good morning' is too long" becomes "u1: '…' is too long".

    Absolute paths stay: an operator needs them.
    """
    return _QUOTED.sub(lambda found: found[0] if _PATH.fullmatch(found[0]) else "'…'", text)


def announce(text: str, level: int = logging.INFO) -> None:
    """Tell on stderr what a process says for itself ("ready"): as it is for people, as a line of the log for programs."""
    if any(isinstance(handler, _Stderr) and not isinstance(handler.formatter, _Lines) for handler in logging.getLogger().handlers):
        logging.getLogger("locutor").log(level, "%s", text)
    else:
        print(text, file=sys.stderr, flush=True)


def set_up(service: str = "", level: str = "INFO") -> None:
    """Write logs to stderr, from now on. `service` stands in the lines that belong to no other; `level` holds where LOCUTOR_LOG_LEVEL is not set.

    Libraries of others write nothing below INFO: they would log what they are given. Raises `InvalidInput` that names the variable, and
    `Unavailable` where JSON is asked for and its library is not installed.
    """
    level = (os.environ.get("LOCUTOR_LOG_LEVEL") or level).upper()
    if level not in _LEVELS:
        raise InvalidInput.of("LOCUTOR_LOG_LEVEL", f"found {level!r}; set it to one of {', '.join(_LEVELS)}", "BAD_SETTING")
    form = os.environ.get("LOCUTOR_LOG") or "text"
    if form not in ("text", "json"):
        raise InvalidInput.of("LOCUTOR_LOG", f"found {form!r}; set it to text or json", "BAD_SETTING")
    handler = _Stderr()
    handler.setFormatter(_json_formatter() if form == "json" else _Lines())
    wanted = logging.getLevelNamesMapping()[level]
    handler.addFilter(_Context(service, wanted))
    root = logging.getLogger()
    for earlier in [found for found in root.handlers if isinstance(found, _Stderr)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    # The handler has the last word: others may be there too.
    root.setLevel(min(root.level, wanted))
    if form == "json":
        # What else would write to stderr by itself.
        logging.captureWarnings(True)
        sys.excepthook = lambda *error: root.critical("the process ends by a defect", exc_info=error)


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what is stderr when a line is written."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """Nothing is kept."""


class _Context(logging.Filter):
    """Adds what is bound, and lets through what is of the level that is wanted."""

    def __init__(self, service: str, level: int) -> None:
        super().__init__()
        self._service = service
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name.partition(".")[0] in _OURS
        if record.levelno < (self._level if ours else max(self._level, logging.INFO)):
            return False
        fields = _bound.get()
        for name in FIELDS:
            setattr(record, name, fields.get(name, self._service if name == "service" else ""))
        record.incident = getattr(record, "incident", "")
        return True


def _told(error: _ExcInfo) -> str:
    """A traceback without what its errors quote. Lines that name a file stay as they are."""
    lines = "".join(traceback.format_exception(*error)).splitlines()
    return "\n".join(line if line.lstrip(" |").startswith('File "') else unquoted(line) for line in lines)


class _Lines(logging.Formatter):
    """2026-01-31 12:00:00,123 INFO locutor.serving Synthesize OK in 0.41 s [job=4f… stage=speak locale=es]"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={getattr(record, name)}" for name in FIELDS if getattr(record, name)]
        return super().formatMessage(record) + (f" [{' '.join(fields)}]" if fields else "")

    def formatException(self, ei: _ExcInfo) -> str:
        return _told(ei)


def _json_formatter() -> logging.Formatter:
    try:
        from pythonjsonlogger.json import JsonFormatter
    except ModuleNotFoundError as error:
        raise Unavailable("JSON logs (LOCUTOR_LOG=json) need the extra 'serving': pip install 'locutor[serving]'", reason=MissingExtra.reason) from error

    class Formatter(JsonFormatter):
        def formatException(self, ei: _ExcInfo) -> str:
            return _told(ei)

        def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
            """Only the fields that are documented, and of them those that say something."""
            return {name: log_data[name] for name in _JSON_FIELDS if log_data.get(name)}

    return Formatter(["levelname", "name", "message", *FIELDS, "incident"], timestamp="time", rename_fields=_RENAMED, json_ensure_ascii=False)


_RENAMED = {"levelname": "level", "name": "logger", "exc_info": "error"}
_JSON_FIELDS = ("time", "level", "logger", "message", *FIELDS, "incident", "error")
