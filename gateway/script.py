"""Reads a presenter's script: Markdown or plain text becomes utterances and pauses.

Paragraphs, headings, list items and table rows are utterances. Emphasis is dropped, links and inline code are read by
their text, images, code blocks, HTML and struck-out text are not read. `[pause 800ms]` or `[pause 1.5s]` makes a pause,
alone or in the middle of a paragraph; `[nod]`, `[smile 3s]` or `[look left]` tell the presenter what to do there; any
other word in brackets is refused unless it is escaped (`\\[sic\\]`). Front matter between two lines of `---` may set
`title`, `locale` and `voices` (locale: voice).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from gateway.script_cues import KNOWN, MARK, MAX_SECONDS, ScriptCue, lifted, read_cue
from locutor.errors import FieldViolation, InvalidInput

MAX_CHARACTERS = 60_000
"""Longest script in code points: about an hour of speech."""
MAX_UTTERANCES = 500
MAX_UTTERANCE_CHARACTERS = 5_000
"""Longest text that the tts service takes in one request."""
PARAGRAPH_PAUSE_MS = 600
"""Silence between two utterances where the script says nothing else."""
BREAK_PAUSE_MS = 1_200
"""Silence for a thematic break (`---`)."""
MAX_PAUSE_MS = 60_000
"""Longest silence between two utterances."""
MAX_CUES = 2_000
"""Things that a presenter is told to do: one for every five words of an hour."""
MAX_FRONT_MATTER_CHARACTERS = 8_000
"""Room for a voice of every locale several times over."""
MAX_FINDINGS = 50
"""Violations after which reading stops, and warnings that are told: nobody reads more of them."""

_CUE = re.compile(r"\[([^\[\]]*)\]")
# So many digits are enough for every pause that is allowed; a number of hundreds of them has no float.
_PAUSE = re.compile(r"pause\s+(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s)", re.IGNORECASE)
# An escaped bracket is text, not a cue: private-use characters stand for it until the cues are found.
_LITERAL = str.maketrans("[]", "\ue000\ue001")
_BACK = str.maketrans("\ue000\ue001", "[]")
# Han, kana and their punctuation are written without spaces, so a line end in a paragraph is not one either.
_UNSPACED = re.compile(r"(?<=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef\ue002])\n(?=[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef\ue002])")
_FRONT_MATTER_KEYS = {"title", "locale", "voices"}


@dataclass(frozen=True)
class Utterance:
    """Something said in one go."""

    text: str
    """Plain text, one line."""
    line: int
    """Line of the script on which it begins, from 1."""
    pause_after_ms: int = PARAGRAPH_PAUSE_MS
    """Silence between this utterance and the next, in milliseconds. After the last one: what the script asked for, else 0."""
    cues: tuple[ScriptCue, ...] = ()
    """In the order of the text."""


@dataclass(frozen=True)
class Script:
    utterances: tuple[Utterance, ...]
    lead_pause_ms: int = 0
    """Pause that the script asks for before its first utterance."""
    title: str = ""
    locale: str = ""
    """As written in the front matter; empty where it says nothing."""
    voices: Mapping[str, str] = field(default_factory=dict)
    """Locale to voice id, as written in the front matter."""
    warnings: tuple[str, ...] = ()


def parse_script(text: str, name: str = "script") -> Script:
    """Read a script.

    Raises `InvalidInput` with all that is wrong, up to `MAX_FINDINGS`, each violation with the field `name` and the line in
    its message.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput.of(name, f"has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}: cut it into several scripts", "SCRIPT_TOO_LONG")
    if "\0" in text:
        raise InvalidInput.of(name, "holds a NUL character, so it is not a text file; give Markdown or plain text in UTF-8", "NOT_TEXT")
    reader = _Reader(name)
    reader.read(_parser().parse(text.removeprefix("\ufeff")))
    return reader.finish()


def _parser() -> MarkdownIt:
    # `text_join` would merge escaped characters into the text around them; an indented paragraph is still to be read.
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(["text_join", "code"]).use(front_matter_plugin)


class _Reader:
    """Collects utterances and pauses in the order of the script, and all that is wrong with it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._violations: list[FieldViolation] = []
        self._warnings: list[str] = []
        self._utterances: list[Utterance] = []
        self._cues: list[ScriptCue] = []
        self._cue_count = 0
        self._pause_ms: int | None = None
        self._lead_ms = 0
        self._head: dict[str, object] = {}

    def read(self, tokens: list[Token]) -> None:
        row: list[tuple[int, str]] | None = None
        for token in tokens:
            line = token.map[0] + 1 if token.map else 0
            if token.type == "front_matter":
                self._read_front_matter(token.content)
            elif token.type == "hr":
                self._pause(BREAK_PAUSE_MS, line)
            elif token.type in {"fence", "html_block"} and not token.content.lstrip().startswith("<!--"):
                self._warn(f"line {line}: a {'code' if token.type == 'fence' else 'HTML'} block is not spoken")
            elif token.type == "tr_open":
                row = []
            elif token.type == "tr_close" and row is not None:
                cells = [cell for cell in row if cell[1].strip()]
                if cells:
                    self._say(", ".join(cell for _, cell in cells), cells[0][0])
                row = None
            elif token.type == "inline":
                spoken = "".join(_spoken(token.children or []))
                if row is None:
                    self._say(spoken, line)
                else:
                    row.append((line, spoken))

    def finish(self) -> Script:
        if not self._utterances and not self._violations:
            self._refuse("there is nothing to say in it; write at least one sentence", "EMPTY_SCRIPT")
        if len(self._utterances) > MAX_UTTERANCES:
            line = self._utterances[MAX_UTTERANCES].line
            message = f"has {len(self._utterances)} paragraphs; the limit is {MAX_UTTERANCES} (reached on line {line}): cut it into several scripts"
            self._refuse(message, "SCRIPT_TOO_LONG")
        if self._violations:
            raise InvalidInput(self._violations)
        last = self._utterances[-1]
        after = tuple(replace(cue, position=len(last.text)) for cue in self._cues)
        self._utterances[-1] = replace(last, pause_after_ms=self._pause_ms or 0, cues=last.cues + after)
        voices = self._head.get("voices", {})
        return Script(
            utterances=tuple(self._utterances),
            lead_pause_ms=self._lead_ms,
            title=str(self._head.get("title", "")),
            locale=str(self._head.get("locale", "")),
            voices=dict(voices) if isinstance(voices, Mapping) else {},
            warnings=tuple(self._warnings),
        )

    def _say(self, text: str, line: int) -> None:
        """Take a block's text apart at its pauses; a cue for the presenter leaves a mark in it."""
        text = text.replace(MARK, "")
        begin, said = 0, ""
        for cue in _CUE.finditer(text):
            said += text[begin : cue.start()]
            begin = cue.end()
            told = read_cue(cue[1])
            if told is not None:
                said += MARK
                self._tell(told, line + text.count("\n", 0, cue.start()))
                continue
            self._utter(said, line + text.count("\n", 0, cue.start()) - said.count("\n"))
            self._cue(cue[1].strip(), line + text.count("\n", 0, cue.start()))
            said = ""
        said += text[begin:]
        self._utter(said, line + text.count("\n") - said.count("\n"))

    def _utter(self, text: str, line: int) -> None:
        line += text[: len(text) - len(text.lstrip())].count("\n")
        plain, cues = lifted(" ".join(_UNSPACED.sub("", text.strip()).translate(_BACK).split()), self._cues[-text.count(MARK) :] if MARK in text else ())
        if not plain:
            return
        if not any(character.isalnum() for character in plain):
            # A stop left over beside a cue is nobody's loss; a line of symbols may be.
            if len(plain) > 1:
                self._warn(f"line {line}: {plain[:20]!r} has neither letters nor digits and is not spoken")
            return
        if len(plain) > MAX_UTTERANCE_CHARACTERS:
            self._refuse(f"line {line}: a paragraph of {len(plain):,} characters; the limit is {MAX_UTTERANCE_CHARACTERS:,}: divide it", "PARAGRAPH_TOO_LONG")
            return
        if self._utterances:
            self._utterances[-1] = replace(self._utterances[-1], pause_after_ms=PARAGRAPH_PAUSE_MS if self._pause_ms is None else self._pause_ms)
        else:
            self._lead_ms = self._pause_ms or 0
        self._pause_ms = None
        # Cues that stood alone come before the words that follow them.
        before = tuple(self._cues[: len(self._cues) - len(cues)])
        self._cues = []
        self._utterances.append(Utterance(plain, line, cues=before + cues))

    def _tell(self, cue: ScriptCue, line: int) -> None:
        self._cues.append(cue)
        self._cue_count += 1
        if self._cue_count == MAX_CUES + 1:
            self._refuse(f"line {line}: more than {MAX_CUES:,} cues for the presenter; cut the script into several", "TOO_MANY_CUES")

    def _cue(self, cue: str, line: int) -> None:
        pause = _PAUSE.fullmatch(cue)
        if pause is None:
            shown = cue if len(cue) <= 40 else cue[:40] + "…"
            if cue.lower().startswith("pause"):
                hint = "write a pause as [pause 800ms] or [pause 1.5s]"
            else:
                hint = f"known are [pause 800ms], {KNOWN}, also as [smile 3s], up to {MAX_SECONDS} s; to have brackets read, escape them: \\[ \\]"
            self._refuse(f"line {line}: [{shown}] is not a cue; {hint}", "UNKNOWN_CUE")
            return
        self._pause(round(float(pause[1]) * (1000 if pause[2].lower() == "s" else 1)), line)

    def _pause(self, duration_ms: int, line: int) -> None:
        """What the script says replaces the pause between paragraphs; several pauses in a row add up."""
        self._pause_ms = (self._pause_ms or 0) + duration_ms
        if self._pause_ms > MAX_PAUSE_MS:
            self._refuse(f"line {line}: a pause of {self._pause_ms / 1000:g} s; the limit is {MAX_PAUSE_MS // 1000} s", "PAUSE_TOO_LONG")
            self._pause_ms = 0

    def _read_front_matter(self, content: str) -> None:
        if len(content) > MAX_FRONT_MATTER_CHARACTERS:
            found = f"the front matter has {len(content):,} characters; the limit is {MAX_FRONT_MATTER_CHARACTERS:,}"
            self._refuse(f"line 2: {found}: keep only title, locale and voices", "BAD_FRONT_MATTER")
            return
        try:
            # The base loader leaves every scalar a string: the locale `no` is Norwegian, not false.
            head = yaml.load(content, Loader=yaml.BaseLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 2}: " if mark else ""
            problem = getattr(error, "problem", None) or "unreadable"
            self._refuse(f"{where}the front matter is not YAML ({problem}); write lines of `key: value`", "BAD_FRONT_MATTER")
            return
        except RecursionError:
            # The parser of YAML calls itself for each level.
            self._refuse("line 2: the front matter is nested too deeply; write lines of `key: value`", "BAD_FRONT_MATTER")
            return
        if head in (None, ""):
            return
        if not isinstance(head, dict):
            self._refuse("line 2: the front matter is not a list of keys; write lines of `key: value`", "BAD_FRONT_MATTER")
            return
        for key in head.keys() - _FRONT_MATTER_KEYS:
            self._warn(f"front matter: the key {str(key)[:40]!r} is not known and was ignored; known are {', '.join(sorted(_FRONT_MATTER_KEYS))}")
        for key in ("title", "locale"):
            if not isinstance(head.get(key, ""), str):
                self._refuse(f"front matter: {key} is not a text; write `{key}: ...` on one line", "BAD_FRONT_MATTER")
        voices = head.get("voices", {})
        if not isinstance(voices, dict) or not all(isinstance(voice, str) for voice in voices.values()):
            self._refuse("front matter: voices is not a table of locale and voice; write `voices: {es: ef_dora}`", "BAD_FRONT_MATTER")
            head = {**head, "voices": {}}
        self._head = head

    def _refuse(self, message: str, reason: str) -> None:
        """Note a violation. Raises `InvalidInput` where there are enough of them."""
        self._violations.append(FieldViolation(self._name, message, reason))
        if len(self._violations) == MAX_FINDINGS:
            raise InvalidInput(self._violations)

    def _warn(self, message: str) -> None:
        if len(self._warnings) < MAX_FINDINGS:
            self._warnings.append(message)
        elif len(self._warnings) == MAX_FINDINGS:
            self._warnings.append("and more of the kind")


def _spoken(children: list[Token]) -> Iterator[str]:
    """The text of a block's inline content, line ends kept as "\\n"."""
    struck = 0
    for child in children:
        struck += {"s_open": 1, "s_close": -1}.get(child.type, 0)
        if struck:
            continue
        if child.type == "text":
            yield child.content
        elif child.type == "code_inline" or child.type == "text_special":
            yield child.content.translate(_LITERAL)
        elif child.type in {"softbreak", "hardbreak"}:
            yield "\n"
