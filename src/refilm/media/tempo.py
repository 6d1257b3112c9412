"""Sound at another tempo and the same pitch, by FFmpeg's `atempo` (overlap-add of similar waveforms, as in WSOLA).

Memory: a tenth of a second, whatever the length. Knows nothing of streams and of the clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

#: What one `atempo` does well. Beyond, it skips sound instead of laying it over itself; two in a row do not.
_SLOWEST, _FASTEST = Fraction(1, 2), Fraction(2)


def tempo_chain(tempo: Fraction) -> tuple[Fraction, ...]:
    """Factors from 1/2 to 2 whose product is `tempo`, above 0; none for 1."""
    chain = []
    while tempo > _FASTEST or tempo < _SLOWEST:
        chain.append(_FASTEST if tempo > 1 else _SLOWEST)
        tempo /= chain[-1]
    return (*chain, tempo) if tempo != 1 else tuple(chain)


def at_tempo(frames: Iterable[AudioFrame], tempo: Fraction) -> Iterator[AudioFrame]:
    """The sound, `tempo` times as fast, in the same format, rate and layout, which must not change on the way.

    It lasts 1 / tempo as long, to within a few milliseconds. Times are lost: samples have to be counted.
    """
    chain = tempo_chain(tempo)
    if not chain:
        yield from frames
        return
    graph: Graph | None = None
    count = 0
    for frame in frames:
        if graph is None:
            graph = _graph(chain, frame)
        frame.pts, frame.time_base = count, Fraction(1, frame.sample_rate)
        count += frame.samples
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        graph.push(None)
        yield from _ready(graph)


def _graph(chain: Iterable[Fraction], like: AudioFrame) -> Graph:
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=like.sample_rate,
        format=like.format.name,
        layout=like.layout.name,
        time_base=Fraction(1, like.sample_rate),
    )
    paces = [graph.add("atempo", f"{float(factor):.9f}") for factor in chain]
    form = f"sample_fmts={like.format.name}:sample_rates={like.sample_rate}:channel_layouts={like.layout.name}"
    filters = [source, *paces, graph.add("aformat", form), graph.add("abuffersink")]
    for one, two in itertools.pairwise(filters):
        one.link_to(two)
    graph.configure()
    return graph


def _ready(graph: Graph) -> Iterator[AudioFrame]:
    """The sound that is finished by now."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
