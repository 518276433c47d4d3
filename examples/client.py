"""A localization team's client: one script, one face, several languages, with the translations that people wrote.

    locutor up                                  # in another terminal
    python examples/client.py face.png          # writes out/hello.en-US.mp4, out/hello.es.mp4, ...

It needs the client side of Locutor alone: pip install . in a checkout, without extras.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path

from locutor import LocutorClient
from locutor.errors import InvalidInput
from locutor.gateway.v1.job_pb2 import OUTPUT_KIND_SUBTITLES_SRT, OUTPUT_KIND_VIDEO, STATE_SUCCEEDED, Consent, PresentSpec, Script, Target
from locutor.translate.v1.translate_pb2 import GlossaryTerm

SUFFIXES = {OUTPUT_KIND_VIDEO: ".mp4", OUTPUT_KIND_SUBTITLES_SRT: ".srt"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("face", type=Path, help="PNG, JPEG or WebP with one face")
    parser.add_argument("--script", type=Path, default=Path(__file__).with_name("hello.md"), help="English; its Spanish lies beside it (default: %(default)s)")
    parser.add_argument("--gateway", default="tcp://127.0.0.1:50050", help="address of the gateway (default: %(default)s)")
    parser.add_argument("--token", help="token of the gateway, if it asks for one")
    parser.add_argument("--out", type=Path, default=Path("out"))
    arguments = parser.parse_args()

    with LocutorClient(arguments.gateway, arguments.token) as client:
        face = client.upload(arguments.face)
        for finding in client.inspect_face(face).findings:
            print(f"about the face: {finding.message}")

        spec = PresentSpec(
            script=Script(text=arguments.script.read_text(encoding="utf-8"), locale="en-US"),
            face_uri=face,
            targets=[
                Target(locale="en-US"),
                # Reviewed by a person: it is spoken as it stands.
                Target(locale="es", script=arguments.script.with_suffix(".es.md").read_text(encoding="utf-8")),
                # No text of its own: machine translation, with the glossary's terms kept.
                Target(locale="pt-BR", rate=1.05),
            ],
            glossary=[GlossaryTerm(source="laptop", target="notebook")],
            consent=Consent(stated_by="examples/client.py", statement="the sender may use this face for a demonstration"),
        )
        try:
            # The same request_id never makes a second job, so this call may be repeated after a lost connection.
            job = client.create_present_job(spec, request_id=uuid.uuid4().hex)
        except InvalidInput as error:
            for violation in error.violations:
                print(f"{violation.field}: {violation.message} [{violation.reason}]", file=sys.stderr)
            return 2

        for job in client.watch(job.id):  # noqa: B020 - each update is the whole job
            print(f"\r{job.progress:4.0%}", end="", flush=True)
        print()

        for result in job.results:
            if result.state != STATE_SUCCEEDED:
                print(f"{result.locale}: {result.error.message}", file=sys.stderr)
            for warning in result.warnings:
                print(f"{result.locale}: {warning}")
            for output in result.outputs:
                if output.kind in SUFFIXES:
                    path = arguments.out / f"{arguments.script.stem}.{result.locale}{SUFFIXES[output.kind]}"
                    client.download(output.media.uri, path)
                    print(path)
        return 0 if job.state == STATE_SUCCEEDED else 1


if __name__ == "__main__":
    sys.exit(main())
