"""Footage with Wav2Lip's mouths: what passes as it came, and where the network's picture lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.articulation.speech import Speech
from services.lipsync.engine import Performance
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.engines.wav2lip import Wav2LipEngine
from services.lipsync.engines.wav2lip.performer import role_performer
from services.lipsync.footage import Role, Usability
from services.weights import ModelStore
from tests.lipsync.wav2lip.conftest import Footage, engine_on, saying

LONG = saying("a", 3.0)


def role(shot: Footage, speech: Speech = LONG, control: float = 1.0) -> Role:
    (face,) = shot.tracks.faces
    return Role(face, speech, 0.5, np.full(shot.tracks.frame_count, control, np.float32))


def revoiced(engine: Wav2LipEngine | WarpEngine, shot: Footage, *roles: Role) -> list[np.ndarray]:
    return list(engine.revoice(iter(shot.frames), shot.tracks, roles, Performance()))


def test_frames_without_control_or_a_usable_face_pass_as_they_came(noise: Wav2LipEngine, talking: Footage) -> None:
    assert all(a is b for a, b in zip(revoiced(noise, talking), talking.frames, strict=True)), "nobody speaks"
    assert all(a is b for a, b in zip(revoiced(noise, talking, role(talking, control=0.0)), talking.frames, strict=True))
    full = role(talking)
    usability = full.face.usability.copy()
    usability[4:9] = Usability.HIDDEN
    control = full.control.copy()
    control[12:] = 0.0
    hidden = Role(replace(full.face, usability=usability), LONG, 0.5, control)
    found = revoiced(noise, talking, hidden)
    assert [a is b for a, b in zip(found, talking.frames, strict=True)] == [4 <= n < 9 or n >= 12 for n in range(16)]


def test_only_the_lower_face_changes(noise: Wav2LipEngine, talking: Footage) -> None:
    [face] = talking.tracks.faces
    before = [frame.copy() for frame in talking.frames]
    frames, around = revoiced(noise, talking, role(talking)), revoiced(WarpEngine(ModelStore(), 2), talking, role(talking))
    for number, (a, b) in enumerate(zip(frames, around, strict=True)):
        np.testing.assert_array_equal(talking.frames[number], before[number], "the footage itself is left as it is")
        rows, columns = np.nonzero(a[:360].astype(int) - b[:360])
        points = face.points[number, :468, :2]
        low, high = points.min(0), points.max(0)
        assert len(rows) > 500
        assert rows.min() > points[2, 1] - 0.08 * (high - low)[1] and rows.max() < high[1] + 0.05 * (high - low)[1]
        assert columns.min() > low[0] and columns.max() < high[0]


def test_the_networks_picture_lies_where_its_face_was(checkpoints: Path, mirror: Wav2LipEngine, talking: Footage) -> None:
    """The mirror gives back the mouth that the footage has: laid in, the frame's middle of the mouth is the footage's own again."""
    one = role(talking)
    performer = role_performer(one, talking.tracks.frame_rate)
    assert performer is not None
    warped, back = revoiced(WarpEngine(ModelStore(), 2), talking, one), revoiced(mirror, talking, one)
    errors = []
    for number in range(4, 12):
        mask = performer.mask(number)
        whole = np.argwhere(mask > 0.995)[::7, ::-1] + 0.5
        places = (whole / len(mask) @ performer.boxes[number][:, :2].T + performer.boxes[number][:, 2]).round().astype(int)
        own, now, moved = (frame[places[:, 1], places[:, 0]].astype(float) for frame in (talking.frames[number], back[number], warped[number]))
        errors.append([np.abs(now - own).mean(), np.abs(moved - own).mean()])
    near, far = np.mean(errors, 0)
    assert near < 3 and near < 0.6 * far, "steps of luma; the warp engine's mouth is another one"


def test_two_people_speak_in_one_frame(noise: Wav2LipEngine, couple: Footage) -> None:
    man, woman = sorted(couple.tracks.faces, key=lambda face: face.points[0, 1, 0])
    everywhere = np.ones(couple.tracks.frame_count, np.float32)
    his, hers = (Role(face, LONG, 0.5, everywhere) for face in (man, woman))
    middle = couple.frames[0].shape[1] // 2
    for roles, sides in (([his, hers], {"left", "right"}), ([his], {"left"}), ([hers], {"right"})):
        around = revoiced(WarpEngine(ModelStore(), 2), couple, *roles)
        for a, b in zip(revoiced(noise, couple, *roles), around, strict=True):
            changed = np.nonzero(a[: couple.tracks.height].astype(int) - b[: couple.tracks.height])[1]
            assert {"left" if column < middle else "right" for column in changed} == sides


def test_silence_is_closed_and_still(noise: Wav2LipEngine, talking: Footage) -> None:
    silent = role(talking, saying("", 1.0))
    for a, b in zip(revoiced(noise, talking, silent), revoiced(WarpEngine(ModelStore(), 2), talking, silent), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_more_than_some_frames_are_read_ahead(checkpoints: Path, talking: Footage) -> None:
    engine, read = engine_on(checkpoints / "noise.onnx", batch=2), 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal read
        for frame in talking.frames:
            read += 1
            yield frame

    made = engine.revoice(frames(), talking.tracks, [role(talking)], Performance())
    next(made)
    assert read <= 2 + 5, "a batch, and what the warp engine has in the making"
    made.close()
