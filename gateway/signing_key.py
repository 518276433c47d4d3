"""The key that signs provenance: the operator's, or one made here for development, which says so in its name."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from locutor.errors import InvalidInput

CERTIFICATES_SETTING = "LOCUTOR_SIGNING_CERTIFICATES"
KEY_SETTING = "LOCUTOR_SIGNING_KEY"
_DEVELOPMENT_FILE = "development-signing-key.pem"
_DEVELOPMENT_NAME = "Locutor development key, not for production"
_DEVELOPMENT_LIFE = timedelta(days=3650)
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class SigningKey:
    """A private key with its certificates, checked to belong together and to be valid now."""

    algorithm: str
    """As C2PA names it: "es256"."""
    certificates_pem: bytes
    """The signer's certificate first, then those that vouch for it."""
    private_key_pem: bytes = field(repr=False)
    """PKCS #8, not encrypted."""
    signer: str
    """Organisation in the signer's certificate, or its common name."""
    is_development: bool = False
    """Made on this machine: no one else has a reason to trust it."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> SigningKey:
        """The operator's key of LOCUTOR_SIGNING_CERTIFICATES and LOCUTOR_SIGNING_KEY (PEM files); without them the development key,
        kept in LOCUTOR_DATA or the user's data folder."""
        certificates, key = environment.get(CERTIFICATES_SETTING, ""), environment.get(KEY_SETTING, "")
        if not certificates and not key:
            data = environment.get("LOCUTOR_DATA") or platformdirs.user_data_dir("locutor", appauthor=False)
            return cls.for_development(Path(data).expanduser())
        for name, value in ((CERTIFICATES_SETTING, certificates), (KEY_SETTING, key)):
            if not value:
                raise InvalidInput.of(name, "is not set, but its counterpart is; set both or neither", "BAD_SETTING")
        return cls.from_files(Path(certificates).expanduser(), Path(key).expanduser())

    @classmethod
    def from_files(cls, certificates: Path, key: Path) -> SigningKey:
        """The operator's key. Raises InvalidInput that names the setting."""
        return _checked(_read(certificates, CERTIFICATES_SETTING), _read(key, KEY_SETTING), is_development=False)

    @classmethod
    def for_development(cls, folder: Path) -> SigningKey:
        """The development key kept in `folder` (made on first need, readable by its owner only)."""
        path = folder / _DEVELOPMENT_FILE
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _create(path, _make_development_pem())
        pem = path.read_bytes()
        return _checked(pem, pem, is_development=True)


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput.of(setting, f"{str(path)!r} cannot be read ({error.strerror}); name a PEM file", "BAD_SETTING") from error


def _checked(certificates_pem: bytes, key_pem: bytes, is_development: bool) -> SigningKey:
    try:
        certificates = x509.load_pem_x509_certificates(certificates_pem)
    except ValueError as error:
        raise InvalidInput.of(CERTIFICATES_SETTING, f"holds no PEM certificates ({error})", "BAD_SETTING") from error
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError as error:
        raise InvalidInput.of(KEY_SETTING, "is encrypted; give the key without a passphrase, readable by the server only", "BAD_SETTING") from error
    except ValueError as error:
        raise InvalidInput.of(KEY_SETTING, f"holds no PEM private key ({error})", "BAD_SETTING") from error
    leaf, now = certificates[0], datetime.now(UTC)
    if leaf.public_key() != key.public_key():
        raise InvalidInput.of(KEY_SETTING, "does not belong to the first certificate; put the signer's certificate first", "BAD_SETTING")
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        span = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise InvalidInput.of(CERTIFICATES_SETTING, f"the signer's certificate is valid from {span}, not today", "BAD_SETTING")
    return SigningKey(
        algorithm=_algorithm(key),
        certificates_pem=b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates),
        private_key_pem=_pkcs8(key),
        signer=_subject(leaf),
        is_development=is_development,
    )


def _algorithm(key: PrivateKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise InvalidInput.of(KEY_SETTING, "is of a kind that C2PA does not allow; give P-256, P-384, P-521, Ed25519 or RSA", "BAD_SETTING")


def _subject(certificate: x509.Certificate) -> str:
    for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = certificate.subject.get_attributes_for_oid(oid)
        if found:
            return str(found[0].value)
    return certificate.subject.rfc4514_string()


def _pkcs8(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _create(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read. Where another process made it in the meantime, that one stays."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        try:
            os.link(partial, path)
        except FileExistsError:
            return
    finally:
        partial.unlink()


def _make_development_pem() -> bytes:
    """A key, its certificate and that of the authority which issued it; the authority's own key is thrown away.

    The certificate's profile is that of the C2PA specification, "Digital Signatures".
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, name = _name("authority"), _name("signer")
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _certificate(name, authority_name, key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    return _pkcs8(key) + leaf.public_bytes(encoding) + authority.public_bytes(encoding)


def _name(role: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, _DEVELOPMENT_NAME), x509.NameAttribute(NameOID.COMMON_NAME, f"Locutor development {role}")])


def _certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        # Clocks of machines that share the folder may differ.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _DEVELOPMENT_LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        key_cert_sign=not sign,
        crl_sign=not sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
