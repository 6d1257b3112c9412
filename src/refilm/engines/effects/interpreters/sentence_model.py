"""A sentence model of the BERT kind in plain numpy: texts to vectors whose products tell how alike they mean.

Reads the folder of a model as it is published: `config.json`, `model.safetensors` (float32 or float16), the tokenizer,
and what there is of `modules.json` and pooling. Weights are mapped, not read: a model costs the memory of the pages
that it touches. About 10 ms for a clause with the six layers of all-MiniLM-L6-v2. Knows nothing of prompts.

After Devlin et al., "BERT" (2019), and Reimers and Gurevych, "Sentence-BERT" (2019).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from refilm.engines.effects.interpreters.wordpiece import WordPiece
from refilm.errors import Unavailable

Array = NDArray[np.float32]
#: Text and the most tokens of it, to token numbers.
Encode = Callable[[str, int], list[int]]

#: Tokens of a text that are looked at. Clauses are far shorter.
MOST_TOKENS = 128
#: Texts that are worked on together; more need more memory and are no quicker.
_MOST_TOGETHER = 64
_TYPES = {"F32": np.float32, "F16": np.float16}


class UnusableModel(Unavailable):
    """A folder does not hold a sentence model that can be used; the sentence says why."""


@dataclass(frozen=True)
class SentenceModel:
    """A loaded model. layers, heads: of its encoder.  epsilon: of its normalisations.  first: whether the vector of a
    text is that of its first token instead of the mean of all.
    """

    weights: Mapping[str, Array]
    encode: Encode
    layers: int
    heads: int
    epsilon: float
    first: bool = False

    @classmethod
    def load(cls, folder: Path) -> SentenceModel:
        """The model in `folder`. Raises UnusableModel."""
        try:
            config = _read_json(folder / "config.json")
            weights = read_safetensors(folder / "model.safetensors")
            model = cls(
                weights,
                read_tokenizer(folder, lowercase=_lowercase(folder)),
                layers=int(config["num_hidden_layers"]),
                heads=int(config["num_attention_heads"]),
                epsilon=float(config["layer_norm_eps"]),
                first=_pools_first(folder),
            )
            if config.get("hidden_act", "gelu") != "gelu" or config.get("model_type") != "bert":
                raise UnusableModel(f"{folder} holds no sentence model of the BERT kind.")
            model.embed(["a trial"])
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise UnusableModel(f"{folder} holds no sentence model that can be used: {error!r}.") from error
        return model

    def embed(self, texts: Sequence[str]) -> Array:
        """One row of length 1 for each text, (n, width) float32. Texts of as many tokens are worked on together."""
        rows = np.zeros((len(texts), self.weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
        alike: dict[int, list[int]] = {}
        encoded = [self.encode(text, MOST_TOKENS) for text in texts]
        for position, tokens in enumerate(encoded):
            alike.setdefault(len(tokens), []).append(position)
        for positions in alike.values():
            for start in range(0, len(positions), _MOST_TOGETHER):
                group = positions[start : start + _MOST_TOGETHER]
                rows[group] = self._embed(np.array([encoded[position] for position in group]))
        return rows

    def _embed(self, tokens: NDArray[np.int64]) -> Array:
        """(texts, width) for (texts, tokens)."""
        states = self._embedded(tokens)
        for layer in range(self.layers):
            states = self._layer(f"encoder.layer.{layer}", states)
        pooled = states[:, 0] if self.first else states.mean(axis=1)
        unit = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), np.float32(1e-12))
        return np.asarray(unit, np.float32)

    def _embedded(self, tokens: NDArray[np.int64]) -> Array:
        words = self.weights["embeddings.word_embeddings.weight"][tokens]
        places = self.weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        kind = self.weights["embeddings.token_type_embeddings.weight"][0]
        return self._normalised("embeddings.LayerNorm", words + places + kind)

    def _layer(self, name: str, states: Array) -> Array:
        attended = self._dense(f"{name}.attention.output.dense", self._attention(f"{name}.attention.self", states))
        states = self._normalised(f"{name}.attention.output.LayerNorm", states + attended)
        wide = self._dense(f"{name}.intermediate.dense", states)
        wide = (0.5 * wide * (1 + erf(wide / math.sqrt(2)))).astype(np.float32)
        return self._normalised(f"{name}.output.LayerNorm", states + self._dense(f"{name}.output.dense", wide))

    def _attention(self, name: str, states: Array) -> Array:
        """Scaled dot-product attention of every token to every other of its text, head by head."""
        texts, length, width = states.shape
        queries, keys, values = (
            self._dense(f"{name}.{part}", states).reshape(texts, length, self.heads, -1).swapaxes(1, 2)
            for part in ("query", "key", "value")
        )
        scores = queries @ keys.swapaxes(2, 3) / math.sqrt(width / self.heads)
        shares = np.exp(scores - scores.max(axis=3, keepdims=True))
        shares /= shares.sum(axis=3, keepdims=True)
        joined: Array = (shares @ values).swapaxes(1, 2).reshape(texts, length, width)
        return joined

    def _dense(self, name: str, states: Array) -> Array:
        flat = states.reshape(-1, states.shape[-1])
        product: Array = flat @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return product.reshape(*states.shape[:-1], -1)

    def _normalised(self, name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + self.epsilon)
        scaled = centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return np.asarray(scaled, np.float32)


def read_safetensors(path: Path) -> dict[str, Array]:
    """The floating-point tensors of a file, float32; float32 ones are mapped, not read. Raises OSError, ValueError.

    The format: eight bytes of length (little endian), that many bytes of JSON, the tensors' bytes.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > 100_000_000:
            raise ValueError(f"{path.name} is no safetensors file")
        header: dict[str, Any] = json.loads(file.read(length))
    content = np.memmap(path, np.uint8, "r", offset=8 + length)
    tensors = {}
    for name, told in header.items():
        if told.get("dtype") in _TYPES:
            begin, end = told["data_offsets"]
            stored = content[begin:end].view(_TYPES[told["dtype"]]).reshape(told["shape"])
            tensors[name.removeprefix("bert.")] = np.asarray(stored, np.float32)
    return tensors


def read_tokenizer(folder: Path, *, lowercase: bool) -> Encode:
    """How the model in `folder` turns text to token numbers. Raises OSError, KeyError, UnusableModel.

    WordPiece is our own; every other kind, as multilingual models have it, needs the package `tokenizers`.
    """
    described = folder / "tokenizer.json"
    kind = _read_json(described)["model"].get("type") if described.exists() else "WordPiece"
    if kind == "WordPiece":
        words = (folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
        wordpiece = WordPiece({word: number for number, word in enumerate(words)}, lowercase)
        return lambda text, most: wordpiece.encode(text, most=most)
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UnusableModel(
            f"The model in {folder} has a tokenizer of the kind {kind}; install refilm[embedding] for it."
        ) from error
    tokenizer = Tokenizer.from_file(str(described))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda text, most: list(tokenizer.encode(text).ids[:most])


def _lowercase(folder: Path) -> bool:
    settings = folder / "tokenizer_config.json"
    return bool(_read_json(settings).get("do_lower_case", True)) if settings.exists() else True


def _pools_first(folder: Path) -> bool:
    settings = folder / "1_Pooling" / "config.json"
    return bool(_read_json(settings).get("pooling_mode_cls_token")) if settings.exists() else False


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
