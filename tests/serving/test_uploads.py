"""What senders may hold of a server, and for how long they may keep silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from locutor.asr.v1 import asr_pb2
from locutor.errors import DeadlineExceeded, InvalidInput, Overloaded
from services.serving import ServingSettings
from services.serving.uploads import UploadGate, unidle


def test_calls_are_let_in_up_to_a_number() -> None:
    gate = UploadGate("streams", calls=2, total_bytes=10)
    with gate.admit(), gate.admit(), pytest.raises(Overloaded, match="2 streams"), gate.admit():
        pass
    with gate.admit(), gate.admit():
        pass


def test_bytes_are_counted_over_all_calls_and_given_back() -> None:
    gate = UploadGate("streams", calls=9, total_bytes=10 << 20)
    with gate.admit() as first:
        first.hold(6 << 20)
        with pytest.raises(Overloaded, match="10 MiB together") as caught, gate.admit() as second:
            second.hold(3 << 20)
            second.hold(2 << 20)
        assert caught.value.retryable and caught.value.retry_after_s
        with gate.admit() as third:
            third.hold(4 << 20)
    with gate.admit() as alone:
        alone.hold(10 << 20)


async def messages(*pauses_s: float) -> AsyncIterator[asr_pb2.RecognizeRequest]:
    for pause_s in pauses_s:
        await asyncio.sleep(pause_s)
        yield asr_pb2.RecognizeRequest(audio=b"x")


async def test_a_sender_that_falls_silent_is_told_so() -> None:
    heard = []
    with pytest.raises(DeadlineExceeded, match=r"no message came for 0\.2 s") as caught:
        async for message in unidle(messages(0, 0, 3600), 0.2):
            heard.append(message)
    assert len(heard) == 2 and caught.value.reason == "IDLE_STREAM"


async def test_time_in_which_nobody_waits_for_the_sender_does_not_count() -> None:
    heard = 0
    async for _ in unidle(messages(0, 0, 0), 0.2):
        await asyncio.sleep(0.3)
        heard += 1
    assert heard == 3


@pytest.mark.parametrize("idle_s", [0.0, -1.0, float("nan")])
def test_no_patience_at_all_is_refused(idle_s: float) -> None:
    with pytest.raises(InvalidInput, match="more than 0"):
        ServingSettings(idle_s=idle_s)
