"""Short versions of the reliability campaigns: the same code, for seconds instead of hours."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "campaigns"), str(ROOT / "tests" / "acceptance")]
