"""Vectors of tokens in their context, each convolution computed once per distinct window.

A token's vector depends on the token and its four neighbours on either side only: four convolutions over windows of
three. A window is three numbers of the layer below, so distinct windows can be numbered, and their vectors kept.
"""

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.memory import Numbered
from tasks.redaction.ner.network import BLOCK, DEPTH, Matrix, Maxout, Network
from tasks.redaction.ner.tokens import Tokens

Ints = npt.NDArray[np.int64]
BITS = 21  # of a number: three of them fit into 63 bits
NOBODY = 0  # the number of the padding beside a text, in every layer


class Encoder:
    """Numbers each token by all that its vector depends on; `top` holds the vectors of those numbers."""

    def __init__(self, network: Network, windows: int) -> None:
        """Start with nothing remembered and room for `windows` in each layer; it grows where that is not enough."""
        self._network = network
        empty = np.zeros(network.width, dtype=np.float32)
        self._words: Numbered[int] = Numbered(windows, vector=empty)
        self._layers: list[Numbered[int]] = [
            Numbered(windows, vector=empty) for _ in network.convolutions
        ]
        self.clear()

    def clear(self) -> None:
        """Forget all but the padding."""
        padding = np.zeros(self._network.width, dtype=np.float32)
        self._words.clear()
        self._words.add([-1], vector=padding[None])
        for convolution, layer in zip(self._network.convolutions, self._layers, strict=True):
            padding = padding + convolution(np.tile(padding, 3)[None])[0]
            layer.clear()
            layer.add([0], vector=padding[None])  # a window of padding only

    @property
    def top(self) -> Numbered[int]:
        """The last layer's windows."""
        return self._layers[-1]

    @property
    def remembered(self) -> int:
        """How many windows of its largest layer are remembered."""
        return max(layer.count for layer in self._layers)

    def learn_types(self, vectors: Matrix) -> None:
        """Take the mixed embeddings of further types of token, numbered in order from 1."""
        first = self._words.count
        self._words.add(list(range(first, first + len(vectors))), vector=vectors)

    def encode(self, tokens: Tokens) -> Ints:
        """Return, for each token, the number of its window in `top`; types of token are counted from 0."""
        places = _places(tokens.lengths)
        row = np.full(len(places) + DEPTH * (len(tokens.lengths) + 1), NOBODY, dtype=np.int64)
        row[places] = tokens.types + 1
        below = self._words
        for convolution, layer in zip(self._network.convolutions, self._layers, strict=True):
            row = _convolve(row, convolution, below, layer)
            below = layer
        return row[places]


def _places(lengths: Ints) -> Ints:
    """Return where tokens lie in one row of all texts, with `DEPTH` of padding before, between and after them."""
    text = np.repeat(np.arange(len(lengths)), lengths)
    return np.arange(len(text)) + DEPTH * (text + 1)


def _convolve(row: Ints, convolution: Maxout, below: Numbered[int], above: Numbered[int]) -> Ints:
    keys = np.zeros_like(row)
    keys[1:-1] = (row[:-2] << (2 * BITS)) | (row[1:-1] << BITS) | row[2:]
    known = above.numbers.get
    found = np.array([known(key, -1) for key in keys.tolist()], dtype=np.int64)
    missing = np.flatnonzero(found < 0)
    if len(missing):
        new, inverse = np.unique(keys[missing], return_inverse=True)
        window = np.stack(
            [(new >> shift) & ((1 << BITS) - 1) for shift in (2 * BITS, BITS, 0)], axis=1
        )
        vectors = np.empty((len(new), convolution.width), dtype=np.float32)
        for start in range(0, len(new), BLOCK):
            part = below["vector"][window[start : start + BLOCK]]
            vectors[start : start + BLOCK] = part[:, 1] + convolution(part.reshape(len(part), -1))
        found[missing] = above.add(new.tolist(), vector=vectors) + inverse
    return found
