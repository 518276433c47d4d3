"""A present job from its spec to its results: the locales side by side, each with its own fate."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import replace
from functools import partial

from gateway.artifacts import Blob, digest_of
from gateway.faces import inspect_face
from gateway.failures import job_error
from gateway.finished import FinishedLocales
from gateway.media_table import MediaTable
from gateway.mended import mended
from gateway.offer import read_offer
from gateway.present.animate import Scene
from gateway.present.locale import JobParts, LocaleRun, LocaleWork
from gateway.present.plan import LocalePlan, PresentPlan, make_plan
from gateway.present.script_file import script_file
from gateway.progress import JobTracker
from gateway.report import make_report
from gateway.review import with_scripts
from gateway.services import PATIENCE_S, Services
from gateway.settings import GatewaySettings
from gateway.signed import Signer
from gateway.signing_key import SigningKey
from gateway.workflow import Workflow, children
from locutor.errors import LocutorError
from locutor.gateway.v1 import job_pb2, media_pb2
from locutor.lipsync.v1 import lipsync_pb2

log = logging.getLogger("locutor.gateway")


class PresentPipeline:
    """Runs present jobs."""

    def __init__(self, settings: GatewaySettings, services: Services, table: MediaTable, signing_key: SigningKey) -> None:
        self._settings = settings
        self._signing_key = signing_key
        self._services = services
        self._table = table

    async def run(self, flow: Workflow, tracker: JobTracker, planned_for: str | None = None) -> None:
        """Make every locale's outputs and write them, or the locale's error, into its result.

        `planned_for`: the tenant for whom the job is only planned: nothing is handed out, and of it nothing kept.
        Raises `LocutorError` for what stops the job as a whole.
        """
        spec = tracker.job.present
        services = self._services
        face = digest_of(spec.face_uri)
        offer, inspection = await asyncio.gather(read_offer(services, spec, PATIENCE_S), inspect_face(flow.store, services, face, PATIENCE_S))
        plan = await asyncio.to_thread(make_plan, spec, offer)
        background = digest_of(spec.background_uri) if spec.background.image else ""
        scene = Scene(face, background, plan.video, spec.background, spec.performance, offer.model("lipsync", spec.engines.lipsync))
        doubts = [f"face: {finding.message}" for finding in inspection.findings if finding.severity == lipsync_pb2.SEVERITY_WARNING]
        tenant = await self._table.tenant_of(tracker.job.id) if planned_for is None else planned_for
        signer = Signer(self._signing_key, tenant)
        finished, locales = FinishedLocales(flow.store, tracker, offer, signer), [own.locale for own in plan.locales]
        # Whoever wants to look at the texts is asked, whatever was made before.
        found = await finished.find(locales) if not spec.review else None
        if found is not None and await finished.give(locales, found, partial(self._put, tracker) if planned_for is None else None):
            return
        locales_gate = services.locales_gate(self._settings.locales_at_once)
        parts = JobParts(flow, tracker, services, plan, scene, offer, signer, services.gate("lipsync"), services.gate("tts"))
        if spec.review:
            plan = await self._reviewed(parts, planned_for is not None)
            parts = replace(parts, plan=plan)

        async def one(own: LocalePlan) -> None:
            async with locales_gate:
                result = tracker.result(own.locale)
                result.state = job_pb2.STATE_RUNNING
                result.warnings.extend(doubts)
                tracker.changed()
                try:
                    work = await mended(lambda: LocaleRun(parts, own).run())
                    if planned_for is not None:
                        return
                    await self._put_outputs(flow, tracker, plan, own, work)
                    await finished.keep(own.locale)
                except Exception as error:
                    if planned_for is not None:
                        raise
                    incident = secrets.token_hex(4)
                    log.warning("job %s, %s failed, incident %s", tracker.job.id, own.locale, incident, exc_info=error, extra={"incident": incident})
                    result.error.CopyFrom(job_error(error, incident))
                    tracker.end_locale(own.locale, job_pb2.STATE_FAILED)

        async with children() as group:
            for own in plan.locales:
                group.create_task(one(own))

    async def _reviewed(self, parts: JobParts, is_planned: bool) -> PresentPlan:
        """All locales translated and a person's word on them heard: the plan with the scripts that he gave, which are the job's from now on."""
        tracker, store = parts.tracker, parts.flow.store
        spec = tracker.job.present

        async def translate(own: LocalePlan) -> None:
            # Whatever is wrong with a locale ends that locale, when its turn comes.
            with suppress(LocutorError):
                texts = await LocaleRun(parts, own).translate()
                if not is_planned:
                    script = await store.put_bytes(script_file(own.script, texts).encode())
                    await self._put(tracker, own.locale, job_pb2.OUTPUT_KIND_UTTERANCES, script, "text/markdown", "script.md")

        async with children() as group:
            for own in parts.plan.locales:
                group.create_task(translate(own))
        review = await parts.flow.review()
        for own in parts.plan.locales:
            del tracker.result(own.locale).outputs[:]
        if not review.scripts:
            return parts.plan
        spec.CopyFrom(with_scripts(spec, review))
        return await asyncio.to_thread(make_plan, spec, parts.offer)

    async def _put_outputs(self, flow: Workflow, tracker: JobTracker, plan: PresentPlan, own: LocalePlan, work: LocaleWork) -> None:
        result = tracker.result(own.locale)
        result.warnings.extend(work.warnings)
        report = await flow.store.put_bytes(make_report(tracker.job, plan, own, work))
        outputs = [*work.assembly.outputs, (job_pb2.OUTPUT_KIND_REPORT, report, "application/json", "report.json")]
        for kind, blob, content_type, suffix in outputs:
            await self._put(tracker, own.locale, kind, blob, content_type, suffix)
        tracker.end_locale(own.locale, job_pb2.STATE_SUCCEEDED)

    async def _put(self, tracker: JobTracker, locale: str, kind: job_pb2.OutputKind.ValueType, blob: Blob, content_type: str, suffix: str) -> None:
        media = media_pb2.Media(uri=blob.uri, size_bytes=blob.size_bytes, content_type=content_type, file_name=f"{locale}.{suffix}")
        await self._table.add_output(media, tracker.job.id)
        tracker.result(locale).outputs.add(kind=kind, media=media)
