from __future__ import annotations

import io
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from gateway.provenance import DIGITAL_SOURCE_TYPE, ConsentRecord, EngineUse, ProvenanceClaim, read_manifest, sign_video
from gateway.signing_key import CERTIFICATES_SETTING, KEY_SETTING, SigningKey
from locutor.errors import InternalError, InvalidInput, NotFound
from media.mux import mux_program
from media.probe import probe
from tests.media.pieces import encode_piece


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tone = (0.1 * np.sin(np.arange(96_000) / 20)).astype(np.float32)
    return mux_program(tmp_path_factory.mktemp("video") / "v.mp4", [encode_piece(50)], tone, frame_rate=Fraction(25), language="es", title="Hola").path


@pytest.fixture(scope="module")
def claim() -> ProvenanceClaim:
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(picture, "PNG")
    return ProvenanceClaim(
        title="Hola — «mundo»",
        locale="es",
        engines=(EngineUse("speak", "kokoro", "1", "kokoro-v1.0-int8", {"kokoro.onnx": "6e" * 32}), EngineUse("animate", "warp", "2")),
        script_sha256="ab" * 32,
        face=picture.getvalue(),
        face_media_type="image/png",
        consent=ConsentRecord("Ada Byron", "I am the person shown", datetime(2025, 3, 4, 5, 6, tzinfo=UTC)),
        made_at=datetime(2025, 3, 5, 12, 0, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.for_development(tmp_path_factory.mktemp("key"))


@pytest.fixture
def signed(video: Path, claim: ProvenanceClaim, key: SigningKey, tmp_path: Path) -> Path:
    sign_video(video, tmp_path / "signed.mp4", claim, key)
    return tmp_path / "signed.mp4"


def test_the_manifest_says_what_the_video_is(signed: Path, claim: ProvenanceClaim, video: Path, key: SigningKey, tmp_path: Path) -> None:
    found = read_manifest(signed)
    assert (found.validation_state, found.failures, found.is_intact) == ("Valid", ("signingCredential.untrusted",), True)
    assert found.manifest["title"] == claim.title
    (created,) = found.assertion("c2pa.actions.v2")["actions"]
    assert (created["action"], created["digitalSourceType"], created["when"]) == ("c2pa.created", DIGITAL_SOURCE_TYPE, "2025-03-05T12:00:00Z")
    production = found.assertion("locutor.production")
    assert (production["locale"], production["script_sha256"]) == ("es", "ab" * 32)
    assert [engine["engine"] for engine in production["engines"]] == ["kokoro", "warp"]
    assert production["engines"][0]["weights_sha256"] == {"kokoro.onnx": "6e" * 32}
    assert found.assertion("locutor.consent") == {"stated_by": "Ada Byron", "statement": "I am the person shown", "stated_at": "2025-03-04T05:06:00Z"}
    (portrait,) = found.manifest["ingredients"]
    assert (portrait["relationship"], portrait["format"]) == ("inputTo", "image/png")
    assert "not for production" in found.manifest["signature_info"]["issuer"]
    done = sign_video(video, tmp_path / "again.mp4", claim, key)
    assert done.manifest == read_manifest(tmp_path / "again.mp4").manifest["label"] and done.is_development


def test_no_consent_no_statement_of_it(video: Path, claim: ProvenanceClaim, key: SigningKey, tmp_path: Path) -> None:
    sign_video(video, tmp_path / "out.mp4", replace(claim, consent=None), key)
    with pytest.raises(NotFound, match=r"locutor\.consent"):
        read_manifest(tmp_path / "out.mp4").assertion("locutor.consent")


def test_signing_leaves_picture_sound_and_fast_start(signed: Path, video: Path) -> None:
    def decoded(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [frame.to_ndarray().tobytes() for frame in container.decode(video=0, audio=0)]

    assert decoded(signed) == decoded(video)
    before, after = probe(video), probe(signed)
    assert replace(after, size_bytes=before.size_bytes) == before
    assert after.size_bytes - before.size_bytes < 32_768
    data = signed.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("place", ["picture or sound", "header"])
def test_a_changed_byte_is_seen(signed: Path, place: str) -> None:
    data = bytearray(signed.read_bytes())
    data[data.index(b"mdat") + 1000 if place == "picture or sound" else data.index(b"mvhd") + 20] ^= 1
    signed.write_bytes(data)
    found = read_manifest(signed)
    assert not found.is_intact and found.validation_state == "Invalid"
    assert "assertion.bmffHash.mismatch" in found.failures


def test_a_changed_statement_is_seen(signed: Path) -> None:
    data = signed.read_bytes()
    signed.write_bytes(data.replace(b"Ada Byron", b"Ada Lovel"))
    assert not read_manifest(signed).is_intact


def test_a_video_without_a_manifest(video: Path) -> None:
    with pytest.raises(NotFound, match=r"v\.mp4"):
        read_manifest(video)


def test_what_cannot_be_signed_leaves_nothing(claim: ProvenanceClaim, key: SigningKey, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(InternalError, match="could not be signed"):
        sign_video(tmp_path / "in.mp4", tmp_path / "out.mp4", claim, key)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_no_authority_was_asked_for_a_time_stamp(signed: Path) -> None:
    """What it would answer stands in the signature; there is none, so signing needs no network."""
    assert "time" not in read_manifest(signed).manifest["signature_info"]
    assert b"sigTst" not in signed.read_bytes()


def test_the_development_key_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    first, again = SigningKey.for_development(tmp_path / "data"), SigningKey.for_development(tmp_path / "data")
    assert first == again and first.is_development and first.algorithm == "es256"
    (file,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(first)
    leaf, authority = x509.load_pem_x509_certificates(first.certificates_pem)
    leaf.verify_directly_issued_by(authority)
    for certificate in (leaf, authority):
        assert "not for production" in certificate.subject.rfc4514_string()
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]


def test_the_environment_names_the_key(tmp_path: Path) -> None:
    assert SigningKey.from_environment({"LOCUTOR_DATA": str(tmp_path)}) == SigningKey.for_development(tmp_path)
    with pytest.raises(InvalidInput, match=f"{KEY_SETTING}: is not set"):
        SigningKey.from_environment({CERTIFICATES_SETTING: str(tmp_path / "c.pem")})
    with pytest.raises(InvalidInput, match=f"{CERTIFICATES_SETTING}: .* cannot be read"):
        SigningKey.from_environment({CERTIFICATES_SETTING: str(tmp_path / "c.pem"), KEY_SETTING: str(tmp_path / "k.pem")})


def _operator_files(folder: Path, valid_days: int = 30, password: bytes | None = None, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """A certificate of an operator's own authority, as a company would hand it out."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(curve or ec.SECP256R1())
    now = datetime.now(UTC)

    def build(name: str, issuer: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        start = now - timedelta(days=60)
        subject, by = (x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)]) for text in (name, issuer))
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(now + timedelta(days=valid_days))
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False)

    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    authority = build("Example Authority", "Example Authority", authority_key.public_key())
    authority = authority.add_extension(x509.BasicConstraints(True, None), True).sign(authority_key, hashes.SHA256())
    leaf = build("Example Studios", "Example Authority", key.public_key()).add_extension(x509.BasicConstraints(False, None), True)
    leaf = leaf.add_extension(usage, True).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    chain = leaf.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + authority.public_bytes(serialization.Encoding.PEM)
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption)
    paths = folder / "chain.pem", folder / "key.pem"
    for path, content in zip(paths, (chain, pem), strict=True):
        path.write_bytes(content)
    return paths


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda curve: curve.name)
def test_the_operators_key_signs(video: Path, claim: ProvenanceClaim, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    chain, private = _operator_files(tmp_path, curve=curve)
    key = SigningKey.from_environment({CERTIFICATES_SETTING: str(chain), KEY_SETTING: str(private)})
    done = sign_video(video, tmp_path / "out.mp4", claim, key)
    assert (done.signer, done.is_development) == ("Example Studios", False)
    found = read_manifest(tmp_path / "out.mp4")
    assert found.is_intact and found.manifest["signature_info"]["issuer"] == "Example Studios"


def _expired(folder: Path) -> tuple[Path, Path]:
    return _operator_files(folder, valid_days=-1)


def _encrypted(folder: Path) -> tuple[Path, Path]:
    return _operator_files(folder, password=b"secret")


def _strange_key(folder: Path) -> tuple[Path, Path]:
    chain, _ = _operator_files(folder)
    (folder / "other").mkdir()
    return chain, _operator_files(folder / "other")[1]


def _no_certificate(folder: Path) -> tuple[Path, Path]:
    chain, private = _operator_files(folder)
    chain.write_text("hello")
    return chain, private


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_expired, f"{CERTIFICATES_SETTING}: the signer's certificate is valid from .* not today"),
        (_encrypted, f"{KEY_SETTING}: is encrypted"),
        (_strange_key, f"{KEY_SETTING}: does not belong"),
        (_no_certificate, f"{CERTIFICATES_SETTING}: holds no PEM certificates"),
    ],
)
def test_an_operators_mistake_is_named(tmp_path: Path, make: Callable[[Path], tuple[Path, Path]], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        SigningKey.from_files(*make(tmp_path))
