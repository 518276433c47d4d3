"""`locutor gc`"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from locutor.cli import options
from locutor.errors import InvalidInput

if TYPE_CHECKING:
    from locutor.gateway.v1.store_pb2 import CollectGarbageResponse

_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_UNITS_BYTES = {"": 1024**2, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def gc(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Remove what was not used for so long: 30m, 12h, 7d, 4w. Default: the gateway's retention.")
    ] = "",
    quota: Annotated[
        str,
        typer.Option("--quota", metavar="SIZE", help="Then remove what was used least recently, until so much is left: 500M, 20G. Default: LOCUTOR_STORE_MB."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    gateway: options.Gateway = "",
    token: options.Token = "",
    tls_ca: options.TlsCa = None,
    tls_cert: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    as_json: options.Json = False,
) -> None:
    """Make room in the artifact store. What jobs and uploads refer to, and what running jobs use, always stays.

    It may be run at any time, also beside a gateway at work: what goes is made again where it is needed. A gateway with tokens lets only
    the tenants do this whom its LOCUTOR_OPERATORS names.
    """
    from google.protobuf.json_format import MessageToJson

    from locutor.cli.connection import Connection

    unused_s, quota_bytes = _seconds(older_than), _bytes(quota)
    with Connection(gateway, token, tls_ca, tls_cert, tls_key).open() as client:
        collected = client.collect_garbage(unused_s, quota_bytes, dry_run=dry_run)
    if as_json:
        print(MessageToJson(collected, preserving_proto_field_name=True, ensure_ascii=False))
    else:
        _show(collected, dry_run)


def _show(collected: CollectGarbageResponse, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from locutor.gateway.v1 import store_pb2

    why = {
        store_pb2.STORE_REASON_JOBS: ("kept", "jobs and uploads refer to it"),
        store_pb2.STORE_REASON_LEASED: ("kept", "a job that has not ended uses it"),
        store_pb2.STORE_REASON_YOUNG: ("kept", "written in the last minutes"),
        store_pb2.STORE_REASON_USED: ("kept", "used lately"),
        store_pb2.STORE_REASON_OLD: ("removed", "not used for so long"),
        store_pb2.STORE_REASON_OVER_QUOTA: ("removed", "over the quota, used least recently"),
    }
    table = Table("", "Why", "Steps", "Media", "Size")
    for column in table.columns[2:]:
        column.justify = "right"
    for share in collected.shares:
        what, text = why[share.reason]
        what = f"would be {what}" if dry_run and what == "removed" else what
        table.add_row(what, text, f"{share.step_count:,}", f"{share.media_count:,}", _size(share.size_bytes))
    Console().print(table)
    print(f"{_size(collected.removed_bytes)} {'would be removed' if dry_run else 'removed'}, {_size(collected.size_bytes)} left.")


def _size(count: int) -> str:
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.4g} {units[0]}"


def _seconds(text: str) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", text.strip())
    if not text:
        return None
    if found is None:
        raise InvalidInput.of("--older-than", f"found {text!r}; give a number and m, h, d or w: 30m, 12h, 7d", "BAD_TIME")
    return float(found[1]) * _UNITS_S[found[2]]


def _bytes(text: str) -> int | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([MGT]?)(?:i?B)?", text.strip())
    if not text:
        return None
    if found is None:
        raise InvalidInput.of("--quota", f"found {text!r}; give a number and M, G or T: 500M, 20G", "BAD_SIZE")
    return int(float(found[1]) * _UNITS_BYTES[found[2]])
