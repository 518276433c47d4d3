"""Workflows that survive the death of their process, on DBOS. Nothing outside of this package knows of it."""

from gateway.durable.engine import Durable, LostWorkflow
from gateway.durable.offers import Checkpoint

__all__ = ["Checkpoint", "Durable", "LostWorkflow"]
