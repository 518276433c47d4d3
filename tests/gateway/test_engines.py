"""Which engine does what: by name for a job, by name for a locale, else the default; and what may not be used commercially."""

from __future__ import annotations

import json

import pytest

from gateway.models import chosen_model, default_model
from locutor.common.v1 import model_pb2
from locutor.errors import InvalidInput, Unavailable
from locutor.gateway.v1 import catalog_pb2, dub_pb2, engines_pb2, job_pb2
from locutor.tts.v1 import tts_pb2
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes
from tests.gateway.test_dub_jobs import CONSENT, film

Engines = engines_pb2.Engines


def other(engine: str, *, name: str = "", commercial: bool = True, installed: bool = True, locales: tuple[str, ...] = ()) -> model_pb2.Model:
    remedy = "" if installed else f"pip install locutor[{engine}]"
    return model_pb2.Model(
        engine=engine, engine_version="7", name=name, installed=installed, remedy=remedy, license="CC-BY-NC-4.0", commercial_use=commercial, locales=locales
    )


async def speakers(client: Client, job: job_pb2.Job, result: int = 0) -> list[str]:
    """Names of the weights that spoke, as the report of a locale tells them."""
    uri = next(output.media.uri for output in job.results[result].outputs if output.kind == job_pb2.OUTPUT_KIND_REPORT)
    return [engine["name"] for engine in json.loads(await client.download(uri))["engines"] if engine["stage"] == "speak"]


@pytest.fixture(autouse=True)
def engines(fakes: Fakes) -> None:
    """Beside the default engines one that may not be used commercially, and one that is not installed."""
    fakes.lipsync.more_models = [other("research", commercial=False), other("absent", installed=False)]
    fakes.tts.more_models = [other("whisperer", commercial=False)]
    fakes.tts.more_voices = [tts_pb2.Voice(id="w_en", locale="en-US", engine="whisperer", quality=tts_pb2.QUALITY_NEURAL)]


async def violations(client: Client, spec: job_pb2.PresentSpec) -> list[tuple[str, str, str]]:
    error = await client.refused(client.create(spec))
    assert isinstance(error, InvalidInput), error
    return [(violation.field, violation.reason, violation.message) for violation in error.violations]


async def test_engines_by_name_for_the_job_and_for_a_locale(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.engines.lipsync = "grey"
    spec.targets[0].engines.lipsync = "research"
    spec.targets[0].engines.speech = "whisperer"
    job = await client.ended((await client.create(spec)).id)
    assert job.state == job_pb2.STATE_SUCCEEDED
    assert {(asked.locale, asked.engine, asked.voice) for asked in fakes.tts.asked} == {("en-US", "whisperer", "w_en"), ("pt-BR", "tone", "pt_a")}
    assert {(asked.locale, asked.engine) for asked in fakes.lipsync.asked} == {("en-US", "research"), ("pt-BR", "grey")}


async def test_engines_that_are_not_there(client: Client, spec: job_pb2.PresentSpec) -> None:
    spec.engines.lipsync = "absent"
    spec.engines.recognition = "ear"
    spec.targets[1].engines.translation = "nobody"
    spec.targets[0].engines.separation = "splitter"
    found = {field: (reason, message) for field, reason, message in await violations(client, spec)}
    assert found["present.engines.lipsync"][0] == "UNKNOWN_ENGINE"
    assert "pip install locutor[absent]" in found["present.engines.lipsync"][1]
    assert found["present.engines.recognition"][0] == "UNUSED"
    assert found["present.targets[1].engines.translation"][0] == "UNKNOWN_ENGINE" and "swap" in found["present.targets[1].engines.translation"][1]
    assert found["present.targets[0].engines.separation"][0] == "NOT_BY_LOCALE"


async def test_a_commercial_job_refuses_what_may_not_be_used_so(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.commercial_use = True
    spec.targets[0].engines.lipsync = "research"
    spec.targets[0].voice = "w_en"
    found = await violations(client, spec)
    assert ("present.targets[0].engines.lipsync", "NON_COMMERCIAL_WEIGHTS") in {(field, reason) for field, reason, _ in found}
    assert ("present.targets[0].voice", "NON_COMMERCIAL_WEIGHTS") in {(field, reason) for field, reason, _ in found}
    message = next(message for field, _, message in found if field.endswith("lipsync"))
    assert "CC-BY-NC-4.0" in message and "choose grey" in message
    assert not fakes.tts.asked


async def test_a_dub_by_engines_of_its_own(client: Client, fakes: Fakes) -> None:
    fakes.asr.more_models = [other("listener")]
    fakes.translate.more_models = [other("poet", locales=("en>pt-BR",))]
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    target = dub_pb2.DubTarget(locale="pt-BR", engines=Engines(translation="poet"))
    spec = job_pb2.DubSpec(video_uri=uri, targets=[target], omit_lipsync=True, consent=CONSENT, engines=Engines(recognition="listener"))
    job = (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job
    job = await client.ended(job.id)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    assert {asked.engine for asked in fakes.translate.asked} == {"poet"}
    spec.engines.lipsync = "absent"
    error = await client.refused(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))
    assert isinstance(error, InvalidInput) and [violation.field for violation in error.violations] == ["dub.engines.lipsync"]


async def test_the_catalog_tells_what_each_engine_does(client: Client) -> None:
    catalog = await client.call(client.catalog.GetCatalog(catalog_pb2.GetCatalogRequest()))
    assert {(entry.role, entry.model.engine) for entry in catalog.engines} >= {("speech", "tone"), ("lipsync", "research"), ("recognition", "ear")}


async def test_only_the_weights_of_the_voice_speak(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    """One more voice of the same engine has nothing spoken anew, and its licence is none of this job's."""
    fakes.tts.more_models = [other("whisperer", name="mine")]
    fakes.tts.more_voices[0].model = "mine"
    spec.targets[0].voice = "w_en"
    first = await client.ended((await client.create(spec)).id)
    said = len(fakes.tts.asked)
    assert said and await speakers(client, first) == ["mine"] and await speakers(client, first, 1) == ["tone-weights"]
    fakes.tts.more_models = [other("whisperer", name="research", commercial=False), other("whisperer", name="mine")]
    spec.script.text = spec.script.text.replace("pause 1s", "pause 2s")
    second = await client.ended((await client.create(spec)).id)
    assert second.id != first.id and await speakers(client, second) == ["mine"]
    assert len(fakes.tts.asked) == said


async def test_a_voice_that_names_no_weights_is_of_all_of_its_engine(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fakes.tts.more_models = [other("whisperer", name="one"), other("whisperer", name="two")]
    spec.targets[0].voice = "w_en"
    assert await speakers(client, await client.ended((await client.create(spec)).id)) == ["one", "two"]


async def test_a_dub_names_the_weights_of_its_voices(client: Client, fakes: Fakes) -> None:
    fakes.tts.more_models = [other("whisperer", name="research", commercial=False), other("whisperer", name="mine")]
    voice = tts_pb2.Voice(id="w_pt", locale="pt-BR", engine="whisperer", quality=tts_pb2.QUALITY_NEURAL, model="mine", commercial_use=True)
    fakes.tts.more_voices = [voice]
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    target = dub_pb2.DubTarget(locale="pt-BR", engines=Engines(speech="whisperer"))
    spec = job_pb2.DubSpec(video_uri=uri, targets=[target], omit_lipsync=True, consent=CONSENT, commercial_use=True)
    job = await client.ended((await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job.id)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    assert await speakers(client, job) == ["mine"]


@pytest.mark.parametrize(("locales", "refused"), [(("en>fr",), False), (("en>pt-BR",), True)])
async def test_a_commercial_job_is_judged_by_the_pairs_that_it_translates(
    client: Client, fakes: Fakes, spec: job_pb2.PresentSpec, locales: tuple[str, ...], refused: bool
) -> None:
    research = other("swap", name="research", commercial=False, locales=locales)
    research.is_default = True
    fakes.translate.more_models = [research]
    spec.commercial_use = True
    if refused:
        assert [(field, reason) for field, reason, _ in await violations(client, spec)] == [("present.engines.translation", "NON_COMMERCIAL_WEIGHTS")]
    else:
        job = await client.ended((await client.create(spec)).id)
        assert job.state == job_pb2.STATE_SUCCEEDED, job


@pytest.mark.parametrize("source", ["en", ""])
async def test_a_commercial_dub_is_refused_a_pair_that_may_not_be_sold_also_where_the_speech_tells_it(client: Client, fakes: Fakes, source: str) -> None:
    research = other("swap", name="research", commercial=False, locales=("en>pt-BR",))
    research.is_default = True
    fakes.translate.more_models = [research]
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    targets = [dub_pb2.DubTarget(locale="pt-BR")]
    spec = job_pb2.DubSpec(video_uri=uri, source_locale=source, targets=targets, omit_lipsync=True, consent=CONSENT, commercial_use=True)
    request = client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec))
    if source:
        error = await client.refused(request)
        assert isinstance(error, InvalidInput) and error.reason == "NON_COMMERCIAL_WEIGHTS", error
        return
    job = await client.ended((await client.call(request)).job.id)
    assert job.state == job_pb2.STATE_FAILED and "may not be used commercially" in str(job.results[0].error), job
    assert not fakes.translate.calls["Translate"]


async def test_weights_beside_the_chosen_ones_bar_no_commercial_job(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    beside = other("grey", name="research", commercial=False)
    beside.is_default = True
    fakes.lipsync.more_models = [beside]
    spec.commercial_use = True
    job = await client.ended((await client.create(spec)).id)
    assert job.state == job_pb2.STATE_SUCCEEDED, job


def test_the_chosen_weights_are_told_before_they_are_fetched() -> None:
    base, tiny = other("ear", name="base", installed=False), other("ear", name="tiny")
    for model in (base, tiny):
        model.is_default = True
    with pytest.raises(Unavailable, match="pip install"):
        default_model([base, tiny], "asr")
    assert chosen_model([base, tiny], "ear") is None, "what is not there, and cannot be fetched, is not replaced by another"
    base.weights.add(name="model.bin", sha256="ab" * 32)
    assert default_model([base, tiny], "asr").name == "base"
    found = chosen_model([base, tiny], "ear")
    assert found is not None and found.name == "base"
