"""The gateway's four gRPC services."""

from gateway.servicers.catalog import CatalogServicer
from gateway.servicers.jobs import JobServicer
from gateway.servicers.media import MediaServicer
from gateway.servicers.store import StoreServicer

__all__ = ["CatalogServicer", "JobServicer", "MediaServicer", "StoreServicer"]
