"""The sentence model in numpy gives the vectors that its authors publish, and its tokenizer is the reference's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from refilm.bootstrap.lending import sentence_model_folder
from refilm.engines.effects.interpreters.sentence_model import (
    MOST_TOKENS,
    SentenceModel,
    UnusableModel,
    read_safetensors,
    read_tokenizer,
)
from refilm.errors import Unavailable

#: The example of the model's own documentation, with the similarities that it prints.
PUBLISHED = ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
SIMILARITIES = [[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]]


@pytest.fixture(scope="module")
def model(model_folder: Path) -> SentenceModel:
    """all-MiniLM-L6-v2."""
    return SentenceModel.load(model_folder)


def copied(model_folder: Path, folder: Path, *names: str) -> Path:
    """A folder with some of the model's files; the weights are linked."""
    folder.mkdir()
    for name in names:
        if name == "model.safetensors":
            (folder / name).symlink_to(model_folder / name)
        else:
            shutil.copy(model_folder / name, folder / name)
    return folder


def test_vectors_are_as_published(model):
    """The similarities of the documentation's example, to all four printed digits."""
    vectors = model.embed(PUBLISHED)

    np.testing.assert_allclose(vectors @ vectors.T, SIMILARITIES, atol=6e-5)


def test_a_text_has_one_vector_whatever_stands_beside_it(model):
    """Working on texts together changes them by rounding at most; rows keep their order and have length 1."""
    texts = ["snow", "as if it had been snowing for days", *PUBLISHED, "rain", ""]

    together = model.embed(texts)

    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together, np.concatenate([model.embed([text]) for text in texts]), atol=2e-5)
    assert model.embed([]).shape == (0, together.shape[1])


def test_long_texts_are_cut(model):
    """A text of any length is a row; what lies behind the limit does not count."""
    long = "word " * 5000

    assert len(model.encode(long, MOST_TOKENS)) == MOST_TOKENS
    np.testing.assert_allclose(model.embed([long]), model.embed([long + "other end"]), atol=1e-6)


@pytest.fixture(scope="module")
def spellings(model: SentenceModel, model_folder: Path) -> Callable[[str], tuple[list[int], list[int]]]:
    """A text's token numbers, ours and those of the reference implementation."""
    reference = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    reference.no_padding()
    reference.no_truncation()
    return lambda text: (model.encode(text, 10_000), reference.encode(text).ids)


@given(
    text=st.text(st.characters(max_codepoint=0x5FF), max_size=60)
    | st.text(alphabet="abcdeé çÅßæ'-.,!?1290中文한국ñüộ😀\t\u200d", max_size=60)
)
@settings(max_examples=200, deadline=None)
def test_wordpiece_is_the_reference(spellings, text):
    """Any text gives the token numbers that the reference gives. Of young scripts the two may know different ages."""
    ours, theirs = spellings(text)

    assert ours == theirs


@pytest.mark.parametrize("text", ["x" * 101, "Unbelievable, isn't it?", "naïve café", "水彩画风格", "trời mưa tầm tã"])
def test_wordpiece_on_odd_words(spellings, text):
    """Words too long, accents, ideographs and Vietnamese."""
    ours, theirs = spellings(text)

    assert ours == theirs


def test_other_tokenizers_are_read_by_their_package(model_folder, tmp_path):
    """A model with a Unigram tokenizer, as multilingual ones have it, embeds by that."""
    folder = copied(model_folder, tmp_path / "multilingual", "config.json", "model.safetensors")
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁snow", -1.0), ("▁", -2.0), ("rain", -2.0)], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(folder / "tokenizer.json"))

    model = SentenceModel.load(folder)

    assert model.encode("snow rain", 10) == [1, 2, 3]
    assert model.embed(["snow"]).shape == (1, 384)


def test_half_precision_and_prefixed_weights(tmp_path):
    """float16 is widened, the prefix of some checkpoints is dropped, integers are passed over."""
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    header = {
        "__metadata__": {"format": "pt"},
        "bert.pooler": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]},
        "position_ids": {"dtype": "I64", "shape": [1], "data_offsets": [12, 20]},
    }
    told = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(told).to_bytes(8, "little") + told + values.tobytes() + bytes(8))

    tensors = read_safetensors(path)

    assert list(tensors) == ["pooler"]
    assert tensors["pooler"].dtype == np.float32
    np.testing.assert_array_equal(tensors["pooler"], values)


def test_folders_that_hold_no_model(model_folder, tmp_path):
    """Missing, foreign and broken files are one error of ours that names the folder."""
    broken = copied(model_folder, tmp_path / "broken", "config.json", "vocab.txt")
    (broken / "model.safetensors").write_bytes(b"\xff" * 100)
    gpt = copied(model_folder, tmp_path / "gpt", "vocab.txt", "model.safetensors")
    config = json.loads((model_folder / "config.json").read_text())
    (gpt / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    deep = copied(model_folder, tmp_path / "deep", "vocab.txt", "model.safetensors")
    (deep / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 7}))

    for folder in (tmp_path, broken, gpt, deep):
        with pytest.raises(UnusableModel, match=folder.name):
            SentenceModel.load(folder)


def test_a_missing_package_is_named(model_folder, tmp_path, monkeypatch):
    """Without the package that a tokenizer needs, the sentence says what to install."""
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "Unigram"}}))

    with pytest.raises(UnusableModel, match=r"refilm\[embedding\]"):
        read_tokenizer(tmp_path, lowercase=True)


def test_the_setting_names_a_folder_or_a_package(model_folder, tmp_path):
    """A folder is itself, a package is where its weights lie, anything else is refused with a sentence."""
    assert sentence_model_folder(str(model_folder)) == model_folder
    for named in ("no-such-package-anywhere", "numpy", str(tmp_path)):
        with pytest.raises(Unavailable):
            sentence_model_folder(named)
