"""The web form: a script and a face in, videos to watch and to download. A client of the gateway like any other."""

from gateway.web.server import WebServer

__all__ = ["WebServer"]
