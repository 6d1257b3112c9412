"""How a compiled loop is declared: its types are written down, and it is compiled or read from the cache when first
used, or by `warm`. A call with other types is an error; nothing is ever compiled for it.

A process that may no longer open files must be able to run every kernel, so `load` is the only moment that touches
the disk. numba itself is imported there, too. Integer arithmetic is preferred and fast-math is off, for the same
pixels on every processor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

#: The words a signature may use, as numba's types. A kernel takes planes as flat buffers: see `planes.flat`.
_SCALARS = {"int": "int64", "float": "float64"}

_loading = threading.Lock()


class Kernel:
    """A function over flat buffers and numbers, compiled for exactly one list of types."""

    def __init__(self, types: str, function: Callable[..., None]) -> None:
        self.types = tuple(word.strip() for word in types.split(","))
        self.function = function
        self.__doc__ = function.__doc__
        self._compiled: Callable[..., None] | None = None

    def load(self) -> Callable[..., None]:
        """The compiled function, from numba's cache where it is there. About 50 ms from the cache, 1 s without."""
        with _loading:
            if self._compiled is None:
                self._compiled = _compile(self.types, self.function)
            return self._compiled

    def __call__(self, *values: Any) -> None:
        compiled = self._compiled or self.load()
        compiled(*values)


def kernel(types: str) -> Callable[[Callable[..., None]], Kernel]:
    """Declare a kernel. types: one word for each parameter, separated by commas: "int", "float", or an array's element
    ("uint8", "int16", "int32", "uint32", "uint64", "float32") with "[]" where it is written and "[const]" where it is
    only read.
    """
    return lambda function: Kernel(types, function)


def _compile(words: tuple[str, ...], function: Callable[..., None]) -> Callable[..., None]:
    import numba

    signature = numba.void(*(_type(word) for word in words))
    options: dict[str, Any] = {"nogil": True, "fastmath": False, "boundscheck": False}
    try:
        compiled = numba.njit(signature, cache=True, **options)(function)
    except RuntimeError as error:
        # A read-only installation without a cache folder still works; it compiles in every process.
        if "no locator" not in str(error):
            raise
        compiled = numba.njit(signature, cache=False, **options)(function)
    compiled.disable_compile()
    return compiled  # type: ignore[no-any-return]


def _type(word: str) -> Any:
    import numba

    if word in _SCALARS:
        return getattr(numba, _SCALARS[word])
    element, _, access = word.partition("[")
    return numba.types.Array(getattr(numba, element), 1, "C", readonly=access == "const]")
