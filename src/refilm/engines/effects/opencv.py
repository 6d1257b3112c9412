"""OpenCV without its type hints: they call every picture "any integer or float", which hides what our own say.

Everything here that uses OpenCV imports it from this module. Only `Executor` sets its threads.
"""

from __future__ import annotations

from typing import Any

import cv2 as _cv2

cv2: Any = _cv2
