"""Who may call: a file of tenants and the digests of their tokens."""

from __future__ import annotations

import tomllib
from pathlib import Path

from locutor.errors import InvalidInput

_DIGITS = set("0123456789abcdef")


def read_tokens(path: Path, setting: str) -> dict[str, str]:
    """Tenant to the sha256 of his token, from a TOML file of lines such as `acme = "<sha256 in hexadecimal>"`.

    The tokens themselves are in no file. Raises `InvalidInput` that names the setting.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput.of(setting, f"{str(path)!r} cannot be read ({error}); name a TOML file", "BAD_SETTING") from error
    for tenant, digest in found.items():
        if not tenant:
            raise InvalidInput.of(setting, f"{str(path)!r} has an entry without a name; name each tenant", "BAD_SETTING")
        if not isinstance(digest, str) or len(digest) != 64 or not set(digest) <= _DIGITS:
            raise InvalidInput.of(setting, f"the entry {tenant!r} is not a sha256 in lower-case hexadecimal; take that of the token", "BAD_SETTING")
    if not found:
        raise InvalidInput.of(setting, f"{str(path)!r} names no tenant", "BAD_SETTING")
    return found
