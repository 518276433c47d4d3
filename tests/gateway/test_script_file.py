"""What a person is given to read can be given back: it is read as the same texts, pauses and cues."""

from __future__ import annotations

import pytest

from gateway.present.script_file import script_file
from gateway.script import parse_script


@pytest.mark.parametrize(
    "source",
    [
        "One sentence. Another one.\n",
        "# A title\n\nFirst.\n\n[pause 1s]\n\nSecond.\n\n[pause 250ms]\n",
        "[pause 2s]\n\nAfter a while.\n",
        "Hello [smile 3s] there, [nod] you.\n\n[look left] At the start, and at the end [shake]\n",
        "A \\[bracket\\], 2 \\* 3 \\_ 4, a \\`tick\\`, 5 \\< 6 & 7.\n\n1\\. is no list, nor is \\- this.\n\n\\# 5 is no title.\n",
    ],
)
def test_a_script_is_read_again_as_it_was(source: str) -> None:
    script = parse_script(source)
    again = parse_script(script_file(script, [utterance.text for utterance in script.utterances]))
    assert [(said.text, said.pause_after_ms, said.cues) for said in again.utterances] == [
        (said.text, said.pause_after_ms, said.cues) for said in script.utterances
    ]
    assert again.lead_pause_ms == script.lead_pause_ms
