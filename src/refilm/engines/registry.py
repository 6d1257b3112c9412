"""Which engines are installed, and one of them by name. Ours pass through the same door as anybody else's.

Engines are loaded when first asked for, so that listing commands does not import what only edits need.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from refilm.engines.base import Engine, EngineInfo
from refilm.errors import NotFound

GROUP = "refilm.engines"


class Registry:
    """The engines that may be used."""

    def __init__(self, allowed: Collection[str] | None = None) -> None:
        """allowed: names that may be loaded; None allows all that are installed."""
        self._points: dict[str, EntryPoint] = {
            point.name: point for point in entry_points(group=GROUP) if allowed is None or point.name in allowed
        }
        self._engines: dict[str, Engine] = {}

    def names(self) -> list[str]:
        """Every engine that may be used."""
        return sorted(self._points)

    def get(self, name: str) -> Engine:
        """The engine of that name. Raises NotFound with the names that exist."""
        if name not in self._engines:
            point = self._points.get(name)
            if point is None:
                known = ", ".join(self.names()) or "none"
                raise NotFound(f"There is no engine named {name!r} here. Installed and allowed: {known}.")
            self._engines[name] = cast("Engine", point.load()())
        return self._engines[name]

    def list(self) -> list[EngineInfo]:
        """What every engine says of itself."""
        infos = []
        for name, point in sorted(self._points.items()):
            origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
            infos.append(EngineInfo(name, self.get(name).capabilities, origin))
        return infos
