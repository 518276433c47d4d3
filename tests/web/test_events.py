"""The job's page lists what happened to it."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from pathlib import Path

from gateway.web import WebServer
from tests.cli.scripted_gateway import serve
from tests.cli.test_timeline import Remembering


async def test_the_page_of_a_job_lists_its_events(tmp_path: Path) -> None:
    with serve(Remembering(), tmp_path) as address:
        server = WebServer(address, "tcp://127.0.0.1:0")
        await server.start()
        try:
            page = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{server.url}jobs/j-1", timeout=20).read().decode())
        finally:
            await server.stop()
    assert "What happened (8 events" in page
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>(<td>.*?)</tr>", page)]
    assert len(rows) == 8
    assert rows[3] == ["2.0 s", "es speak sentence", "tried again", "0.5 s", "UNAVAILABLE the tts service does not answer", "w1"]
    assert rows[5] == ["6.0 s", "", "taken over", "", "", "w2"]
