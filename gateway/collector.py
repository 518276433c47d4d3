"""Collection: removes from the artifact store what nobody needs and nobody has used for long, and tells what it kept and why.

Never removed are the media that jobs and uploads refer to, what a lease names, and what is younger than the grace period.
Of the rest, steps go that were not used since a time, with the media that only they refer to; then, while the store is
over its quota, those that were used least recently. Nothing is lost that cannot be made again.

    collector/database    the id of the database whose gateways collect here: what others refer to is not known to them
    collector/condemned   who collects, and what is about to be removed; see leases.py
    collector/uses        when each step was last used, and its media: what ended leases said, put together
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from gateway.artifacts import ArtifactStore
from gateway.claim import Claim
from gateway.inventory import Inventory, Needs, read_inventory, write_uses
from gateway.leases import SETTLE_S
from locutor.errors import Unavailable

log = logging.getLogger("locutor.gateway")

GRACE = timedelta(minutes=10)
"""What was written so lately may be about to be referred to. A step is saved seconds after its media."""
_DATABASE = "collector/database"
_REMOVED_AT_ONCE = 500
_UNFINISHED = timedelta(days=1)
"""What a writer has not finished for so long, he will not."""


class Reason(Enum):
    """Why something is kept, or goes: the first that applies."""

    JOBS = "jobs"
    """Jobs and uploads refer to it."""
    LEASED = "leased"
    """A job that has not ended has used it."""
    YOUNG = "young"
    """Written within the grace period."""
    USED = "used"
    """Used since the time that is asked for."""
    OLD = "old"
    """It goes: not used since then."""
    OVER_QUOTA = "over quota"
    """It goes: the store is larger than it may be, and this was used least recently."""


GOES = (Reason.OLD, Reason.OVER_QUOTA)


@dataclass
class Share:
    """A part of the store."""

    steps: int = 0
    media: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Collected:
    """What a collection has found and done."""

    shares: dict[Reason, Share] = field(default_factory=lambda: {reason: Share() for reason in Reason})
    dry_run: bool = False

    @property
    def removed_bytes(self) -> int:
        return sum(self.shares[reason].size_bytes for reason in GOES)

    @property
    def kept_bytes(self) -> int:
        return sum(share.size_bytes for reason, share in self.shares.items() if reason not in GOES)


class Collector:
    """Collects in one store; one at a time, whichever process it is in."""

    def __init__(
        self, store: ArtifactStore, needs: Callable[[], Awaitable[Needs]], database_id: str, grace: timedelta = GRACE, settle_s: float = SETTLE_S
    ) -> None:
        """`needs`: what the database `database_id` refers to."""
        self._store = store
        self._needs = needs
        self._database_id = database_id
        self._grace = grace
        self._settle_s = settle_s
        self._one_at_a_time = asyncio.Lock()

    async def collect(
        self, unused_for: timedelta | None = None, most_bytes: int | None = None, *, dry_run: bool = False, now: datetime | None = None
    ) -> Collected:
        """Remove what was not used for so long; and, where more than `most_bytes` are left, what was used least recently.

        None: that rule is not asked for. `now`: as though it were that time. Waits for a collection of this process. Raises
        `CollectionAtWork` where another process collects, `Unavailable` where gateways of another database do, and `StoreLost`.
        """
        async with self._one_at_a_time:
            return await self._collect(unused_for, most_bytes, dry_run=dry_run, now=now)

    async def _collect(self, unused_for: timedelta | None, most_bytes: int | None, *, dry_run: bool = False, now: datetime | None = None) -> Collected:
        await self._check_owner()

        async def look() -> tuple[Inventory, dict[str, Reason]]:
            await self._store.leases.write()
            inventory = await read_inventory(self._store.objects, await self._needs(), now)
            # Seconds, for a store of millions of objects.
            return inventory, await asyncio.to_thread(judge, inventory, self._grace, unused_for, most_bytes)

        if dry_run:
            return _told(*await look(), dry_run=True)
        async with Claim(self._store.objects) as claim:
            inventory, verdicts = await look()
            condemned = {path for path, verdict in verdicts.items() if verdict in GOES}
            if condemned:
                await claim.condemn(condemned)
                await asyncio.sleep(self._settle_s)
                # What has been used since then is named by a lease by now; what has been uploaded, by the table.
                inventory, verdicts = await look()
                verdicts = {path: Reason.USED if verdict in GOES and path not in condemned else verdict for path, verdict in verdicts.items()}
                # Steps first: one whose media are gone already would be found, and then not be whole.
                await self._remove(claim, sorted((path for path, verdict in verdicts.items() if verdict in GOES), reverse=True))
            await write_uses(self._store.objects, inventory, [path for path, verdict in verdicts.items() if verdict in GOES])
            await self._store.objects.remove_unfinished(_UNFINISHED)
        collected = _told(inventory, verdicts, dry_run=False)
        self._store.quota.found(collected.kept_bytes)
        log.info("collection: %d bytes removed, %d kept", collected.removed_bytes, collected.kept_bytes)
        return collected

    async def make_room(self, most_bytes: int) -> int:
        """Collect until at most so many bytes are in use, where that can be; returns how many are."""
        async with self._one_at_a_time:
            used = sum([found.size_bytes for folder in ("steps", "media") for found in await self._store.objects.listed(folder)])
            return used if used <= most_bytes else (await self._collect(None, most_bytes)).kept_bytes

    async def _check_owner(self) -> None:
        """The database that collects first has the store."""
        own = self._database_id.encode()
        if await self._store.objects.create(_DATABASE, own) or await self._store.objects.get(_DATABASE) == own:
            return
        raise Unavailable(
            "nothing is removed from this artifact store: gateways of another database use it, and what they need is not known here. Have all of them use "
            f"one LOCUTOR_DATABASE, or each its own LOCUTOR_STORE; where the other database is gone for good, remove the object {_DATABASE} from the store",
            reason="OTHER_DATABASE",
        )

    async def _remove(self, claim: Claim, paths: Sequence[str]) -> None:
        for begin in range(0, len(paths), _REMOVED_AT_ONCE):
            claim.hold()
            await self._store.objects.remove(paths[begin : begin + _REMOVED_AT_ONCE])


def judge(inventory: Inventory, grace: timedelta, unused_for: timedelta | None, most_bytes: int | None) -> dict[str, Reason]:
    """What becomes of each object, by its path."""
    verdicts = {path: _alone(inventory, path, grace, unused_for) for path in inventory.objects}
    users: dict[str, list[str]] = {}
    for step, outputs in inventory.outputs.items():
        if step in verdicts:
            for output in outputs:
                users.setdefault(output, []).append(step)

    def is_free(path: str) -> bool:
        """Whether a media may go with the steps that made it."""
        return verdicts.get(path) in (Reason.USED, *GOES) and all(verdicts[step] in GOES for step in users.get(path, ()))

    for path, verdict in verdicts.items():
        if verdict is Reason.OLD and path in users and not is_free(path):
            verdicts[path] = Reason.USED
    if most_bytes is None:
        return verdicts
    size = sum(inventory.objects[path].size_bytes for path, verdict in verdicts.items() if verdict not in GOES)
    # Media that no step made, and that nobody needs, are as good as steps.
    spare = [path for path, verdict in verdicts.items() if verdict is Reason.USED and (path.startswith("steps/") or path not in users)]
    for path in sorted(spare, key=inventory.last_use):
        if size <= most_bytes:
            break
        verdicts[path] = Reason.OVER_QUOTA
        gone = [path, *(output for output in dict.fromkeys(inventory.outputs.get(path, ())) if verdicts.get(output) is Reason.USED and is_free(output))]
        for one in gone:
            verdicts[one] = Reason.OVER_QUOTA
            size -= inventory.objects[one].size_bytes
    return verdicts


def _alone(inventory: Inventory, path: str, grace: timedelta, unused_for: timedelta | None) -> Reason:
    """What becomes of an object by itself, whatever refers to it."""
    if path in inventory.needed:
        return Reason.JOBS
    if path in inventory.leased:
        return Reason.LEASED
    if inventory.objects[path].modified > inventory.now - grace:
        return Reason.YOUNG
    if unused_for is None or inventory.last_use(path) > inventory.now - unused_for:
        return Reason.USED
    return Reason.OLD


def _told(inventory: Inventory, verdicts: dict[str, Reason], *, dry_run: bool) -> Collected:
    collected = Collected(dry_run=dry_run)
    for path, verdict in verdicts.items():
        share = collected.shares[verdict]
        share.steps += path.startswith("steps/")
        share.media += path.startswith("media/")
        share.size_bytes += inventory.objects[path].size_bytes
    return collected
