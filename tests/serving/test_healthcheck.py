"""The health check of the containers, as a process beside a server that is set up by the same environment."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.serving import GrpcServer, ServingSettings
from tests.serving.test_server import Echo

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(folder: Path, name: str, signer: Pair | None = None) -> Pair:
    """A certificate for `name`, written as NAME.pem with NAME.key beside it; without a signer it signs itself, as an authority does."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(private)
    return made, key


async def check(address: str, **settings: Path) -> tuple[int, str]:
    """Exit status and what was said, with LOCUTOR_<NAME> in the environment for each of `settings`."""
    environment = {**os.environ, **{f"LOCUTOR_{name.upper()}": str(value) for name, value in settings.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.serving.healthcheck", address, stderr=asyncio.subprocess.PIPE, env=environment
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()


def files(folder: Path, name: str) -> dict[str, Path]:
    return {"tls_certificate": folder / f"{name}.pem", "tls_key": folder / f"{name}.key"}


async def test_plain() -> None:
    server = GrpcServer([Echo()], ServingSettings())
    await server.start()
    try:
        assert (await check(server.address))[0] == 1, "it is not loaded yet"
        await server.load()
        assert (await check(server.address)) == (0, "")
    finally:
        await server.stop(0)
    status, said = await check(server.address)
    assert status == 1 and "no answer" in said


@pytest.mark.parametrize("name", ["tts.example.org", "*.example.org"])
@pytest.mark.parametrize("signed", [False, True], ids=["signs itself", "signed"])
@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mtls"])
async def test_tls_of_the_same_environment(name: str, signed: bool, mutual: bool, tmp_path: Path) -> None:
    authority = certificate(tmp_path, "authority")
    certificate(tmp_path, name, authority if signed else None)
    tls = files(tmp_path, name)
    if mutual:
        tls["tls_client_ca"] = tmp_path / ("authority.pem" if signed else f"{name}.pem")
    server = GrpcServer([Echo()], ServingSettings(**tls))
    await server.start()
    try:
        assert (await check(server.address, **tls))[0] == 1, "it is not loaded yet"
        await server.load()
        assert await check(server.address, **tls) == (0, "")
    finally:
        await server.stop(0)


async def test_another_certificate_than_the_one_set_is_not_trusted(tmp_path: Path) -> None:
    for name in ("here.example.org", "there.example.org"):
        certificate(tmp_path, name)
    server = GrpcServer([Echo()], ServingSettings(**files(tmp_path, "there.example.org")))
    await server.start()
    await server.load()
    try:
        status, said = await check(server.address, **files(tmp_path, "here.example.org"))
        assert status == 1 and "certificate verify failed" in said
        status, said = await check(server.address, tls_certificate=tmp_path / "no.pem", tls_key=tmp_path / "no.key")
        assert status == 1 and "no.pem" in said
    finally:
        await server.stop(0)
