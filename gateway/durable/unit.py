"""The body of a unit: attempts at one piece of work, each a checkpoint, until one of them is the last."""

from __future__ import annotations

from typing import Any

from dbos import DBOS

from gateway.durable.offers import Checkpoint, Offer
from gateway.patience import Patience

RESULT = "result"
"""In a unit's checkpoint: what came of it. Where it is not there, the last attempt failed."""


async def attempt_until_done(offer: Offer) -> dict[str, Checkpoint]:
    """Called in a workflow. That DBOS tries a step again is not made use of: it has no jitter, and is deaf to a cancel while it waits."""
    patience = Patience()

    async def attempt() -> dict[str, Any]:
        try:
            return {RESULT: await offer.run()}
        except Exception as error:  # noqa: BLE001 - whoever waits for the work is told of it
            wait_s = patience.wait_s(error)
            if wait_s is None:
                offer.error = error
                return {"failed": type(error).__name__}
            offer.told(error, wait_s)
            return {"again_s": wait_s}

    while True:
        ended = await DBOS.run_step_async({"name": "attempt"}, attempt)
        if RESULT in ended or offer.error is not None:
            return ended
        # Of a last failure before the process died nothing is left that could be told: it is seen once more.
        await DBOS.sleep_async(ended.get("again_s", 0.0))
