"""Where bytes are kept under the digest of their content, for the gateway and for services that share its store."""

from services.store.media import URL_VALID, Blob, CorruptArtifact, MediaStore, digest_of, file_digest
from services.store.objects import Found, Objects, StoreFull, StoreLost

__all__ = ["URL_VALID", "Blob", "CorruptArtifact", "Found", "MediaStore", "Objects", "StoreFull", "StoreLost", "digest_of", "file_digest"]
