"""The compiled loops of the effects engine. They know buffers and numbers; what these mean is said by their callers."""

from __future__ import annotations


def warm() -> int:
    """Load every kernel, compiling what the cache does not hold, and return how many there are.

    About 10 s on a machine that has never run one, under 1 s afterwards. A process calls it before it gives up the
    right to open files, and an installation to fill the cache.
    """
    from refilm.engines.effects.kernels import draw, drift, finish, flakes, lens, paint, patches, streaks, table, tape
    from refilm.engines.effects.kernels.kernel import Kernel

    found = [
        each
        for module in (table, flakes, finish, lens, paint, draw, drift, streaks, tape, patches)
        for each in vars(module).values()
    ]
    kernels = [each for each in found if isinstance(each, Kernel)]
    for each in kernels:
        each.load()
    return len(kernels)
