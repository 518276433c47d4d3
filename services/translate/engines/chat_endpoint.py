"""Calls of an OpenAI-compatible endpoint for chat completions: bounded in time and size, tried again where that may help."""

from __future__ import annotations

import ipaddress
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import tenacity

from locutor.errors import InvalidInput
from services.translate.engine import EndpointFailed, UnusableAnswer

URL_VARIABLE = "LOCUTOR_TRANSLATE_OPENAI_URL"
"""Environment variable: the endpoint's base, such as "https://llm.example/v1"."""
MODEL_VARIABLE = "LOCUTOR_TRANSLATE_OPENAI_MODEL"
KEY_VARIABLE = "LOCUTOR_TRANSLATE_OPENAI_KEY"
KEY_FILE_VARIABLE = "LOCUTOR_TRANSLATE_OPENAI_KEY_FILE"
"""The key itself, or a file that holds it; neither where the endpoint asks for none."""
TIMEOUT_VARIABLE = "LOCUTOR_TRANSLATE_OPENAI_TIMEOUT_S"
"""How long one answer may take; 60."""

_ATTEMPTS = 4
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 20.0
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_REST_S = 60.0
"""An endpoint that was lost at every attempt is left alone for so long: a long document would wait for it at every passage."""
_LARGEST_ANSWER = 4 * 1024**2


@dataclass(frozen=True)
class EndpointSettings:
    """Where the endpoint is, and what to ask it for."""

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for an address that is none, and for a key that would cross a network in plain text."""
        parts = urlsplit(self.url)
        try:
            _ = parts.port
        except ValueError as error:
            raise InvalidInput.of(URL_VARIABLE, f"{error}; give an address such as https://llm.example/v1", "BAD_URL") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InvalidInput.of(URL_VARIABLE, "give an http or https address without user, password and query, such as https://llm.example/v1", "BAD_URL")
        if self.key and parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise InvalidInput.of(
                URL_VARIABLE, f"the key would cross the network to {parts.hostname} in plain text; give an https address", "PLAINTEXT_REFUSED"
            )
        if not 0 < self.timeout_s <= 3600:
            raise InvalidInput.of(TIMEOUT_VARIABLE, f"found {self.timeout_s:g}; give seconds, more than 0 and at most 3600")

    @classmethod
    def from_environment(cls) -> EndpointSettings | None:
        """None where no endpoint, or no model of it, is named. Raises `InvalidInput`."""
        url, model = os.environ.get(URL_VARIABLE, ""), os.environ.get(MODEL_VARIABLE, "")
        if not url or not model:
            return None
        try:
            timeout_s = float(os.environ.get(TIMEOUT_VARIABLE) or 60)
        except ValueError as error:
            raise InvalidInput.of(TIMEOUT_VARIABLE, "give a number of seconds") from error
        return cls(url.rstrip("/"), model, _key(), timeout_s)


class ChatEndpoint:
    """May be called from several threads."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        headers = {"authorization": f"Bearer {settings.key}"} if settings.key else {}
        self._client = httpx2.Client(headers=headers, timeout=settings.timeout_s, follow_redirects=False)
        self._rests_until = 0.0
        self._lost = ""
        """Why it rests."""

    def complete(self, messages: Sequence[dict[str, str]]) -> str:
        """What the model says to the messages; it is asked for a JSON object.

        Raises `EndpointFailed` where no answer came after several attempts, or was refused, and `UnusableAnswer` for one that is cut off or none.
        """
        if time.monotonic() < self._rests_until:
            raise EndpointFailed(self._lost)
        retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(_ATTEMPTS), retry=tenacity.retry_if_exception(_may_help), wait=_wait, reraise=True)
        body = {"model": self._settings.model, "messages": list(messages), "response_format": {"type": "json_object"}}
        try:
            answer: dict[str, Any] = retrying(self._post, body)
        except _Lost as error:
            self._lost, self._rests_until = error.message, time.monotonic() + _REST_S
            raise
        try:
            choice = answer["choices"][0]
            content = choice["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise UnusableAnswer("the endpoint's answer is no chat completion") from error
        if choice.get("finish_reason") in ("length", "content_filter"):
            raise UnusableAnswer(f"the answer was cut off ({choice['finish_reason']})")
        if not isinstance(content, str) or not content.strip():
            raise UnusableAnswer("the answer is empty")
        return content

    def _post(self, body: dict[str, Any]) -> Any:
        until = time.monotonic() + self._settings.timeout_s
        try:
            with self._client.stream("POST", f"{self._settings.url}/chat/completions", json=body) as response:
                if response.status_code != 200:
                    # The body is not told: it may repeat what was sent.
                    raise _Refused(response.status_code, _retry_after_s(response.headers.get("retry-after", "")))
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if time.monotonic() > until:
                        raise httpx2.ReadTimeout("drop by drop")
                    if len(data) > _LARGEST_ANSWER:
                        raise UnusableAnswer(f"the answer is larger than {_LARGEST_ANSWER // 1024**2} MiB")
            return _json(bytes(data))
        except httpx2.TimeoutException as error:
            raise _Lost(f"the translation endpoint did not answer within {self._settings.timeout_s:g} s") from error
        except httpx2.HTTPError as error:
            raise _Lost(f"the translation endpoint cannot be reached, or broke off ({type(error).__name__})") from error


class _Lost(EndpointFailed):
    """No answer came."""


class _Refused(EndpointFailed):
    def __init__(self, status: int, retry_after_s: float | None) -> None:
        hint = {401: "; check its key", 403: "; check its key", 404: "; check its address and model"}.get(status, "")
        super().__init__(f"the translation endpoint answered with status {status}{hint}")
        self.status, self.wait_s = status, retry_after_s


def _may_help(error: BaseException) -> bool:
    return isinstance(error, _Lost) or (isinstance(error, _Refused) and error.status in _RETRIED)


def _wait(state: tenacity.RetryCallState) -> float:
    """Twice as long each time, at random between half and all of it; what the endpoint asks for, up to a limit."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_s if isinstance(error, _Refused) and error.wait_s is not None else 0.0
    full = min(_FIRST_WAIT_S * 2 ** (state.attempt_number - 1), _LONGEST_WAIT_S)
    return min(max(asked, random.uniform(full / 2, full)), _LONGEST_WAIT_S)


def _retry_after_s(text: str) -> float | None:
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at - datetime.now(at.tzinfo)).total_seconds())


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnusableAnswer("the endpoint's answer is no JSON") from error


def _key() -> str:
    file = os.environ.get(KEY_FILE_VARIABLE)
    if not file:
        return os.environ.get(KEY_VARIABLE, "")
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of(KEY_FILE_VARIABLE, "the file cannot be read; name one that holds the key alone", "UNREADABLE_FILE") from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
