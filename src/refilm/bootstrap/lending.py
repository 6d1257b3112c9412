"""What engines are given: workers of their pool, children to run in, and help with prompts.

Knows nothing of rows, bytes and requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from refilm.bootstrap.terms import endpoints
from refilm.config import Pool, Settings
from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Aids, Interpreting
from refilm.engines.registry import Registry
from refilm.errors import NotFound, Unavailable
from refilm.runner.lockdown import available
from refilm.runner.process import Runner, check_controls
from refilm.uploads import Probe

if TYPE_CHECKING:
    from refilm.workflow import Interpret

#: The pool of an engine by what it runs on; of any other it is "cpu".
POOLS: Mapping[str, Pool] = {"cuda": "gpu", "remote": "relay"}


def pools_of(settings: Settings, registry: Registry) -> list[Pool]:
    """The pools that this process works for: as set, else those of the engines that models are routed to.

    Raises NotFound for an engine that is not there.
    """
    needed = {pool_of(registry, settings.engine_for(model)) for model in Model}
    return list(settings.pools) if settings.pools else sorted(needed)


def pool_of(registry: Registry, engine: str) -> Pool:
    """The pool whose workers run an engine. Raises NotFound."""
    devices = registry.get(engine).capabilities.devices
    return next((POOLS[device] for device in devices if device in POOLS), "cpu")


def pool_of_task(registry: Registry) -> Callable[[str], str]:
    """The pool of a task by its engine's name. What is not installed here any more fails in "cpu", and is told so."""

    @cache
    def find(engine: str) -> str:
        try:
            return pool_of(registry, engine)
        except NotFound:
            return "cpu"

    return find


def slots_of(settings: Settings, registry: Registry, pools: Mapping[str, int]) -> dict[str, int]:
    """How many edits of each engine may run at once in this process, of those that models are routed to."""
    engines = sorted({settings.engine_for(model) for model in Model})
    return {name: slots for name in engines if (slots := pools.get(pool_of(registry, name), 0))}


def runner_of(settings: Settings, engines: Mapping[str, int]) -> Runner:
    """What runs edits and probes.  engines: how many edits of each may run at once in this process.

    Raises Unavailable where children cannot be locked as far as the settings require.
    """
    check_controls(settings.sandbox_level(), available())
    spares: dict[str | None, int] = {None: int(settings.spares != 0)}
    spares |= {name: settings.spares_for(slots) for name, slots in engines.items()}
    return Runner(settings.child_limits(), sandbox=settings.sandbox_level(), spares=spares)


def probe_with(runner: Runner) -> Probe:
    """How an upload is probed: in a child process, off the event loop."""

    async def probe(file: BinaryIO) -> Mapping[str, Any]:
        return await asyncio.to_thread(runner.probe, file)

    return probe


def sentence_model_folder(named: str) -> Path:
    """The folder that the setting embedding_model means: itself, or that of the model in an installed package.

    Raises Unavailable where there is none that can be used.
    """
    from refilm.engines.effects.interpreters.sentence_model import SentenceModel

    folder = Path(named)
    if not folder.is_dir():
        try:
            carried = distribution(named).files or ()
        except (PackageNotFoundError, ValueError) as error:
            raise Unavailable(f"embedding_model={named} is neither a folder nor an installed package.") from error
        weights = next((file for file in carried if file.name == "model.safetensors"), None)
        if weights is None:
            raise Unavailable(f"embedding_model={named} is a package that carries no model.safetensors.")
        folder = Path(str(weights.locate())).parent
    SentenceModel.load(folder)
    return folder


@contextmanager
def lent_aids(settings: Settings) -> Iterator[Aids]:
    """What the settings lend to engines that interpret prompts. Raises Unavailable or UnclearSetting."""
    folder = sentence_model_folder(settings.embedding_model) if settings.embedding_model else None
    if not settings.chat_url:
        yield Aids(sentence_model=folder)
        return
    from refilm.net.chat import ChatEndpoint

    key = settings.chat_key.get_secret_value() if settings.chat_key else None
    allow = endpoints(settings)
    with closing(
        ChatEndpoint(settings.chat_url, settings.chat_model, key, seconds=settings.chat_seconds, allow=allow)
    ) as chat:
        yield Aids(chat, folder)


def interpret_with(registry: Registry, aids: Aids) -> Interpret:
    """How a workflow, or a command, asks an engine what it finds out before an edit."""

    def interpret(engine: str, request: EditRequest, poll: Callable[[], None]) -> Mapping[str, Any]:
        asked = registry.get(engine)
        return asked.interpret(request, replace(aids, poll=poll)) if isinstance(asked, Interpreting) else {}

    return interpret
