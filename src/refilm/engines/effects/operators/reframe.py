"""The picture in another shape."""

from __future__ import annotations

from refilm.engines.effects.operator import OperatorSpec, Parameter, Setting, ShapeOperator

#: Width to height, as it is said and as it is counted.
SHAPES = {"1:1": (1, 1), "4:3": (4, 3), "16:9": (16, 9), "9:16": (9, 16), "3:4": (3, 4), "21:9": (21, 9), "4:5": (4, 5)}


class Reframe(ShapeOperator):
    """The picture in another shape; see `framing` for the sizes."""

    spec = OperatorSpec(
        name="reframe",
        title="Reframe",
        summary=(
            "Gives the clip another shape: cuts its middle out, or keeps the whole picture beside bars, black or made "
            "of the picture mirrored and blurred; or keeps the shape and lays black bars over it."
        ),
        stage="geometry",
        parameters={
            "shape": Parameter("21:9", choices=tuple(SHAPES), meaning="width to height"),
            "mode": Parameter(
                "crop",
                choices=("crop", "fit", "fill", "letterbox"),
                meaning=(
                    "crop cuts the middle out; fit keeps the whole picture between black bars, fill between blurred "
                    "ones; letterbox keeps the frame's size and covers what lies outside the shape"
                ),
            ),
        },
        cost="S",
        spans=False,
    )

    def prepare(self, setting: Setting) -> None:
        self.shape = SHAPES[str(setting.parameters["shape"])]
        self.mode = str(setting.parameters["mode"])
