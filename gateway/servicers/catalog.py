"""CatalogService: what this gateway can do."""

from __future__ import annotations

import asyncio

import grpc.aio

from gateway.artifacts import ArtifactStore
from gateway.faces import inspect_face
from gateway.media_table import MediaTable
from gateway.offer import ROLES
from gateway.readable import ReadableMedia
from gateway.services import Services
from gateway.settings import SERVICES
from locutor.gateway.v1 import catalog_pb2, catalog_pb2_grpc
from services.serving.interceptors import tenant


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    full_name = "locutor.gateway.v1.CatalogService"

    def __init__(self, table: MediaTable, store: ArtifactStore, services: Services) -> None:
        self._table = table
        self._store = store
        self._services = services

    def register(self, server: grpc.aio.Server) -> None:
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(self, server)

    async def load(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def GetCatalog(self, request: catalog_pb2.GetCatalogRequest, context: grpc.aio.ServicerContext) -> catalog_pb2.GetCatalogResponse:
        services = self._services
        models = await asyncio.gather(*(services.models(name) for name in SERVICES))
        voices, pairs, separation = await asyncio.gather(services.voices(), services.pairs(), services.separation_models())
        found = {**dict(zip(SERVICES, models, strict=True)), "separation": separation}
        return catalog_pb2.GetCatalogResponse(
            voices=voices,
            pairs=pairs,
            models=[model for of_service in models for model in of_service],
            engines=[catalog_pb2.EngineEntry(role=role, model=model) for role, name in ROLES.items() for model in found[name]],
        )

    async def InspectFace(self, request: catalog_pb2.InspectFaceRequest, context: grpc.aio.ServicerContext) -> catalog_pb2.InspectFaceResponse:
        digest = await ReadableMedia(self._store, self._table, tenant.get()).digest(request.face_uri, "face_uri")
        return catalog_pb2.InspectFaceResponse(inspection=await inspect_face(self._store, self._services, digest))
