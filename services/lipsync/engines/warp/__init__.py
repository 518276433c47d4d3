"""The embedded lip-sync engine."""

from services.lipsync.engines.warp.engine import WarpEngine

__all__ = ["WarpEngine"]
