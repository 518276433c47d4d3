"""Who may know whom. Data and knowledge flow one way; a service can be lifted out, an engine can be run without a network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.architecture.imports import Import, imports_of, module_name

ROOT = Path(__file__).parents[2]
SERVICES = ("asr", "tts", "translate", "lipsync")
SHARED = ("services.articulation", "services.devices", "services.engine", "services.weights")
"""What every service may use."""
OURS = ("locutor", "services", "media", "gateway")
NOT_SHIPPED = ("training", "bench", "tests")
WIRE = ("grpc", "grpc_status", "grpc_health", "grpc_reflection", "google.protobuf", "google.rpc", "locutor.status")
"""What only knows of the network: gRPC, protobuf, and our errors as statuses."""
STUBS = tuple(f"locutor.{package}" for package in ("common", "gateway", *SERVICES))


def within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def complaint(module: str, item: Import) -> str:
    """Why `module` may not import `item`; empty where it may."""
    name, parts = item.name, module.split(".")
    ours = within(name, OURS)
    if within(name, ["dbos"]) and not within(module, ["gateway.durable"]):
        return "gateway/durable alone knows the engine of workflows: another one may take its place"
    if within(name, NOT_SHIPPED):
        return "what is shipped knows nothing that is not"
    if parts[0] == "media":
        if within(name, (*WIRE, *STUBS)) or (ours and not within(name, ("media", "locutor.errors"))):
            return "media knows media, locutor.errors and its libraries"
    elif parts[0] == "gateway":
        if within(name, ["services"]) and not within(name, ["services.serving", "services.store"]) and module != "gateway.embedded":
            return "the gateway reaches services through stubs; gateway/embedded.py alone may import them"
    elif parts[0] == "locutor":
        if within(name, ("services", "gateway", "media")) and not (item.lazy and within(module, ["locutor.cli"])):
            return "a client knows only locutor; its command line may load the rest when a command needs it"
    elif parts[:2] == ["services", "serving"]:
        if ours and not within(name, ("locutor", "services.serving", "services.store", "services.engine", "services.weights")):
            return "serving knows no service"
    elif parts[:2] == ["services", "store"]:
        if within(name, (*WIRE, *STUBS)) or (ours and not within(name, ("locutor.errors", "services.store"))):
            return "the store knows bytes, and locutor.errors"
    elif parts[:2] == ["services", "articulation"]:
        if within(name, (*WIRE, *STUBS)) or (ours and not within(name, ("locutor.errors", "services.articulation", "services.engine", "services.weights"))):
            return "articulation knows no service"
    elif len(parts) > 2 and parts[1] in SERVICES:
        own = f"services.{parts[1]}"
        if parts[2] in ("servicer", "__main__"):
            if ours and not within(name, ("locutor", "media", "services.serving", *SHARED, own)):
                return "a service knows no other service and no gateway"
        elif within(name, (*WIRE, *STUBS)):
            return "only servicer.py knows gRPC and protobuf"
        elif within(name, (f"{own}.servicer", f"{own}.__main__")):
            return "only the process knows the servicer"
        elif ours and not within(name, ("locutor.errors", *SHARED, own, "media")):
            return f"a service's parts know each other, media, {', '.join(SHARED)} and locutor.errors"
        elif within(name, ["media"]) and parts[2] in ("engine", "engines"):
            return "an engine knows no media: it takes and gives arrays"
    elif within(name, (*WIRE, *STUBS)) or (ours and not within(name, ("locutor.errors", "services.weights"))):
        return "what all services share knows locutor.errors alone"
    return ""


def sources() -> list[Path]:
    return [path for top in OURS for path in sorted((ROOT / top).rglob("*.py")) if "_pb2" not in path.name]


def test_every_import_is_allowed() -> None:
    found = []
    paths = sources()
    for path in paths:
        module = module_name(path, ROOT)
        for item in imports_of(path.read_text(encoding="utf-8"), module):
            if why := complaint(module, item):
                found.append(f"{path.relative_to(ROOT)}:{item.line} imports {item.name}: {why}")
    assert not found, "\n" + "\n".join(found)
    assert {path.relative_to(ROOT).parts[0] for path in paths} == set(OURS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("services.tts.engines.kokoro", "import grpc.aio"),
        ("services.tts.engine", "from google.protobuf import duration_pb2"),
        ("services.tts.engines.kokoro", "def f():\n    from locutor.tts.v1 import tts_pb2"),
        ("services.tts.engines.kokoro", "from ..servicer import TtsServicer"),
        ("services.tts.engines.kokoro", "from media import resample"),
        ("services.tts.engines.kokoro", "from locutor import client"),
        ("services.tts.servicer", "from services.asr.engine import Segment"),
        ("services.tts.servicer", "import gateway.jobs"),
        ("services.tts.__main__", "from services import asr"),
        ("services.serving.server", "from services.tts.servicer import TtsServicer"),
        ("services.weights.store", "import grpc"),
        ("services.articulation.phonetics", "from services.tts.engine import Viseme"),
        ("services.articulation.phonetics", "from locutor.common.v1 import timeline_pb2"),
        ("services.serving.server", "import services.articulation"),
        ("services.store.media", "import gateway.artifacts"),
        ("services.store.media", "from locutor.gateway.v1 import media_pb2"),
        ("services.lipsync.rendering", "from services.store import MediaStore"),
        ("services.engine", "from services.tts.engine import Speech"),
        ("media.mux", "from gateway import jobs"),
        ("services.articulation.estimator", "from training.network import VisemeNetwork"),
        ("gateway.jobs", "def f():\n    import bench.dub"),
        ("media.mux", "from locutor.common.v1 import video_pb2"),
        ("gateway.present.speak", "from services.tts.engine import Speech"),
        ("gateway.jobs", "def f():\n    import services.weights"),
        ("gateway.workflow", "from dbos import DBOS"),
        ("locutor.cli.jobs", "def f():\n    import dbos"),
        ("locutor.client", "import services"),
        ("locutor.cli.models", "from services.weights import ModelStore"),
        ("locutor.client", "def f():\n    from gateway import embedded"),
    ],
)
def test_the_rules_refuse(module: str, source: str) -> None:
    assert [complaint(module, item) for item in imports_of(source, module)] != [""]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("services.tts.engines.kokoro", "import numpy\nfrom services.weights import ModelStore\nfrom ..engine import Speech"),
        ("services.tts.servicer", "import grpc\nfrom locutor.tts.v1 import tts_pb2\nfrom services.serving import serve"),
        ("services.lipsync.rendering", "from media.fragments import FragmentEncoder"),
        ("services.lipsync.engines.warp.engine", "from services.articulation.coarticulation import articulate"),
        ("services.tts.servicer", "from services.articulation.phonetics import mouth_targets"),
        (
            "services.articulation.phonetics",
            "import numpy\nfrom scipy.special import erf\nfrom locutor.errors import InvalidInput\nfrom services.weights import ModelStore",
        ),
        ("gateway.embedded", "from services.tts.servicer import TtsServicer"),
        ("gateway.artifacts", "from services.store import MediaStore"),
        ("gateway.durable.engine", "from dbos import DBOS"),
        ("gateway.present.speak", "from locutor.tts.v1 import tts_pb2\nimport services.serving\nfrom media import mux"),
        ("locutor.cli.models", "if TYPE_CHECKING:\n    from services.weights import ModelStore\ndef f():\n    import gateway.embedded"),
    ],
)
def test_the_rules_allow(module: str, source: str) -> None:
    assert {complaint(module, item) for item in imports_of(source, module)} == {""}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("locutor", ("services", "gateway", "media", "numpy", "av")),
        ("locutor.cli.main", ("services", "gateway", "media", "numpy", "av", "grpc")),
        ("services.weights", ("grpc", "google.protobuf", "numpy")),
        *((f"services.{name}.engine", ("grpc", "google.protobuf", "onnxruntime", "mediapipe", "ctranslate2")) for name in SERVICES),
    ],
)
def test_loading_does_not_bring(module: str, unwanted: tuple[str, ...]) -> None:
    """What really comes with a module, libraries' own imports included."""
    program = f"import sys, {module}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name in unwanted] == []
