"""What an operator is: its description, for people and for the compiler, and the shape of the class that does the work.

Importing this module, or any module of `operators`, loads neither numpy nor a kernel: descriptions are read by parts
that never touch a pixel. Knows nothing of prompts and nothing of files.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from refilm.engines.effects.plan import STAGES, Step, Value
from refilm.engines.effects.spans import check, told

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from refilm.engines.effects.camera_path import CameraPath
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes
    from refilm.media.retiming import Retiming

    #: Colours as (..., 3) floats, R'G'B' gamma-coded, 0..1.
    Colours = NDArray[np.float64]

#: About how long one 1280x720 frame takes on one core: S 2 ms, M 10 ms, L 35 ms, XL more.
Cost = Literal["S", "M", "L", "XL"]
#: Whether the result is as easy to encode as a plain clip, or full of fine moving detail.
Noise = Literal["clean", "noisy"]
#: What an operator may ask for: analyses of the clip, samples of its colours, or a picture from the request.
NEEDS = frozenset({"flow", "motion", "stabilised", "orientation", "sky", "samples", "reference", "path"})


@dataclass(frozen=True)
class Parameter:
    """One setting of an operator: a number from `low` to `high`, one of `choices`, or free text.

    longest: how many characters of free text it takes, 0 where it takes none.
    """

    default: Value
    low: float | None = None
    high: float | None = None
    meaning: str = ""
    choices: tuple[Value, ...] = ()
    longest: int = 0

    def __post_init__(self) -> None:
        if not self.accepts(self.default):
            raise ValueError(f"The default {self.default!r} lies outside its own parameter: {self}.")

    def accepts(self, value: Value) -> bool:
        """Whether `value` is one that the operator can work with."""
        if self.choices:
            return any(type(value) is type(choice) and value == choice for choice in self.choices)
        if self.longest:
            return isinstance(value, str) and _is_writable(value, self.longest)
        if isinstance(value, bool | str) or self.low is None or self.high is None:
            return False
        return math.isfinite(value) and self.low <= value <= self.high

    @property
    def accepted(self) -> str:
        """What the parameter takes, in words."""
        if self.choices:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.longest:
            return f"text of at most {self.longest} characters that the packaged fonts have"
        return f"a number from {self.low:g} to {self.high:g}"


def _is_writable(text: str, longest: int) -> bool:
    from refilm.engines.effects.typeface import missing

    return bool(text.strip()) and len(text) <= longest and not missing(text)


@dataclass(frozen=True)
class OperatorSpec:
    """The description of an operator.

    name: the registry's key.  title, summary: for people.  stage: when it works, one of `plan.STAGES`.
    needs: of `NEEDS`.  subsumes: names of operators that this one already contains, so that asking for both is asking
    for this one.  spans: whether it can work on a part of the clip's time; what gives the clip another course or
    another shape cannot.
    """

    name: str
    title: str
    summary: str
    stage: str
    parameters: Mapping[str, Parameter]
    cost: Cost
    noise: Noise = "clean"
    needs: frozenset[str] = frozenset()
    subsumes: frozenset[str] = frozenset()
    spans: bool = True

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ValueError(f"{self.name}: there is no stage {self.stage!r}.")
        if not self.needs <= NEEDS:
            raise ValueError(f"{self.name}: nobody can provide {sorted(self.needs - NEEDS)}.")

    def resolve(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """All parameters: those given, checked, and the defaults of the rest. Raises ValueError with a sentence."""
        for name, value in given.items():
            if name not in self.parameters:
                raise ValueError(f"{self.title} has no parameter {name!r}; it has {sorted(self.parameters)}.")
            if not self.parameters[name].accepts(value):
                raise ValueError(f"{self.title}: {name} must be {self.parameters[name].accepted}, not {value!r}.")
        return {name: given.get(name, parameter.default) for name, parameter in self.parameters.items()}

    def resolve_step(self, step: Step) -> Step:
        """`step` with every parameter filled in. Raises ValueError with a sentence, also for a span that cannot be."""
        if step.span is not None:
            if not self.spans:
                raise ValueError(f"{self.title} changes the clip as a whole and cannot be had {told(step.span)} only.")
            check(step.span)
        return replace(step, parameters=self.resolve(step.parameters))


def no_samples() -> Colours:
    """Colours of a clip that nobody has looked at: none."""
    import numpy as np

    return np.zeros((0, 3))


@dataclass(frozen=True)
class Setting:
    """What an operator is prepared for: one clip, one seed, one set of parameters.

    size: (width, height) of the frames, even.  matrix: "709" or "601".  frame_rate: frames per second.
    parameters: complete, as `OperatorSpec.resolve` gives them.  references: the request's pictures, (h, w, 3) uint8.
    samples: (n, 3) colours of frames spread over the clip, as they arrive at this operator; asked for only where
    the operator's spec needs them, because the clip is read for it.  path: where the camera went, for the same reason
    None where nobody needs it.
    """

    size: tuple[int, int]
    matrix: str = "709"
    frame_rate: Fraction = Fraction(25)
    seed: int = 0
    parameters: Mapping[str, Value] = field(default_factory=dict)
    references: tuple[NDArray[np.uint8], ...] = ()
    samples: Callable[[], Colours] = no_samples
    path: CameraPath | None = None

    def number(self, name: str) -> float:
        """The parameter `name` as a float."""
        return float(self.parameters[name])

    @property
    def scale(self) -> float:
        """How much larger than 1280x720 the frames are: constants in pixels are meant for a short side of 720."""
        return min(self.size) / 720


class Operator(ABC):
    """One edit step. An instance works on one clip: `prepare` once, then its frames in order.

    A class is a ColourOperator, a FrameOperator, or both: then its colour comes first and its frame work after. Or it
    is a TimeOperator or a ShapeOperator and nothing else.
    """

    spec: ClassVar[OperatorSpec]

    @abstractmethod
    def prepare(self, setting: Setting) -> None:
        """Bake whatever depends only on the setting: tables, textures, particles."""


class ColourOperator(Operator):
    """An operator, or the part of one, that maps each colour to a colour wherever it is and whenever.

    Consecutive ones are fused and baked into one table, so that ten of them cost what one costs.
    """

    @abstractmethod
    def colour(self, rgb: Colours) -> Colours:
        """The new colours for `rgb`, (..., 3) floats 0..1; results outside 0..1 are clipped. Pure."""


class FrameOperator(Operator):
    """An operator that looks at whole frames."""

    @abstractmethod
    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` from `before`, planes of the prepared size.

        The two may be the same planes: read what is needed before it is overwritten. The result depends on the frame,
        the seed and the state that the operator declares in `prepare`, which a cut resets (`context.cut`).
        """


class TimeOperator(Operator):
    """An operator that changes which frames are shown when. It works on the stream, before any that sees a picture."""

    @property
    @abstractmethod
    def retiming(self) -> Retiming:
        """What becomes of the clip's time, once prepared."""


class ShapeOperator(Operator):
    """An operator that changes the shape of the clip and no pixel of it: `framing` works out the sizes.

    `prepare` sees the parameters alone; the sizes are known only once all such operators are.
    """
