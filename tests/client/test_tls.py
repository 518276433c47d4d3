"""The client against a server with TLS that wants a certificate of its callers (mTLS)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from locutor import LocutorClient, TlsFiles
from locutor.errors import InvalidInput, ServiceLost
from locutor.gateway.v1 import media_pb2_grpc
from tests.client.test_client import Gateway


def certificate(
    folder: Path, name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for 127.0.0.1, written as NAME.pem with NAME.key beside it; without a signer an authority of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    )
    made = builder.sign(signer[1] if signer else key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(private)
    return made, key


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    authority = certificate(tmp_path, "authority", None)
    certificate(tmp_path, "server", authority)
    certificate(tmp_path, "client", authority)
    servicer = Gateway()
    servicer.token = "secret"
    server = grpc.server(ThreadPoolExecutor(2))
    media_pb2_grpc.add_MediaServiceServicer_to_server(servicer, server)
    pair = ((tmp_path / "server.key").read_bytes(), (tmp_path / "server.pem").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (tmp_path / "authority.pem").read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield f"tcp://127.0.0.1:{port}"
    server.stop(None).wait()


def test_certificate_and_token_let_in(address: str, tmp_path: Path) -> None:
    tls = TlsFiles(tmp_path / "authority.pem", tmp_path / "client.pem", tmp_path / "client.key")
    with LocutorClient(address, "secret", tls=tls) as client:
        assert client.upload(b"x").startswith("media/")


def test_server_of_another_authority_is_not_trusted(address: str, tmp_path: Path) -> None:
    certificate(tmp_path, "stranger", None)
    with (
        LocutorClient(address, "secret", tls=TlsFiles(tmp_path / "stranger.pem")) as client,
        pytest.raises(ServiceLost, match=f"the gateway at {address} does not answer"),
    ):
        client.upload(b"x")


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"missing\.pem cannot be read"):
        LocutorClient("tcp://127.0.0.1:1", tls=TlsFiles(tmp_path / "missing.pem"))
