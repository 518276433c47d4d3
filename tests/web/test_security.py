"""What the form refuses before anything is kept or asked: bodies without end, strangers, clear text between machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.web import WebServer
from gateway.web.form import violations_by_input
from gateway.web.security import MAX_BODY_BYTES
from locutor.errors import FieldViolation, InvalidInput

PART = b'--b\r\nContent-Disposition: form-data; name="face"; filename="f.png"\r\nContent-Type: image/png\r\n\r\n'


@asynccontextmanager
async def serving(*, needs_token: bool = False) -> AsyncIterator[int]:
    """Its port. There is no gateway behind it: what must be refused without one."""
    server = WebServer("unix:/nowhere/gateway.sock", "tcp://127.0.0.1:0", needs_token=needs_token)
    await server.start()
    yield int(server.url.rstrip("/").rpartition(":")[2])
    await server.stop()


async def answer_to(port: int, head: str, body: AsyncIterator[bytes] | None = None) -> bytes:
    """The first bytes of the answer; `body` is sent until the server answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((head.replace("\n", "\r\n") + "\r\n\r\n").encode())
    answer = asyncio.ensure_future(reader.read(4096))
    if body is not None:
        async for chunk in body:
            if answer.done():
                break
            writer.write(chunk)
            await writer.drain()
    try:
        return await asyncio.wait_for(answer, 20)
    finally:
        writer.close()


async def endless_file() -> AsyncIterator[bytes]:
    yield b"%x\r\n%s\r\n" % (len(PART), PART)
    sent = 0
    while True:
        assert sent < 2 * MAX_BODY_BYTES, "it reads on without end"
        yield b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        sent += 1 << 20
        await asyncio.sleep(0)


HEAD = "POST {path} HTTP/1.1\nHost: 127.0.0.1\nContent-Type: {type}\nTransfer-Encoding: chunked"


async def test_a_file_without_end_is_not_read_to_the_end() -> None:
    async with serving() as port:
        answer = await answer_to(port, HEAD.format(path="/faces", type="multipart/form-data; boundary=b"), endless_file())
    assert answer.startswith(b"HTTP/1.1 413")


async def test_who_has_no_token_is_refused_before_his_form_is_read() -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    async with serving(needs_token=True) as port:
        for path in ("/faces", "/jobs"):
            answer = await answer_to(port, HEAD.format(path=path, type="multipart/form-data; boundary=b") + "\nAccept: application/json", nothing())
            assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("token", ["schl%C3%BCssel", "two%0Alines"])
async def test_a_token_that_no_header_can_carry_is_wrong_and_no_defect(token: str) -> None:
    async with serving(needs_token=True) as port:
        head = f"POST /login HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: {len(token) + 6}"
        assert (await answer_to(port, head + f"\n\ntoken={token}")).startswith(b"HTTP/1.1 401")


async def test_any_name_reaches_a_form_that_asks_for_tokens_and_only_the_loopback_one_that_does_not() -> None:
    head = "GET /login HTTP/1.1\nHost: locutor.example.org"
    async with serving(needs_token=True) as port:
        assert (await answer_to(port, head)).startswith(b"HTTP/1.1 200")
    async with serving() as port:
        assert (await answer_to(port, head)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("needs_token", [False, True])
def test_pages_and_tokens_do_not_travel_between_machines_in_clear_text_unless_that_is_said(needs_token: bool) -> None:
    with pytest.raises(InvalidInput, match="--trust-network"):
        WebServer("unix:/nowhere", "tcp://0.0.0.0:8080", needs_token=needs_token)
    WebServer("unix:/nowhere", "tcp://0.0.0.0:8080", needs_token=needs_token, trust_network=True)


def test_a_refused_target_that_is_no_language_is_named_as_it_came() -> None:
    error = InvalidInput([FieldViolation("present.targets[0].locale", "is not a language")])
    assert violations_by_input(error, ["<b>no tag</b>"]) == {"targets": ["<b>no tag</b>: is not a language"]}
