"""`python -m services.serving.healthcheck ADDRESS`: exit status 0 where the server says SERVING. For containers.

It runs beside the server with the server's own environment: where that sets LOCUTOR_TLS_CERTIFICATE it calls over TLS, trusts that very
certificate, and expects the name that is in it. Where it sets LOCUTOR_TLS_CLIENT_CA too, it shows the server's certificate as its own.
"""

from __future__ import annotations

import socket
import ssl
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.channel import TlsFiles
from locutor.errors import LocutorError, Unavailable
from services.serving.settings import ServingSettings

_PATIENCE_S = 5.0


def main() -> int:
    try:
        address = Address.parse(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:50051")
        with _channel(address, ServingSettings.from_arguments("healthcheck", "tcp://127.0.0.1:0", [])) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_PATIENCE_S)
    except grpc.RpcError as error:
        print(f"no answer: {error.details()}", file=sys.stderr)  # type: ignore[attr-defined]
        return 1
    except LocutorError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _channel(address: Address, settings: ServingSettings) -> grpc.Channel:
    if settings.tls_certificate is None:
        return grpc.insecure_channel(address.target, options=CHANNEL_OPTIONS)
    own = (settings.tls_certificate, settings.tls_key) if settings.tls_client_ca else (None, None)
    credentials = TlsFiles(settings.tls_certificate, *own).credentials()
    # The certificate is for the name that clients call, and not for the loopback.
    return grpc.secure_channel(address.target, credentials, options=(*CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", _name(address, settings))))


def _name(address: Address, settings: ServingSettings) -> str:
    """A name that the server's certificate is for. Raises `Unavailable` where the server shows none, or not the certificate that is set."""
    host, _, port = address.target.rpartition(":")
    try:
        context = ssl.create_default_context(cafile=settings.tls_certificate)
        context.check_hostname = False
        # The certificate itself is trusted, whoever signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # gRPC ends connections that do not speak HTTP/2.
        context.set_alpn_protocols(["h2"])
        if settings.tls_client_ca is not None and settings.tls_certificate is not None:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S) as connection, context.wrap_socket(connection) as shown:
            certificate = shown.getpeercert() or {}
    except OSError as error:
        raise Unavailable(f"no answer: {error}") from error
    names = [str(entry[1]) for entry in certificate.get("subjectAltName", ())]
    if not names:
        raise Unavailable(f"{settings.tls_certificate} is for no name: it has no subjectAltName")
    return names[0].replace("*", "health", 1)


if __name__ == "__main__":
    sys.exit(main())
