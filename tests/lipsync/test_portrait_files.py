"""Files that people send as portraits, through Inspect and Animate of a server with the real engine: each speaks, or is refused with its reason."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import av
import cv2
import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.common.v1 import audio_pb2, timeline_pb2, video_pb2
from locutor.errors import InvalidInput
from locutor.lipsync.v1 import lipsync_pb2, lipsync_pb2_grpc
from locutor.status import from_rpc_error
from services.lipsync.landmarks import FaceLandmarker
from services.lipsync.servicer import LipsyncServicer
from services.serving import GrpcServer, ServingSettings
from services.serving.messages import duration
from services.weights import ModelStore
from tests.lipsync.faces import smiley, turned

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTH, HEIGHT, FRAMES, RATE = 320, 180, 10, 16_000
CHUNK = 256 << 10
_ORIENTATION = 0x0112
"""Of EXIF: 6 asks for a quarter turn clockwise."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[lipsync_pb2_grpc.LipsyncServiceStub]:
    settings = ServingSettings(listen=f"unix:{tmp_path_factory.mktemp('s')}/lipsync.sock")
    server = GrpcServer([LipsyncServicer(settings, ModelStore())], settings)
    await server.start()
    await server.load()
    async with grpc.aio.insecure_channel(Address.parse(server.address).target, options=CHANNEL_OPTIONS) as channel:
        yield lipsync_pb2_grpc.LipsyncServiceStub(channel)
    await server.stop(0)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(rgb: np.ndarray) -> bytes:
    return encoded(Image.fromarray(rgb))


def sixteen_bit(picture: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, of (height, width) or (height, width, 3) RGB uint8."""
    ordered = picture if picture.ndim == 2 else picture[..., ::-1]
    done, data = cv2.imencode(".png", ordered.astype(np.uint16) * 257)
    assert done
    return data.tobytes()


def grey(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def with_transparent_corners(rgb: np.ndarray) -> bytes:
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    seen = np.hypot(rows / rgb.shape[0] - 0.5, columns / rgb.shape[1] - 0.45) < 0.5
    return encoded(Image.fromarray(np.dstack([rgb, (255 * seen).astype(np.uint8)])))


def lying_with_orientation(rgb: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    return encoded(Image.fromarray(np.rot90(rgb)), "JPEG", quality=95, exif=exif)


def photograph_with_few_colors_and_drawn_edges(rgb: np.ndarray) -> bytes:
    flat = rgb
    for _ in range(4):
        flat = cv2.bilateralFilter(flat, 9, 40, 7)
    flat = (flat // 32) * 32 + 16
    lines = cv2.adaptiveThreshold(cv2.medianBlur(grey(rgb), 5), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 6)
    return png(np.where(lines[..., None] > 0, flat, flat // 4))


def photograph_as_of_grey_stone(rgb: np.ndarray) -> bytes:
    """Without colour, with the grain of stone and light from above."""
    light = grey(rgb).astype(np.float32)
    relief = cv2.GaussianBlur(light, (0, 0), 1.0) * 0.7 + 50.0 + 1.5 * cv2.Sobel(cv2.GaussianBlur(light, (0, 0), 2.0), cv2.CV_32F, 0, 1, ksize=3) / 4
    grain = cv2.GaussianBlur(np.random.default_rng(4).normal(0.0, 12.0, light.shape).astype(np.float32), (0, 0), 0.8)
    return png(np.repeat(np.clip(relief + grain, 0, 255).astype(np.uint8)[..., None], 3, 2))


@dataclass(frozen=True)
class Usable:
    make: Callable[[np.ndarray], bytes]
    """From the astronaut, (512, 512, 3) RGB."""
    size: tuple[int, int]
    """Width and height as Inspect gives them."""
    warnings: frozenset[str] = field(default_factory=frozenset)


USABLE = {
    "upright": Usable(lambda rgb: png(rgb[:480, 90:360]), (270, 480)),
    "wide": Usable(lambda rgb: png(cv2.copyMakeBorder(rgb, 0, 0, 300, 300, cv2.BORDER_REFLECT_101)[:, 200:-200]), (712, 512)),
    "alpha channel": Usable(with_transparent_corners, (512, 512)),
    "EXIF rotation": Usable(lying_with_orientation, (512, 512)),
    "CMYK": Usable(lambda rgb: encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=95), (512, 512)),
    "16 bits, colour": Usable(sixteen_bit, (512, 512)),
    "16 bits, grey": Usable(lambda rgb: sixteen_bit(grey(rgb)), (512, 512)),
    "palette": Usable(lambda rgb: encoded(Image.fromarray(rgb).quantize(128)), (512, 512)),
    "WebP": Usable(lambda rgb: encoded(Image.fromarray(rgb), "WEBP", quality=90), (512, 512)),
    "8000 pixels": Usable(lambda rgb: encoded(Image.fromarray(cv2.resize(rgb[:400, 20:420], (8000, 8000))), "JPEG", quality=85), (8000, 8000)),
    "100 pixels, nothing but the face": Usable(
        lambda rgb: png(cv2.resize(rgb[50:190, 152:292], (100, 100), interpolation=cv2.INTER_AREA)), (100, 100), frozenset({"FACE_TOO_SMALL"})
    ),
    "a photograph as of grey stone": Usable(photograph_as_of_grey_stone, (512, 512)),
    "a photograph with few colours and drawn edges": Usable(photograph_with_few_colors_and_drawn_edges, (512, 512), frozenset({"MOUTH_OPEN"})),
}
REFUSED: dict[str, tuple[Callable[[np.ndarray], bytes], str, str]] = {
    "100 pixels with shoulders": (lambda rgb: png(cv2.resize(rgb, (100, 100), interpolation=cv2.INTER_AREA)), "FACE_TOO_SMALL", "pixels between the pupils"),
    "two faces": (lambda rgb: png(np.hstack([rgb, rgb])), "SEVERAL_FACES", "2 faces"),
    "a drawn smiley": (lambda _: png(smiley()), "NOT_A_FACE", "portrait of a person"),
    "lying without orientation": (lambda rgb: png(np.rot90(rgb)), "ROTATED", "by 90 degrees clockwise"),
    "a GIF": (lambda rgb: encoded(Image.fromarray(rgb), "GIF"), "NOT_AN_IMAGE", "PNG, JPEG or WebP"),
}


async def inspected(stub: lipsync_pb2_grpc.LipsyncServiceStub, data: bytes) -> lipsync_pb2.InspectResponse:
    return await stub.Inspect(iter([lipsync_pb2.InspectRequest(portrait=data[begin : begin + CHUNK]) for begin in range(0, len(data), CHUNK)]))


async def animated(stub: lipsync_pb2_grpc.LipsyncServiceStub, data: bytes) -> list[np.ndarray]:
    """The frames, (rows, columns, 3), of a word that opens and shuts the mouth."""
    video = video_pb2.VideoFormat(width_pixels=WIDTH, height_pixels=HEIGHT, frame_rate_numerator=25, frame_rate_denominator=1)
    sound = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE, channels=1)
    spans = [("m", 0.0, 0.1), ("a", 0.1, 0.3), ("m", 0.3, 0.4)]
    timeline = timeline_pb2.Timeline(phonemes=[timeline_pb2.Phoneme(symbol=s, start_offset=duration(a), end_offset=duration(b)) for s, a, b in spans])
    sent = [lipsync_pb2.AnimateRequest(config=lipsync_pb2.AnimateConfig(video=video, audio=sound, frame_count=FRAMES))]
    sent += [lipsync_pb2.AnimateRequest(portrait=data[begin : begin + CHUNK]) for begin in range(0, len(data), CHUNK)]
    tone = (9000 * np.sin(np.arange(round(0.4 * RATE)) / 20)).astype("<i2").tobytes()
    sent += [lipsync_pb2.AnimateRequest(timeline=timeline), lipsync_pb2.AnimateRequest(audio=tone)]
    made = b"".join([response.fragment async for response in stub.Animate(iter(sent))])
    with av.open(io.BytesIO(made), "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


async def refusal(stub: lipsync_pb2_grpc.LipsyncServiceStub, data: bytes) -> InvalidInput:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await animated(stub, data)
    error = from_rpc_error(caught.value)
    assert isinstance(error, InvalidInput)
    return error


@pytest.mark.parametrize("name", list(USABLE))
async def test_it_speaks(stub: lipsync_pb2_grpc.LipsyncServiceStub, astronaut: np.ndarray, name: str) -> None:
    case = USABLE[name]
    data = case.make(astronaut)
    answer = await inspected(stub, data)
    assert answer.usable, answer.findings
    assert {finding.reason for finding in answer.findings} == case.warnings
    assert (answer.width_pixels, answer.height_pixels) == case.size
    frames = await animated(stub, data)
    assert len(frames) == FRAMES and frames[0].shape == (HEIGHT, WIDTH, 3)
    assert np.abs(frames[5].astype(int) - frames[0]).max() > 40, "the mouth opens"


@pytest.mark.parametrize("name", list(REFUSED))
async def test_it_is_refused(stub: lipsync_pb2_grpc.LipsyncServiceStub, astronaut: np.ndarray, name: str) -> None:
    make, reason, told = REFUSED[name]
    await check_refusal(stub, make(astronaut), reason, told)


async def test_a_profile_is_refused(stub: lipsync_pb2_grpc.LipsyncServiceStub, landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    """A face turned by its mesh: no photograph of a profile is at hand."""
    image = portraits["presenter_suit"]
    (face,) = landmarker.detect(image)
    await check_refusal(stub, png(turned(image, face, 50)), "TURNED", "looks into the camera")


async def check_refusal(stub: lipsync_pb2_grpc.LipsyncServiceStub, data: bytes, reason: str, told: str) -> None:
    """By Inspect as by Animate, with the same reason, and the service goes on."""
    answer = await inspected(stub, data)
    assert not answer.usable
    assert reason in {finding.reason for finding in answer.findings if finding.severity == lipsync_pb2.SEVERITY_ERROR}
    error = await refusal(stub, data)
    violations = {violation.reason: violation for violation in error.violations}
    assert reason in violations and violations[reason].field == "portrait"
    assert told in violations[reason].message
