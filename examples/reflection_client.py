"""A client that knows nothing but the gateway's address: it asks the server for its protos (gRPC reflection).

    python examples/reflection_client.py tcp://127.0.0.1:50050 face.png en-US out/

No file of Locutor is imported; what it does, any gRPC tool in any language can do.
It needs: pip install grpcio grpcio-reflection
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SCRIPT = "Good morning! Nobody gave this program any stubs. It asked the server what it can do."


class Reflected:
    """Calls the methods of a server by name, with messages made from the server's own descriptors."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def message(self, name: str) -> Any:
        """The class of a message: message("locutor.gateway.v1.Target")(locale="es")."""
        return GetMessageClass(self._pool.FindMessageTypeByName(name))

    def value(self, enum: str, name: str) -> int:
        return self._pool.FindEnumTypeByName(enum).values_by_name[name].number

    def call(self, service: str, method: str) -> Callable[..., Any]:
        descriptor = self._pool.FindServiceByName(service).FindMethodByName(method)
        kind = f"{'stream' if descriptor.client_streaming else 'unary'}_{'stream' if descriptor.server_streaming else 'unary'}"
        return getattr(self._channel, kind)(
            f"/{service}/{method}",
            request_serializer=GetMessageClass(descriptor.input_type).SerializeToString,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )


def main(address: str, face: Path, locale: str, out: Path) -> int:
    target = address.removeprefix("tcp://")
    with grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)]) as channel:
        server = Reflected(channel)
        package = "locutor.gateway.v1"

        def upload_requests() -> Iterator[Any]:
            request = server.message(f"{package}.UploadMediaRequest")
            config = server.message(f"{package}.UploadMediaConfig")
            kinds = {".png": "image/png", ".webp": "image/webp"}
            yield request(config=config(file_name=face.name, content_type=kinds.get(face.suffix.lower(), "image/jpeg")))
            data = face.read_bytes()
            for begin in range(0, len(data), 256 * 1024):
                yield request(data=data[begin : begin + 256 * 1024])

        uploaded = server.call(f"{package}.MediaService", "UploadMedia")(upload_requests()).media
        print(f"uploaded {uploaded.uri}")

        spec = server.message(f"{package}.PresentSpec")()
        spec.script.text = SCRIPT
        spec.script.locale = "en-US"
        spec.face_uri = uploaded.uri
        spec.targets.add(locale=locale)
        spec.consent.stated_by = "examples/reflection_client.py"
        spec.consent.statement = "the sender may use this face for a demonstration"
        job = server.call(f"{package}.JobService", "CreateJob")(server.message(f"{package}.CreateJobRequest")(present=spec)).job
        print(f"job {job.id}")

        for update in server.call(f"{package}.JobService", "WatchJob")(server.message(f"{package}.WatchJobRequest")(id=job.id)):
            job = update.job
            print(f"\r{job.progress:4.0%}", end="", flush=True)
        print()

        video = server.value(f"{package}.OutputKind", "OUTPUT_KIND_VIDEO")
        request = server.message(f"{package}.DownloadMediaRequest")
        out.mkdir(parents=True, exist_ok=True)
        for result in job.results:
            if result.HasField("error"):
                print(f"{result.locale}: {result.error.message}", file=sys.stderr)
            for output in result.outputs:
                if output.kind == video:
                    path = out / f"reflected.{result.locale}.mp4"
                    with path.open("wb") as file:
                        for message in server.call(f"{package}.MediaService", "DownloadMedia")(request(uri=output.media.uri)):
                            file.write(message.data)
                    print(path)
        return 0 if job.state == server.value(f"{package}.State", "STATE_SUCCEEDED") else 1


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
    except grpc.RpcError as error:
        sys.exit(f"error: {error.code().name}: {error.details()}")  # type: ignore[attr-defined]
