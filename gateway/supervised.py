"""A child process that is kept running: started again when it dies, ended when this process ends, however that ends."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("locutor.gateway")

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0
"""Between a child's death and its next start."""
_STEADY_S = 60.0
"""A child that lived so long did not die of its start: the next one comes soon."""
_END_S = 10.0
"""How long a child may take to end."""
_SAMPLE_S = 1.0
_LAST_LINES = 20
_BLOCK = 1 << 16
_LONGEST_LINE = 1 << 20
"""Bytes of a line that is passed on whole; what is longer is broken."""
_NO_MEMORY = re.compile(r"\bbad_alloc\b|\bMemoryError\b|[Cc]annot allocate memory")


class SupervisedProcess:
    """Its standard input is a pipe that nothing is written to: the child ends when that does, which the kernel sees to even after kill -9."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """`name`: before its lines on our stderr."""
        self.name = name
        self._command, self._environment = list(command), dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._peak_mb = 0
        self.died: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why the first one ended, once it has."""

    @property
    def pid(self) -> int | None:
        """None: it is not running just now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")

    async def stop(self) -> None:
        """End it, and start it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(_END_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if not self.died.done():
            self.died.cancel()

    async def _supervise(self) -> None:
        loop, delay_s = asyncio.get_running_loop(), _FIRST_DELAY_S
        while True:
            began, killed = loop.time(), _kernel_kills()
            try:
                why = self._why(await self._run(), _kernel_kills() > killed)
            except OSError as error:
                why = f"could not be run: {error}"
            if not self.died.done():
                self.died.set_result(why)
            delay_s = _FIRST_DELAY_S if loop.time() - began >= _STEADY_S else delay_s
            log.error("%s %s; it is started again in %.1f s", self.name, why, delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)

    async def _run(self) -> int:
        """From its start to its end. Its own session: a Ctrl-C is for this process, which still needs the child to drain."""
        pipe = asyncio.subprocess.PIPE
        self._peak_mb = 0
        self._last.clear()
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=asyncio.subprocess.DEVNULL, stderr=pipe, env=self._environment, start_new_session=True
        )
        sampling = asyncio.create_task(self._sample(process.pid))
        try:
            await self._pass_on(process)
            return await process.wait()
        except Exception:
            # Nobody would watch it any more.
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        finally:
            sampling.cancel()

    async def _pass_on(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        rest = b""
        while block := await process.stderr.read(_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._tell(line)
        if rest:
            self._tell(rest)

    def _tell(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        self._last.append(text)
        # Where nobody hears us any more, the child works on all the same.
        with suppress(OSError):
            # What is written for programs names its service itself.
            print(text if text.startswith("{") else f"{self.name}: {text}", file=sys.stderr, flush=True)

    async def _sample(self, pid: int) -> None:
        """Once a process is dead, nobody knows how much it used."""
        while True:
            self._peak_mb = _peak_mb(pid) or self._peak_mb
            await asyncio.sleep(_SAMPLE_S)

    def _why(self, code: int, by_kernel: bool) -> str:
        used = f", when it used {self._peak_mb} MB" if self._peak_mb else ""
        if by_kernel and code == -signal.SIGKILL:
            return f"ran out of memory: the kernel killed it{used}"
        if any(_NO_MEMORY.search(line) for line in self._last):
            return f"ran out of memory{used}"
        if code == -signal.SIGKILL:
            return f"was killed{used}; where nobody did that, memory ran out"
        if code < 0:
            return f"died of {signal.Signals(-code).name}{used}"
        return f"ended with status {code}: {self._last_words()}"

    def _last_words(self) -> str:
        """Its error with what to do about it; else its last line."""
        lines = list(self._last)
        begins = [number for number, line in enumerate(lines) if line.startswith("error: ")]
        return "\n".join(lines[begins[-1] :] if begins else lines[-1:]) or "it said nothing"


def _peak_mb(pid: int) -> int:
    """The most memory that a process had so far; 0 where the system does not tell."""
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) // 1024 if found else 0
    return 0


def _kernel_kills() -> int:
    """Processes that the kernel has killed in this control group for want of memory; 0 where it does not tell."""
    with suppress(OSError):
        group = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
        for folder in (Path("/sys/fs/cgroup") / group.lstrip("/"), Path("/sys/fs/cgroup")):
            with suppress(OSError):
                found = re.search(r"^oom_kill (\d+)$", (folder / "memory.events").read_text(), re.MULTILINE)
                if found:
                    return int(found[1])
    return 0
