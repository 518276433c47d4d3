"""Locutor for clients: `LocutorClient`, the errors it raises and the generated stubs (`locutor.gateway.v1`, ...)."""

import os
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from locutor.errors import LocutorError

if TYPE_CHECKING:
    from locutor.channel import TlsFiles
    from locutor.client import LocutorClient

# gRPC's core reads it when it is loaded. Without it, it tells people of every server that ends while somebody is connected.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

__all__ = ["LocutorClient", "LocutorError", "TlsFiles", "__version__"]

try:
    __version__ = _version("locutor")
except PackageNotFoundError:  # run from a folder that was never installed
    __version__ = "0"


def __getattr__(name: str) -> Any:
    # gRPC is loaded with the client only: engines import `locutor.errors` and must not bring it along.
    if name == "LocutorClient":
        from locutor.client import LocutorClient

        return LocutorClient
    if name == "TlsFiles":
        from locutor.channel import TlsFiles

        return TlsFiles
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
