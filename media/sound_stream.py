"""The AAC stream of a file that is being written; takes as much of a programme's sound, encoded or not, as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import langcodes
import numpy as np

from locutor.errors import InvalidInput
from media.aac_pieces import AAC_FRAME, BIT_RATE, CODER, EncodedSound
from media.blocks import BlockReader
from media.clock import PROGRAMME_RATE


def iso_639(locale: str) -> str:
    """The three letters by which containers know the language of a BCP 47 locale; empty stays empty."""
    return langcodes.Language.get(locale).to_alpha3(variant="T") if locale else ""


def sound_stream(
    output: av.container.OutputContainer, audio: np.ndarray | Iterable[np.ndarray] | EncodedSound, bit_rate: int, *, language: str = "", title: str = ""
) -> SoundStream | CopiedSound:
    """As `SoundStream`; `audio` that is encoded already is copied, whatever `bit_rate` says."""
    if isinstance(audio, EncodedSound):
        return CopiedSound(output, audio, language=language, title=title)
    return SoundStream(output, audio, bit_rate, language=language, title=title)


class CopiedSound:
    """Sound that was encoded before, as long as the programme."""

    def __init__(self, output: av.container.OutputContainer, sound: EncodedSound, *, language: str = "", title: str = "", field: str = "audio") -> None:
        """`language`: BCP 47."""
        self._output = output
        self._field = field
        self._samples = sound.samples
        self._packets = sound.packets()
        self._until = 0
        self.stream = _add_stream(output, BIT_RATE, language, title)

    def advance(self, until: int) -> None:
        """Write frames up to sample number `until`."""
        while self._until + AAC_FRAME <= until and self._write():
            pass

    def finish(self, length: int, allowed_excess: int | None = None) -> None:
        """Write the rest. Raises InvalidInput (LENGTH_DIFFERS) where another length than `length` was encoded."""
        if self._samples != length:
            message = f"was encoded for {self._samples} samples, but the picture lasts {length}; encode it anew"
            raise InvalidInput.of(self._field, message, "LENGTH_DIFFERS")
        while self._write():
            pass

    def _write(self) -> bool:
        data = next(self._packets, None)
        if data is None:
            return False
        packet = av.Packet(data)
        # The first frame holds what comes before the first sample.
        packet.pts = packet.dts = self._until - AAC_FRAME
        packet.duration = min(AAC_FRAME, self._samples - packet.pts)
        packet.time_base = Fraction(1, PROGRAMME_RATE)
        packet.stream = self.stream
        self._output.mux(packet)
        self._until += AAC_FRAME
        return True


def _add_stream(output: av.container.OutputContainer, bit_rate: int, language: str, title: str) -> av.AudioStream:
    stream = output.add_stream("aac", rate=PROGRAMME_RATE, layout="stereo", options=dict(CODER))
    stream.bit_rate = bit_rate
    stream.codec_context.time_base = Fraction(1, PROGRAMME_RATE)
    if language:
        stream.metadata["language"] = iso_639(language)
    if title:
        stream.metadata["title"] = stream.metadata["handler_name"] = title
    return stream


class SoundStream:
    """AAC-LC stereo at 48 kHz, begun at the programme's first sample."""

    def __init__(
        self,
        output: av.container.OutputContainer,
        audio: np.ndarray | Iterable[np.ndarray],
        bit_rate: int,
        *,
        language: str = "",
        title: str = "",
        field: str = "audio",
    ) -> None:
        """`audio`: float32, full scale 1, (n,) or (n, 2), whole or in blocks. `bit_rate`: bits a second. `language`: BCP 47."""
        self._output = output
        self._field = field
        self._reader = BlockReader(self._stereo(iter([audio] if isinstance(audio, np.ndarray) else audio)))
        self._written = 0
        self.stream = _add_stream(output, bit_rate, language, title)

    def advance(self, until: int) -> None:
        """Write whole AAC frames up to sample number `until`; after the programme's last sample, silence."""
        while self._written + AAC_FRAME <= until:
            self._encode(self._reader.take(AAC_FRAME))

    def finish(self, length: int, allowed_excess: int | None = None) -> None:
        """Write the rest, so that `length` samples were written in all; what is then left is cut.

        Raises InvalidInput (TOO_LONG) where that is `allowed_excess` samples or more.
        """
        self.advance(length)
        if length > self._written:
            self._encode(self._reader.take(length - self._written))
        if allowed_excess is not None and self._reader.available(allowed_excess) >= allowed_excess:
            message = f"is longer than the picture's {length / PROGRAMME_RATE:.3f} s; give frames that last as long as the sound"
            raise InvalidInput.of(self._field, message, "TOO_LONG")
        for packet in self.stream.encode(None):
            self._output.mux(packet)

    def _stereo(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            if block.ndim not in (1, 2) or (block.ndim == 2 and block.shape[1] not in (1, 2)):
                raise InvalidInput.of(self._field, f"has the shape {block.shape}; give (n,) or (n, 2)", "BAD_SHAPE")
            yield np.broadcast_to(block[:, None] if block.ndim == 1 else block, (len(block), 2))

    def _encode(self, samples: np.ndarray) -> None:
        stereo = samples if samples.ndim == 2 else np.zeros((len(samples), 2), np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo.T, dtype=np.float32), format="fltp", layout="stereo")
        frame.sample_rate = PROGRAMME_RATE
        frame.time_base = Fraction(1, PROGRAMME_RATE)
        frame.pts = self._written
        self._written += len(samples)
        for packet in self.stream.encode(frame):
            self._output.mux(packet)
