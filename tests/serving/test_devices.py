"""Where networks run: what is set, what is there, and what is said where both differ."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from locutor.errors import InvalidInput, Unavailable
from services import devices
from services.devices import COMPUTE_TYPES, Device, compute_type, ctranslate2_device, onnx_session


def negation() -> bytes:
    """A network that turns a sign."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negation", [value[0]], [value[1]])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_onnx_gpus", "_torch_gpus", "_ctranslate2_gpus"):
        monkeypatch.setattr(devices, name, lambda: 0)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_onnx_gpus", "_torch_gpus", "_ctranslate2_gpus"):
        monkeypatch.setattr(devices, name, lambda: 2)


def test_the_network_runs_where_it_can_and_one_line_says_where(no_gpu: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "services.devices")
    for _ in range(2):
        session = onnx_session(negation(), ort.SessionOptions(), "negation")
        assert session.get_providers() == ["CPUExecutionProvider"]
        assert session.run(None, {"x": np.ones(1, np.float32)})[0] == -1
    assert [record.message for record in caplog.records] == ["negation runs on cpu (ONNX Runtime, LOCUTOR_DEVICE=auto)"]


def test_the_libraries_find_no_more_gpus_than_there_are() -> None:
    there = len(list(Path("/dev").glob("nvidia[0-9]*")))
    assert devices._onnx_gpus() <= there and devices._ctranslate2_gpus() <= there


@pytest.mark.parametrize(("setting", "index"), [("auto", 0), ("cuda", 0), ("CUDA:1", 1)])
def test_a_gpu_is_taken(two_gpus: None, monkeypatch: pytest.MonkeyPatch, setting: str, index: int) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", setting)
    assert ctranslate2_device("test") == Device("cuda", index)
    assert str(ctranslate2_device("test")) == f"cuda:{index}"


def test_the_cpu_is_taken_where_it_is_asked_for(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cpu")
    assert ctranslate2_device("test") == Device("cpu")


@pytest.mark.parametrize(
    ("choose", "missing"), [(ctranslate2_device, "NVIDIA's driver"), (lambda engine: onnx_session(negation(), None, engine), "onnxruntime-gpu")]
)
def test_cuda_that_is_asked_for_and_not_there_is_an_error_that_says_what_is_missing(no_gpu: None, monkeypatch: pytest.MonkeyPatch, choose, missing) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LOCUTOR_DEVICE", "cuda")
    with pytest.raises(Unavailable, match=missing) as caught:
        choose("test")
    assert caught.value.reason == "NO_CUDA"


def test_a_gpu_with_too_high_a_number_is_refused(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", "cuda:2")
    with pytest.raises(Unavailable, match=r"cuda:2 .* finds 2"):
        ctranslate2_device("test")


@pytest.mark.parametrize("setting", ["gpu", "cuda:", "cpu:1", "cuda:x"])
def test_other_settings_are_refused(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("LOCUTOR_DEVICE", setting)
    with pytest.raises(InvalidInput, match="give auto, cpu, cuda or cuda:N"):
        ctranslate2_device("test")


def test_compute_types(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = Device("cpu"), Device("cuda", 1)
    assert (compute_type(cpu, "test", COMPUTE_TYPES), compute_type(cuda, "test", COMPUTE_TYPES)) == ("int8", "float16")
    assert compute_type(cpu, "test", ["float32"]) == compute_type(cuda, "test", {"float32", "int8"}) == "float32"
    monkeypatch.setenv("LOCUTOR_COMPUTE_TYPE", "float32")
    assert compute_type(cpu, "test", COMPUTE_TYPES) == "float32"
    monkeypatch.setenv("LOCUTOR_COMPUTE_TYPE", "int3")
    with pytest.raises(InvalidInput, match="int8_float16"):
        compute_type(cpu, "test", COMPUTE_TYPES)
    monkeypatch.setenv("LOCUTOR_COMPUTE_TYPE", "int8")
    with pytest.raises(InvalidInput, match="found 'int8', which PyTorch does not compute with on cuda:1; give auto, float16, float32"):
        compute_type(cuda, "PyTorch", ("float32", "float16"))
