"""The operators, one per file. `OPERATORS` is the registry that the compiler, the executor and the docs read.

Importing it loads descriptions only. To add an operator: copy the nearest file, add its class here, its words to
`lexicon/`, its case to the golden tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from refilm.engines.effects.operator import ColourOperator, FrameOperator, Operator
from refilm.engines.effects.operators.autumn import Autumn
from refilm.engines.effects.operators.black_and_white import BlackAndWhite
from refilm.engines.effects.operators.blur import Blur
from refilm.engines.effects.operators.brightness import Brightness
from refilm.engines.effects.operators.cartoon import Cartoon
from refilm.engines.effects.operators.claymation import Claymation
from refilm.engines.effects.operators.color_transfer import ColorTransfer
from refilm.engines.effects.operators.comic import Comic
from refilm.engines.effects.operators.contrast import Contrast
from refilm.engines.effects.operators.cool import Cool
from refilm.engines.effects.operators.cyberpunk import Cyberpunk
from refilm.engines.effects.operators.dream_glow import DreamGlow
from refilm.engines.effects.operators.fade import Fade
from refilm.engines.effects.operators.film_8mm import Film8mm
from refilm.engines.effects.operators.film_grain import FilmGrain
from refilm.engines.effects.operators.fog import Fog
from refilm.engines.effects.operators.golden_hour import GoldenHour
from refilm.engines.effects.operators.mirror import Mirror
from refilm.engines.effects.operators.night import Night
from refilm.engines.effects.operators.noir import Noir
from refilm.engines.effects.operators.oil import Oil
from refilm.engines.effects.operators.patch_style import PatchStyle
from refilm.engines.effects.operators.pencil import Pencil
from refilm.engines.effects.operators.pixel_art import PixelArt
from refilm.engines.effects.operators.rain import Rain
from refilm.engines.effects.operators.reframe import Reframe
from refilm.engines.effects.operators.reverse import Reverse
from refilm.engines.effects.operators.rotate import Rotate
from refilm.engines.effects.operators.saturation import Saturation
from refilm.engines.effects.operators.sepia import Sepia
from refilm.engines.effects.operators.sharpen import Sharpen
from refilm.engines.effects.operators.slow_motion import SlowMotion
from refilm.engines.effects.operators.snow import Snow
from refilm.engines.effects.operators.speed import Speed
from refilm.engines.effects.operators.spring import Spring
from refilm.engines.effects.operators.stabilise import Stabilise
from refilm.engines.effects.operators.summer import Summer
from refilm.engines.effects.operators.teal_orange import TealOrange
from refilm.engines.effects.operators.text import Text
from refilm.engines.effects.operators.tilt_shift import TiltShift
from refilm.engines.effects.operators.tint import Tint
from refilm.engines.effects.operators.vhs import Vhs
from refilm.engines.effects.operators.vignette import Vignette
from refilm.engines.effects.operators.warm import Warm
from refilm.engines.effects.operators.watercolour import Watercolour
from refilm.engines.effects.operators.winter import Winter

_CLASSES: tuple[type[Operator], ...] = (
    Speed,
    SlowMotion,
    Reverse,
    Rotate,
    Reframe,
    Stabilise,
    Mirror,
    Brightness,
    Contrast,
    Saturation,
    Warm,
    Cool,
    BlackAndWhite,
    Sepia,
    TealOrange,
    Fade,
    Spring,
    Summer,
    Autumn,
    Tint,
    ColorTransfer,
    Night,
    GoldenHour,
    Cyberpunk,
    Noir,
    DreamGlow,
    Snow,
    Winter,
    Rain,
    Fog,
    Watercolour,
    Cartoon,
    Pencil,
    PixelArt,
    Comic,
    Oil,
    Claymation,
    PatchStyle,
    Vignette,
    TiltShift,
    Blur,
    Sharpen,
    FilmGrain,
    Film8mm,
    Vhs,
    Text,
)

OPERATORS: Mapping[str, type[Operator]] = MappingProxyType({each.spec.name: each for each in _CLASSES})

#: The names of those that change pixels, and not only the clip's time or shape: what they do is seen in one frame.
DRAWING = tuple(name for name, each in OPERATORS.items() if issubclass(each, ColourOperator | FrameOperator))
