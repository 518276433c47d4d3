"""A dub job from its spec to its results: the video is heard once, then the locales side by side, each with its own fate."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from gateway.artifacts import Blob
from gateway.dub.assemble import OUTPUTS
from gateway.dub.cast_file import cast_file
from gateway.dub.edit_file import edit_file
from gateway.dub.footage import Footage, Piece, cut_pieces, obstacle
from gateway.dub.hear import Hearing, Scene, with_changes
from gateway.dub.locale import DubLocaleRun, DubParts, DubWork
from gateway.dub.plan import DubLocale, make_dub_plan
from gateway.dub.report import make_dub_report
from gateway.dub.separate import Separated, separate
from gateway.dub.source import Source, read_source
from gateway.failures import job_error
from gateway.finished import FinishedLocales
from gateway.media_table import MediaTable
from gateway.mended import mended
from gateway.models import ModelUse
from gateway.offer import Offer, read_offer
from gateway.progress import JobTracker
from gateway.replicas import Gate
from gateway.review import with_edits
from gateway.services import PATIENCE_S, Services
from gateway.settings import GatewaySettings
from gateway.signed import Signer
from gateway.signing_key import SigningKey
from gateway.workflow import Workflow, children
from locutor.errors import InvalidInput, LocutorError
from locutor.gateway.v1 import dub_pb2, job_pb2, media_pb2

log = logging.getLogger("locutor.gateway")

_SHORT_S = 1.0
"""A sound that ends this much before the picture was cut off."""


class DubPipeline:
    """Runs dub jobs."""

    def __init__(self, settings: GatewaySettings, services: Services, table: MediaTable, signing_key: SigningKey) -> None:
        self._settings = settings
        self._services = services
        self._table = table
        self._signing_key = signing_key

    async def run(self, flow: Workflow, tracker: JobTracker, planned_for: str | None = None) -> None:
        """Make every locale's outputs and write them, or the locale's error, into its result.

        `planned_for`: the tenant for whom the job is only planned: nothing is handed out, and of it nothing kept.
        Raises `LocutorError` for what stops the job as a whole.
        """
        spec, services = tracker.job.dub, self._services
        offer = await read_offer(services, spec, PATIENCE_S)
        plan = await asyncio.to_thread(make_dub_plan, spec, offer)
        tenant = await self._table.tenant_of(tracker.job.id) if planned_for is None else planned_for
        signer = Signer(self._signing_key, tenant)
        finished, locales = FinishedLocales(flow.store, tracker, offer, signer), [own.locale for own in plan.locales]
        # Whoever wants to look at the texts is asked, whatever was made before.
        found = await finished.find(locales) if not spec.review else None
        if found is not None and await finished.give(locales, found, partial(self._put, tracker) if planned_for is None else None):
            return
        source = await read_source(flow, tracker.stage("", "probe"), spec)
        scene = await Hearing(flow, tracker, services, source, offer).scene(plan.source_locale)
        separated = await self._separated(flow, tracker, source, offer)
        footage, doubts = self._footage(flow, tracker, source, scene, offer)
        uses = (*scene.uses, *((ModelUse("separate", separated.model),) if separated is not None else ()))
        gate = services.gate("lipsync")
        parts = DubParts(flow, tracker, services, source, scene, separated, offer, uses, footage, signer, gate)
        if spec.review:
            parts = await self._reviewed(parts, plan.locales, planned_for is not None)
        warnings = [*parts.scene.warnings, *_faults(source), *doubts]
        locales_gate = services.locales_gate(self._settings.locales_at_once)

        async def one(own: DubLocale, number: int) -> None:
            async with locales_gate:
                result = tracker.result(own.locale)
                result.state = job_pb2.STATE_RUNNING
                result.warnings.extend(warnings)
                tracker.changed()
                run = DubLocaleRun(parts, own, spec.targets[number], number)

                async def begin() -> DubWork:
                    nonlocal run
                    run = DubLocaleRun(parts, own, spec.targets[number], number)
                    return await run.run()

                try:
                    work = await mended(begin)
                    if planned_for is not None:
                        return
                    result.warnings.extend(run.warnings)
                    await self._put_outputs(parts, own, work, run.omitted)
                    if run.is_lasting:
                        await finished.keep(own.locale)
                except Exception as error:
                    if planned_for is not None:
                        raise
                    incident = secrets.token_hex(4)
                    log.warning("job %s, %s failed, incident %s", tracker.job.id, own.locale, incident, exc_info=error, extra={"incident": incident})
                    result.error.CopyFrom(job_error(error, incident))
                    result.warnings.extend(warning for warning in run.warnings if warning not in result.warnings)
                    await self._put_unfinished(parts, own, run.omitted)
                    tracker.end_locale(own.locale, job_pb2.STATE_FAILED)

        async with children() as group:
            if footage is not None:
                group.create_task(_track(footage, gate))
            for number, own in enumerate(plan.locales):
                group.create_task(one(own, number))

    async def _reviewed(self, parts: DubParts, locales: Sequence[DubLocale], is_planned: bool) -> DubParts:
        """All locales translated and a person's word on them heard: with the changes, which are the job's from now on."""
        spec = parts.tracker.job.dub

        async def translate(own: DubLocale, number: int) -> None:
            # Whatever is wrong with a locale ends that locale, when its turn comes.
            with suppress(LocutorError):
                await DubLocaleRun(parts, own, spec.targets[number], number).translate()
                if not is_planned:
                    await self._put_unfinished(parts, own, ())

        async with children() as group:
            for number, own in enumerate(locales):
                group.create_task(translate(own, number))
        review = await parts.flow.review()
        for own in locales:
            del parts.tracker.result(own.locale).outputs[:]
        if not review.edits:
            return parts
        spec.CopyFrom(with_edits(spec, review))
        return replace(parts, scene=await asyncio.to_thread(with_changes, parts.scene, spec.edits))

    def _footage(self, flow: Workflow, tracker: JobTracker, source: Source, scene: Scene, offer: Offer) -> tuple[Footage | None, list[str]]:
        """The picture's pieces where lips are to be moved, and why they are not moved where they should be."""
        stage, services = tracker.stage("", "track"), self._services
        doubt = "" if tracker.job.dub.omit_lipsync else obstacle(source.picture)
        if tracker.job.dub.omit_lipsync or doubt:
            stage.end(job_pb2.STATE_SUCCEEDED)
            return None, [f"no lips were moved: {doubt}"] if doubt else []
        pieces = cut_pieces(source.picture, scene.heard)
        return Footage(flow, stage, services, source, pieces, offer.models["lipsync"]), []

    async def _separated(self, flow: Workflow, tracker: JobTracker, source: Source, offer: Offer) -> Separated | None:
        """The original sound without its speech, where that is asked for, or where nothing is and an engine is installed."""
        spec, asked = tracker.job.dub, tracker.job.dub.background_sound
        may_be = asked in (dub_pb2.BACKGROUND_SOUND_UNSPECIFIED, dub_pb2.BACKGROUND_SOUND_SEPARATED)
        if not may_be or source.sound is None or source.music_and_effects is not None:
            return None
        if asked == dub_pb2.BACKGROUND_SOUND_UNSPECIFIED and not any(model.installed for model in offer.models["separation"]):
            return None
        model = offer.model("separation", spec.engines.separation)
        return await separate(flow, tracker.stage("", "probe"), self._services, source, model)

    async def _put_unfinished(self, parts: DubParts, own: DubLocale, omitted: Sequence[str]) -> None:
        """What is known of the utterances of a locale that failed, or is to be looked at, for a person to mend."""
        tracker = parts.tracker
        known = tracker.utterances.get(own.locale)
        if not known or any(output.kind == job_pb2.OUTPUT_KIND_UTTERANCES for output in tracker.result(own.locale).outputs):
            return
        edits = edit_file(tracker.job, own.locale, parts.scene, known, omitted)
        try:
            await self._put(tracker, own.locale, job_pb2.OUTPUT_KIND_UTTERANCES, await parts.flow.store.put_bytes(edits), "application/json", "utterances.json")
        except Exception:
            # Where the locale has failed, why is told already.
            log.exception("job %s, %s: the utterances could not be kept", tracker.job.id, own.locale)

    async def _put(self, tracker: JobTracker, locale: str, kind: job_pb2.OutputKind.ValueType, blob: Blob, content_type: str, suffix: str) -> None:
        media = media_pb2.Media(uri=blob.uri, size_bytes=blob.size_bytes, content_type=content_type, file_name=f"{locale}.{suffix}")
        await self._table.add_output(media, tracker.job.id)
        tracker.result(locale).outputs.add(kind=kind, media=media)

    async def _put_outputs(self, parts: DubParts, own: DubLocale, work: DubWork, omitted: Sequence[str]) -> None:
        tracker, store = parts.tracker, parts.flow.store
        job = tracker.job
        tracker.utterances[own.locale] = list(work.utterances)
        facts = {"sound": work.mixed.facts, "video": work.assembly.facts}
        scene = parts.scene
        report = make_dub_report(job, own.locale, parts.source, scene.language, scene.roles, work.voices, work.dubbed, work.lips, facts, work.uses)
        edits = edit_file(job, own.locale, scene, work.utterances, omitted)
        outputs = [
            *((kind, work.assembly.blobs[name], content_type, suffix) for name, (kind, content_type, suffix) in OUTPUTS.items()),
            (job_pb2.OUTPUT_KIND_AUDIO, work.mixed.wav, "audio/wav", "wav"),
            (job_pb2.OUTPUT_KIND_UTTERANCES, await store.put_bytes(edits), "application/json", "utterances.json"),
            (job_pb2.OUTPUT_KIND_CAST, await store.put_bytes(cast_file(scene.roles, own.locale, work.voices)), "application/json", "cast.json"),
            (job_pb2.OUTPUT_KIND_REPORT, await store.put_bytes(report), "application/json", "report.json"),
        ]
        for kind, blob, content_type, suffix in outputs:
            await self._put(tracker, own.locale, kind, blob, content_type, suffix)
        tracker.end_locale(own.locale, job_pb2.STATE_SUCCEEDED)


async def _track(footage: Footage, gate: Gate) -> None:
    """Follow the faces in all pieces, while the locales are translated and spoken."""

    async def one(piece: Piece) -> None:
        async with gate:
            # Each locale tells of a piece that cannot be used, and leaves it as it is.
            with suppress(InvalidInput):
                await footage.track(piece)
        footage.tracked(piece)

    async with children() as group:
        for piece in footage.pieces:
            group.create_task(one(piece))


def _faults(source: Source) -> list[str]:
    """What a reviewer should know of the file."""
    found = []
    if source.picture.fault:
        found.append(f"the video: {source.picture.fault}; what there is was dubbed")
    if source.sound is not None and source.sound.fault:
        found.append(f"the video's sound: {source.sound.fault}; what there is was dubbed")
    background = source.music_and_effects
    if background is not None and background.heard_s < source.duration_s - _SHORT_S:
        found.append(f"the music and effects end after {background.heard_s:.1f} s of {source.duration_s:.1f} s; silence follows")
    if source.unseen_s:
        found.append(f"the video goes on for {source.unseen_s:.1f} s after its last picture, with sound alone: that is left out")
    return found
