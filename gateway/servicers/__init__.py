"""The gateway's three gRPC services."""

from gateway.servicers.catalog import CatalogServicer
from gateway.servicers.jobs import JobServicer
from gateway.servicers.media import MediaServicer

__all__ = ["CatalogServicer", "JobServicer", "MediaServicer"]
