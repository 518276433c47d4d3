"""The manifest: complete, and refused where it is malformed. Archives: members by name only."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from locutor.errors import InvalidInput
from services.weights.archive import ArchiveReader, BadArchive
from services.weights.manifest import load_manifest, read_manifest
from tests.weights.conftest import manifest_of, tgz_of, zip_of


def test_the_built_in_manifest_is_complete() -> None:
    artifacts = load_manifest()
    assert set(artifacts) == {
        "whisper-base",
        "whisper-tiny-en",
        "kokoro-v1.0-int8",
        "kokoro-voices-v1.0",
        "bergamot-en-pt",
        "bergamot-pt-en",
        "mediapipe-face-landmarker",
        "face-recognition-resnet",
        "mediapipe-selfie-segmentation",
        "piper-en-us-joe",
        "dnsmos-p835",
        "resemblyzer",
    }
    for artifact in artifacts.values():
        assert artifact.license and artifact.upstream and artifact.size_bytes > 0
        assert all(file.parts for file in artifact.files)
    assert len(artifacts["kokoro-voices-v1.0"].files) == 54
    assert not artifacts["piper-en-us-joe"].commercial_use


def test_the_digest_depends_on_every_file(toy: Path) -> None:
    text = (toy.parent / "extra.toml").read_text()
    other = toy.parent / "other.toml"
    other.write_text(text.replace(hashlib.sha256(b'{"sample_rate": 24000}').hexdigest(), "0" * 64))
    assert load_manifest()["toy-voice"].digest != read_manifest(other)["toy-voice"].digest


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("voice.onnx", "../voice.onnx"), "plain file name"),
        (("voice.onnx", "/etc/passwd"), "plain file name"),
        (('"toy-voice"', '"../toy"'), "plain file name"),
        (("toy-1:toy/part1", "toy-9:toy/part1"), "toy-9:toy/part1"),
        (('"pypi"', '"ftp"'), "must be one of"),
        (("commercial_use = true", 'commercial_use = "perhaps"'), "commercial_use"),
        (("bytes = 1,", 'bytes = "1",'), "bytes must be"),
        (("[archives", "[[archives"), "not a TOML file"),
        (('"toy-voice"', '"whisper-base"'), "built in"),
    ],
)
def test_a_malformed_manifest_is_refused(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    data = zip_of({"toy/part1": b"x"})
    text = manifest_of({"toy-1": data}, {"voice.onnx": (["toy-1:toy/part1"], b"x")})
    path = tmp_path / "extra.toml"
    path.write_text(text)
    assert "toy-voice" in load_manifest(path)
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(InvalidInput, match=complaint):
        load_manifest(path)


def read(archive: Path, member: str) -> bytes:
    with ArchiveReader() as reader:
        return b"".join(reader.chunks(archive, member))


def test_members_are_read_from_zip_and_tar(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(zip_of({"x/y": b"zip"}))
    (tmp_path / "b").write_bytes(tgz_of({"x/y": b"tar"}))
    assert (read(tmp_path / "a", "x/y"), read(tmp_path / "b", "x/y")) == (b"zip", b"tar")


@pytest.mark.parametrize("member", ["../evil", "x/../../evil", "/etc/passwd", "..\\evil"])
def test_members_that_lead_out_are_refused(tmp_path: Path, member: str) -> None:
    (tmp_path / "a").write_bytes(zip_of({member: b"evil"}))
    (tmp_path / "b").write_bytes(tgz_of({member: b"evil"}))
    for name in "ab":
        with pytest.raises(BadArchive, match="leads out of the archive"):
            read(tmp_path / name, member)


def test_links_missing_members_and_non_archives_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(tgz_of({}, links={"model": "/etc/passwd"}))
    with pytest.raises(BadArchive, match="not a plain file"):
        read(tmp_path / "a", "model")
    with pytest.raises(BadArchive, match="no member 'other'"):
        read(tmp_path / "a", "other")
    (tmp_path / "b").write_bytes(b"neither zip nor tar")
    with pytest.raises(BadArchive, match="cannot be read"):
        read(tmp_path / "b", "model")
