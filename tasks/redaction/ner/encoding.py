"""Vectors of tokens in their context, each convolution computed once per distinct window.

A token's vector depends on the token and its four neighbours on either side only: four convolutions
over windows of three. A window is three numbers of the layer below, so distinct windows can be
numbered, and their vectors kept.
"""

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.memory import NumberedRows
from tasks.redaction.ner.network import BLOCK, DEPTH, Matrix, Maxout, Network
from tasks.redaction.ner.tokens import Tokens

Ints = npt.NDArray[np.int64]
NUMBER_BITS = 21  # three numbers fit into the 63 bits of a positive integer
PADDING = 0  # the number of what lies beside a text, in every layer


class Encoder:
    """Numbers each token by all that its vector depends on; `top` holds those vectors."""

    def __init__(self, network: Network, windows: int) -> None:
        """Start with nothing remembered and room for `windows` windows a layer; it grows."""
        self._network = network
        empty = np.zeros(network.width, dtype=np.float32)
        self._types: NumberedRows[int] = NumberedRows(windows, vector=empty)
        self._layers: list[NumberedRows[int]] = [
            NumberedRows(windows, vector=empty) for _ in network.convolutions
        ]
        self.clear()

    def clear(self) -> None:
        """Forget all but the padding."""
        # Padding is zeros below, but each layer makes something of it: bias and normalisation.
        padding = np.zeros(self._network.width, dtype=np.float32)
        self._types.clear()
        self._types.add([-1], vector=padding[None])  # a key that no type of token has
        for convolution, layer in zip(self._network.convolutions, self._layers, strict=True):
            padding = padding + convolution(np.tile(padding, 3)[None])[0]
            layer.clear()
            layer.add([PADDING], vector=padding[None])  # the key of three times the padding: 0

    @property
    def top(self) -> NumberedRows[int]:
        """The last layer's windows."""
        return self._layers[-1]

    @property
    def remembered(self) -> int:
        """How many windows of its largest layer are remembered."""
        return max(layer.count for layer in self._layers)

    def learn_types(self, vectors: Matrix) -> None:
        """Take the mixed embeddings of further types of token, numbered in order from 1."""
        first = self._types.count
        self._types.add(list(range(first, first + len(vectors))), vector=vectors)

    def encode(self, tokens: Tokens) -> Ints:
        """Return, for each token, the number of its window in `top`."""
        places = _places(tokens.lengths)
        row = np.full(len(places) + DEPTH * (len(tokens.lengths) + 1), PADDING, dtype=np.int64)
        row[places] = tokens.types + 1  # types are counted from 0, which is the padding's here

        below = self._types
        for convolution, layer in zip(self._network.convolutions, self._layers, strict=True):
            row = _convolve(row, convolution, below, layer)
            below = layer
        return row[places]


def _places(lengths: Ints) -> Ints:
    """Return where tokens lie in one row of all texts.

    Before, between and after the texts lie `DEPTH` numbers of padding, one for each convolution, so
    that no token sees another text.
    """
    text = np.repeat(np.arange(len(lengths)), lengths)
    return np.arange(len(text)) + DEPTH * (text + 1)


def _convolve(
    row: Ints, convolution: Maxout, below: NumberedRows[int], above: NumberedRows[int]
) -> Ints:
    """Return the numbers of the windows around each number of a row, learning the new ones.

    The first and the last of the row are padding and stay so.
    """
    keys = np.zeros_like(row)
    keys[1:-1] = (row[:-2] << (2 * NUMBER_BITS)) | (row[1:-1] << NUMBER_BITS) | row[2:]
    number_of = above.numbers.get  # looked up once: the next line runs for every token and layer
    numbers = np.array([number_of(key, -1) for key in keys.tolist()], dtype=np.int64)
    missing = np.flatnonzero(numbers < 0)
    if not len(missing):
        return numbers

    new, inverse = np.unique(keys[missing], return_inverse=True)
    shifts = (2 * NUMBER_BITS, NUMBER_BITS, 0)
    windows = np.stack([(new >> shift) & ((1 << NUMBER_BITS) - 1) for shift in shifts], axis=1)
    vectors = np.empty((len(new), convolution.width), dtype=np.float32)
    for start in range(0, len(new), BLOCK):
        part = below["vector"][windows[start : start + BLOCK]]
        # residual: the middle token's vector is added to what the convolution makes of all three
        vectors[start : start + BLOCK] = part[:, 1] + convolution(part.reshape(len(part), -1))
    numbers[missing] = above.add(new.tolist(), vector=vectors) + inverse
    return numbers
