"""Vectors of tokens in their context, each convolution computed once per distinct window.

A token's vector depends on the token and its four neighbours on either side only: four convolutions
over windows of three. A window is three numbers of the layer below, so distinct windows can be
numbered, and their vectors kept.
"""

import numpy as np
import numpy.typing as npt

from tasks.redaction.ner.candidates import Flags, widened
from tasks.redaction.ner.memory import GrowingColumns, HashedRows
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
        self._types = GrowingColumns(windows, vector=empty)
        self._layers = [HashedRows(windows, vector=empty) for _ in network.convolutions]
        self.clear()

    def clear(self) -> None:
        """Forget all but the padding."""
        self._types.clear()
        # Padding is zeros below, but each layer makes something of it: bias and normalisation.
        self._types.append(1, vector=np.zeros((1, self._network.width), dtype=np.float32))
        self.clear_windows(-1)

    def clear_windows(self, most: int) -> None:
        """Forget the windows of the first layer that has more than `most`, and of all above it.

        Those below recur more often. The padding's are kept, and so are types of token.
        """
        counts = [layer.count for layer in self._layers]
        first = next((depth for depth, count in enumerate(counts) if count > most), DEPTH)
        padding = self._types["vector"][PADDING]
        for depth, (convolution, layer) in enumerate(
            zip(self._network.convolutions, self._layers, strict=True)
        ):
            padding = padding + convolution(np.tile(padding, 3)[None])[0]
            if depth >= first:
                layer.clear()
                layer.number(np.array([PADDING]))  # the key of three times the padding: 0
                layer["vector"][PADDING] = padding

    @property
    def top(self) -> HashedRows:
        """The last layer's windows."""
        return self._layers[-1]

    @property
    def remembered(self) -> int:
        """How many windows of its largest layer are remembered."""
        return max(layer.count for layer in self._layers)

    def learn_types(self, vectors: Matrix) -> None:
        """Take the mixed embeddings of further types of token, numbered in order from 1."""
        self._types.append(len(vectors), vector=vectors)

    def encode(self, tokens: Tokens, wanted: Flags | None = None) -> Ints:
        """Return, for each token, the number of its window in `top`.

        Of tokens that are not `wanted` the number means nothing; None: all are.
        """
        places = _places(tokens.lengths)
        row = np.full(len(places) + DEPTH * (len(tokens.lengths) + 1), PADDING, dtype=np.int64)
        row[places] = tokens.types + 1  # types are counted from 0, which is the padding's here
        needed = np.ones(len(row), dtype=bool)
        if wanted is not None:
            needed[:] = False
            needed[places] = wanted
        # each layer needs the neighbours of what the next one needs
        needed_by_layer = [widened(needed, DEPTH - 1 - depth) for depth in range(DEPTH)]

        below: GrowingColumns = self._types
        layers = zip(self._network.convolutions, self._layers, needed_by_layer, strict=True)
        for convolution, layer, needed in layers:
            row = _convolve(row, np.flatnonzero(needed[1:-1]) + 1, convolution, below, layer)
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
    row: Ints,
    places: Ints,
    convolution: Maxout,
    below: GrowingColumns,
    above: HashedRows,
) -> Ints:
    """Return the numbers of the windows around some places of a row, learning the new ones.

    Elsewhere stands the number of the padding. The first and the last of the row are padding and
    stay so.
    """
    keys = (row[places - 1] << (2 * NUMBER_BITS)) | (row[places] << NUMBER_BITS) | row[places + 1]
    numbers, new = above.number(keys)
    if len(new):
        _compute(new, convolution, below["vector"], above["vector"][above.count - len(new) :])

    above_row = np.full_like(row, PADDING)
    above_row[places] = numbers
    return above_row


def _compute(keys: Ints, convolution: Maxout, below: Matrix, vectors: Matrix) -> None:
    """Write the vectors of windows: `keys` says which three of the layer below each is of."""
    shifts = (2 * NUMBER_BITS, NUMBER_BITS, 0)
    windows = np.stack([(keys >> shift) & ((1 << NUMBER_BITS) - 1) for shift in shifts], axis=1)
    for start in range(0, len(keys), BLOCK):
        part = below.take(windows[start : start + BLOCK], axis=0, mode="clip")
        # residual: the middle token's vector is added to what the convolution makes of all three
        computed = convolution(part.reshape(len(part), -1))
        np.add(part[:, 1], computed, out=vectors[start : start + len(part)])
