"""What is in the artifact store, who needs it, and when it was last used: all that a collection decides by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.artifacts import read_record
from gateway.leases import ALIVE, CONDEMNED, FOLDER, LeaseRecord
from services.store import Found, Objects

_USES = "collector/uses"


@dataclass(frozen=True)
class Needs:
    """What the gateway's database refers to."""

    media: frozenset[str] = frozenset()
    """Digests of uploads, and of what jobs were given and have made."""
    unfinished: frozenset[str] = frozenset()
    """Ids of jobs that have not ended: their leases last, however old."""


@dataclass(frozen=True)
class Inventory:
    now: datetime
    """By the store's clock, where it tells."""
    objects: dict[str, Found]
    """All steps and media, by path: "steps/...", "media/..."."""
    outputs: dict[str, tuple[str, ...]]
    """The media of each step, path to paths."""
    used: dict[str, datetime]
    """When each was last used, as far as that is known; else it was when it was written."""
    needed: frozenset[str]
    """Paths of media that the database refers to."""
    leased: frozenset[str]
    """Paths that leases name."""
    ended: tuple[str, ...]
    """Paths of leases that hold nothing any more."""

    def last_use(self, path: str) -> datetime:
        written = self.objects[path].modified
        return max(written, self.used.get(path, written))


async def read_inventory(objects: Objects, needs: Needs, now: datetime | None = None) -> Inventory:
    """`now`: as though it were that time."""
    claim = await objects.head(CONDEMNED)
    now = now or (claim.modified if claim is not None else datetime.now(UTC))
    there = {found.path: found for folder in ("steps", "media") for found in await objects.listed(folder)}
    # All that reads what was read is seconds, for a store of millions of objects.
    outputs, used = await asyncio.to_thread(_kept_uses, await objects.get(_USES))
    leases = await objects.listed(FOLDER)
    records = await objects.get_many([found.path for found in leases])
    leased, ended = await asyncio.to_thread(_leased, leases, records, needs.unfinished, now, outputs, used)
    unknown = [path for path in there if path.startswith("steps/") and path not in outputs]
    outputs |= await asyncio.to_thread(_outputs, unknown, await objects.get_many(unknown))
    leased |= {output for path in leased for output in outputs.get(path, ())}
    return Inventory(now, there, outputs, used, frozenset(f"media/{digest}" for digest in needs.media), frozenset(leased), tuple(ended))


async def write_uses(objects: Objects, inventory: Inventory, removed: Collection[str]) -> None:
    """Keep what ended leases said of what is left, and remove them."""
    await objects.put(_USES, await asyncio.to_thread(_uses_to_keep, inventory, removed))
    await objects.remove(inventory.ended)


def _uses_to_keep(inventory: Inventory, removed: Collection[str]) -> bytes:
    left = inventory.objects.keys() - set(removed)
    kept = {
        path: [inventory.used[path].timestamp() if path in inventory.used else 0, list(inventory.outputs.get(path, ()))]
        for path in left
        if path in inventory.used or path in inventory.outputs
    }
    return json.dumps(kept, separators=(",", ":")).encode()


def _leased(
    leases: Sequence[Found],
    records: Sequence[bytes | None],
    unfinished: Collection[str],
    now: datetime,
    outputs: dict[str, tuple[str, ...]],
    used: dict[str, datetime],
) -> tuple[set[str], list[str]]:
    """The paths that leases name, and the leases that hold nothing any more. `outputs` and `used` are added to."""
    leased: set[str] = set()
    ended = []
    for found, data in zip(leases, records, strict=True):
        lease = LeaseRecord.parse(found.path.partition("/")[2], data) if data is not None else None
        if lease is None:
            # It ended a moment ago, or is damaged: a job that lives writes it anew.
            continue
        alive = not lease.ended and (lease.id in unfinished or found.modified > now - ALIVE)
        names = _note(lease, found.modified, outputs, used)
        if alive:
            leased |= names
        else:
            ended.append(found.path)
    return leased, ended


def _outputs(steps: Sequence[str], records: Sequence[bytes | None]) -> dict[str, tuple[str, ...]]:
    """The media of each step."""
    outputs = {}
    for path, data in zip(steps, records, strict=True):
        record = read_record(data) if data is not None else None
        outputs[path] = tuple(blob.uri for blob in record.blobs.values()) if record is not None else ()
    return outputs


def _kept_uses(data: bytes | None) -> tuple[dict[str, tuple[str, ...]], dict[str, datetime]]:
    kept = json.loads(data) if data is not None else {}
    outputs = {path: tuple(made) for path, (_, made) in kept.items() if path.startswith("steps/")}
    return outputs, {path: datetime.fromtimestamp(time, UTC) for path, (time, _) in kept.items() if time}


def _note(lease: LeaseRecord, time: datetime, outputs: dict[str, tuple[str, ...]], used: dict[str, datetime]) -> set[str]:
    """Note what a lease says; returns the paths that it names."""
    names = {f"media/{digest}" for digest in lease.media}
    for key, made in lease.steps.items():
        names.add(f"steps/{key}")
        if made:
            outputs[f"steps/{key}"] = tuple(f"media/{digest}" for digest in made)
            names.update(outputs[f"steps/{key}"])
    for name in names:
        used[name] = max(time, used.get(name, time))
    return names
