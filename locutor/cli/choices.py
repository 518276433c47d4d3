"""What `locutor present` and `locutor dub` let the user choose about a job as a whole: its engines, its priority, what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from locutor.errors import InvalidInput
from locutor.gateway.v1.engines_pb2 import Engines

ROLES = tuple(descriptor.name for descriptor in Engines.DESCRIPTOR.fields)


@dataclass(frozen=True)
class JobChoices:
    """A checked command line's part that both kinds of jobs have."""

    engines: Engines = field(default_factory=Engines)
    engines_by_locale: Mapping[str, Engines] = field(default_factory=dict)
    commercial: bool = False
    review: bool = False
    priority: int = 0

    def engines_of(self, locale: str) -> Engines:
        """Those that are named for one locale."""
        return self.engines_by_locale.get(locale, Engines())

    def option(self, path: str, locales: Sequence[str]) -> str:
        """The option behind a field of the spec, as the user typed it; empty where it is none of these."""
        place, _, role = path.rpartition("engines.")
        if role in ROLES:
            number = place.removeprefix("targets[").removesuffix("].")
            locale = locales[int(number)] if number.isdigit() and int(number) < len(locales) else ""
            engine = getattr(self.engines_of(locale), role) if locale else getattr(self.engines, role)
            return f"--engine {f'{locale}:' if locale else ''}{role}{f'={engine}' if engine else ''}"
        return {"commercial_use": "--commercial", "review": "--review"}.get(path, "")


def parse_choices(engines: Sequence[str], locales: Sequence[str], *, commercial: bool, review: bool, priority: int) -> JobChoices:
    """["speech=piper", "es:lipsync=wav2lip"] and the flags. Raises `InvalidInput` for another form, and for a locale that is no target."""
    whole, by_locale = Engines(), dict[str, Engines]()
    for text in engines:
        place, equals, engine = (part.strip() for part in text.partition("="))
        locale, _, role = place.rpartition(":")
        if not equals or not engine or role not in ROLES:
            known = ", ".join(ROLES)
            raise InvalidInput.of(
                f"--engine {text}", f"is not [LOCALE:]ROLE=ENGINE with a role of {known}; write for example --engine speech=piper", "BAD_ENGINE"
            )
        if not locale:
            setattr(whole, role, engine)
            continue
        match = next((known for known in locales if known.lower() == locale.lower()), None)
        if match is None:
            message = f"{locale} is not among the targets {', '.join(locales)}; add it to --to or leave it out"
            raise InvalidInput.of(f"--engine {text}", message, "ENGINE_WITHOUT_TARGET")
        setattr(by_locale.setdefault(match, Engines()), role, engine)
    return JobChoices(whole, by_locale, commercial, review, priority)
