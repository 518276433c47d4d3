"""Metrics as Prometheus reads them, from a service in a process of its own."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Mapping

import grpc.aio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from locutor.errors import InvalidInput, Unavailable
from locutor.translate.v1 import translate_pb2
from services.serving import ServingSettings
from services.serving.metrics import MetricsEndpoint
from tests.serving.test_logs import served, stub_of

CALL = {"grpc_type": "unary", "grpc_service": "locutor.translate.v1.TranslateService", "grpc_method": "Translate"}


def scrape(url: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in text_string_to_metric_families(text) for sample in family.samples}


def value(samples: Mapping[tuple[str, tuple[tuple[str, str], ...]], float], name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


async def test_calls_and_the_load_of_engines_are_told() -> None:
    async with served(LOCUTOR_METRICS="tcp://127.0.0.1:0") as (process, address), stub_of(address) as stub:
        url = next(line["message"].removeprefix("metrics on ") for line in process.lines if line["message"].startswith("metrics on "))
        for engine in ("", "", "refuse"):
            try:
                await stub.Translate(translate_pb2.TranslateRequest(engine=engine, texts=["x"]))
            except grpc.aio.AioRpcError as error:
                assert engine == "refuse" and error.code() is grpc.StatusCode.INVALID_ARGUMENT
        told = await asyncio.to_thread(scrape, url)
    assert value(told, "grpc_server_started_total", **CALL) == 3
    assert value(told, "grpc_server_handled_total", **CALL, grpc_code="OK") == 2
    assert value(told, "grpc_server_handled_total", **CALL, grpc_code="INVALID_ARGUMENT") == 1
    assert value(told, "grpc_server_handling_seconds_count", **CALL) == 3
    assert 0 < value(told, "grpc_server_handling_seconds_sum", **CALL) < 10
    assert value(told, "locutor_engine_pool_workers", pool="worker") == 1
    assert value(told, "locutor_engine_pool_calls", pool="worker", state="working") == 0
    assert value(told, "locutor_engine_pool_wait_seconds_count", pool="worker") == 3
    assert next(labels for (name, labels) in told if name == "locutor_build_info")[0] == ("service", "translate")
    assert value(told, "process_resident_memory_bytes") > 0


async def test_a_process_without_the_setting_listens_for_nobody_else() -> None:
    async with served() as (process, _):
        assert not [line for line in process.lines if "metrics" in line["message"]]


@pytest.mark.parametrize(("listen", "reason"), [("tcp://0.0.0.0:9464", "PLAINTEXT_REFUSED"), ("unix:/tmp/m.sock", "BAD_ADDRESS"), ("nonsense", "BAD_ADDRESS")])
def test_an_endpoint_that_others_reach_or_that_is_none_is_refused(listen: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ServingSettings(metrics=listen)
    assert caught.value.reason == reason


def test_a_network_that_is_trusted_may_read_them() -> None:
    assert ServingSettings(metrics="tcp://0.0.0.0:9464", trust_network=True).metrics


def test_a_port_that_is_taken_is_told() -> None:
    first = MetricsEndpoint("tcp://127.0.0.1:0", "x")
    try:
        port = first.url.rsplit(":", 1)[1].split("/")[0]
        with pytest.raises(Unavailable, match="metrics") as caught:
            MetricsEndpoint(f"tcp://127.0.0.1:{port}", "x")
        assert caught.value.reason == "ADDRESS_IN_USE"
    finally:
        first.close()
