"""Face tracks as bytes: what comes back, and what is refused."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locutor.errors import InvalidInput
from services.lipsync.footage import FaceTrack, FaceTracks, MouthKind, MouthView, Usability
from services.lipsync.tracking.codec import from_bytes, to_bytes


def made() -> FaceTracks:
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(0, 1.5, (30, 478, 3)), axis=0) + rng.uniform(300, 500, (1, 478, 3))
    walk[:, [473, 291, 152, 234, 454]] = walk[:, [468, 61, 10, 10, 10]] + [[60, 0, 0], [50, 0, 0], [0, 120, 0], [-60, 60, 0], [60, 60, 0]]
    view = MouthView(MouthKind.TEETH, 12, rng.integers(0, 255, (20, 30, 3), np.uint8), 100, 80, 60, 40)
    faces = (
        FaceTrack(0, 10, walk.astype(np.float32), rng.integers(0, 5, 30).astype(np.uint8), (view,)),
        FaceTrack(1, 39, walk[:1].astype(np.float32), np.zeros(1, np.uint8)),
    )
    return FaceTracks(1280, 720, Fraction(30000, 1001), 40, (0, 10), faces)


def test_there_and_back() -> None:
    tracks = made()
    back = from_bytes(to_bytes(tracks))
    assert (back.width, back.height, back.frame_rate, back.frame_count, back.shots) == (1280, 720, Fraction(30000, 1001), 40, (0, 10))
    for a, b in zip(tracks.faces, back.faces, strict=True):
        assert (a.person, a.first_frame) == (b.person, b.first_frame)
        assert np.abs(a.points - b.points).max() <= 1 / 32 + 1e-3 and b.points.dtype == np.float32
        assert (a.usability == b.usability).all()
        assert [(v.kind, v.frame, v.left, v.top, v.width, v.height) for v in a.views] == [(v.kind, v.frame, v.left, v.top, v.width, v.height) for v in b.views]
        assert all((v.picture == w.picture).all() for v, w in zip(a.views, b.views, strict=True))
    assert to_bytes(back) == to_bytes(tracks)


def refusal(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        from_bytes(data)
    assert (caught.value.violations[0].field, caught.value.reason) == ("tracks", "BAD_TRACKS")
    return caught.value


def test_what_is_refused() -> None:
    data = to_bytes(made())
    for bad in (b"", data[:20], data[:-1], data + b"x", b"LFT0" + data[4:], b"\x80\x04K\x01."):
        refusal(bad)
    for offset, value in ((4, 0), (12, 0), (16, 0), (20, 0), (20, 30), (20, 10**9), (24, 0), (28, 3), (28, 2**32 - 1), (32, 1), (36, 0), (36, 40)):
        refusal(data[:offset] + struct.pack("<I", value) + data[offset + 4 :])


def one_face(packed: bytes, person: int = 0) -> bytes:
    head = struct.pack("<4sIIIIIII", b"LFT2", 1280, 720, 25, 1, 1, 1, 1) + struct.pack("<I", 0)
    return head + struct.pack("<IIIII", person, 0, 1, len(packed), 0) + packed


def test_a_bomb_is_not_inflated() -> None:
    bomb = one_face(zlib.compress(bytes(200 << 20)))
    tracemalloc.start()
    refusal(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_what_ends_before_its_checksum_is_refused() -> None:
    points = made().faces[1].points
    whole = to_bytes(FaceTracks(1280, 720, Fraction(25), 1, (0,), (FaceTrack(0, 0, points, np.zeros(1, np.uint8)),)))
    packed = whole[8 * 4 + 4 + 5 * 4 :]
    assert from_bytes(one_face(packed)).faces[0].points.shape == (1, 478, 3)
    refusal(one_face(packed[:-4]))


@pytest.mark.parametrize("person", [1, 2**31, 2**32 - 1])
def test_a_person_is_one_of_the_faces(person: int) -> None:
    packed = zlib.compress(bytes([Usability.HIDDEN]) + bytes(478 * 3 * 4))
    assert from_bytes(one_face(packed)).faces[0].person == 0
    refusal(one_face(packed, person))


@pytest.mark.parametrize("scale", [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 9, 1), (0.01, 0.01, 0.01)])
def test_a_face_that_can_be_moved_has_an_extent(scale: tuple[float, float, float]) -> None:
    face = made().faces[0]
    flat = replace(face, points=face.points * np.array(scale, np.float32), usability=np.zeros(30, np.uint8), views=())
    tracks = replace(made(), faces=(flat,))
    assert "no face's" in str(refusal(to_bytes(replace(tracks, faces=(replace(flat, person=0),)))))
    unused = replace(flat, usability=np.full(30, Usability.NO_FACE, np.uint8))
    assert len(from_bytes(to_bytes(replace(tracks, faces=(unused,)))).faces) == 1


def test_too_many_frames_of_faces_are_told_in_their_own_words() -> None:
    data = bytearray(to_bytes(made()))
    at = 8 * 4 + 2 * 4
    struct.pack_into("<I", data, 5 * 4, 15_000)
    struct.pack_into("<I", data, at + 8, 60_001)
    assert "60000 frames of faces" in str(refusal(bytes(data)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_damage_is_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(to_bytes(made()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, 300)) if data.draw(st.booleans()) else data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        from_bytes(bytes(whole))
    except InvalidInput as error:
        assert error.reason == "BAD_TRACKS"
