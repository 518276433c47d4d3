"""Bytes that arrive in parts, up to a limit."""

from __future__ import annotations

from locutor.errors import InvalidInput
from services.serving.uploads import Admitted


class Upload:
    """One field's bytes, held in memory."""

    def __init__(self, field: str, most: int, admitted: Admitted, remedy: str = "send less") -> None:
        """At most `most` bytes; `remedy` tells the sender of more what to do."""
        self._field, self._most, self._admitted, self._remedy = field, most, admitted, remedy
        self._data = bytearray()

    def add(self, chunk: bytes) -> None:
        """Raises `InvalidInput` where it is more than the field may have, and `Overloaded` where all calls together hold too much."""
        if len(self._data) + len(chunk) > self._most:
            raise InvalidInput.of(self._field, f"is larger than {self._most / 2**20:.3g} MiB, which is the limit; {self._remedy}", "TOO_LARGE")
        self._admitted.hold(len(chunk))
        self._data += chunk

    def data(self) -> bytes:
        return bytes(self._data)
