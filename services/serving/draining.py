"""Reading the rest of a refused upload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from google.protobuf.message import Message

_MOST_BYTES = 256 << 20
_LONGEST_S = 10.0


async def drain(requests: AsyncIterator[Message]) -> None:
    """Read what a sender has still under way, to its end or to a limit of size and time, and forget it.

    A client that is still sending when its call ends sees its failed write, not the reasons why it was refused.
    """
    left = _MOST_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_S):
            async for request in requests:
                left -= request.ByteSize()
                if left < 0:
                    return
