"""What all servers share: start-up and end, interceptors, and the pool that runs engines off the event loop."""

from services.serving.pool import EnginePool
from services.serving.server import GrpcServer, run, serve_until_signalled
from services.serving.service import Service
from services.serving.settings import ServingSettings

__all__ = ["EnginePool", "GrpcServer", "Service", "ServingSettings", "run", "serve_until_signalled"]
