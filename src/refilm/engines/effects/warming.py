"""Everything that the first edit of a process would otherwise have to load: modules, kernels, fonts, words.

Knows no clip.
"""

from __future__ import annotations

import importlib
import pkgutil

import refilm.engines.effects as package
from refilm.engines.effects import lettering
from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.kernels import warm as warm_kernels
from refilm.engines.effects.language.lexicon import read_all_tables
from refilm.media.preload import preload

#: What is imported inside functions only.
_ELSEWHERE = ("colorsys", "scipy.fft", "scipy.ndimage")
#: Modules that not every installation can import, and that load themselves where they are asked for.
_OPTIONAL = f"{package.__name__}.interpreters"


def warm() -> None:
    """Load it all: an edit then opens no file but those it is given, and the first one is as quick as the second.

    About 10 s where no kernel has ever been compiled, 1 s afterwards.
    """
    preload()
    for name in (*_own_modules(), *_ELSEWHERE):
        importlib.import_module(name)
    warm_kernels()
    lettering.warm()
    read_all_tables()
    compile_prompt("let it snow")


def _own_modules() -> list[str]:
    """The names of this package's modules."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None)
    return [module.name for module in found if not module.name.startswith(_OPTIONAL)]
