"""The weights of a spaCy `ner` whose network this package can compute, laid out for batches.

The network is spaCy's `MultiHashEmbed`, `MaxoutWindowEncoder` (depth 4, window 1) and
`TransitionBasedParser` (Honnibal and Montani): four hash embeddings and a static vector per token,
mixed; four residual convolutions over three tokens; a linear layer; then a state of three tokens
that scores the next transition. Any other network is refused.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

DEPTH = 4  # convolutions, so a token sees four neighbours on either side
TABLE_COLUMNS = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
STATE_TOKENS = 3  # the next token, the first of the open entity, the one before the next
EPSILON = np.float32(1e-8)  # thinc's layer normalisation
BLOCK = 1024  # rows that are best computed at once: what fits into the processor's cache


@dataclass(frozen=True)
class Maxout:
    """A maxout layer with layer normalisation (thinc's `maxout >> layernorm`).

    The pieces of an output lie side by side: `outputs` columns of the first, then of the second.
    """

    weights: Matrix  # (inputs, pieces * outputs)
    bias: Matrix  # (pieces * outputs)
    gain: Matrix
    shift: Matrix
    pieces: int

    @classmethod
    def of(cls, maxout: Any, layernorm: Any) -> "Maxout":
        """Return thinc's layer in this layout."""
        weights, bias = _pieces_side_by_side(maxout.get_param("W"), maxout.get_param("b"))
        pieces = maxout.get_param("W").shape[1]
        return cls(weights, bias, layernorm.get_param("G"), layernorm.get_param("b"), pieces)

    @property
    def width(self) -> int:
        """How many outputs there are."""
        return len(self.gain)

    def __call__(self, inputs: Matrix) -> Matrix:
        """Return the layer's outputs; fastest for at most `BLOCK` rows."""
        # in place, and in thinc's order of operations: the results have to be the same
        best = largest_piece(inputs @ self.weights + self.bias, self.pieces)
        best -= best.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", best, best) / np.float32(best.shape[1])
        best *= (1 / np.sqrt(variance + EPSILON))[:, None]
        best *= self.gain
        best += self.shift
        return best


@dataclass(frozen=True)
class Embedding:
    """The hash embeddings, the static vectors' projection, and the layer that mixes them."""

    tables: tuple[tuple[str, Any], ...]  # column -> thinc's hash embedding
    static: Matrix
    mix: Maxout


@dataclass(frozen=True)
class StateScorer:
    """Scores the transitions of a state of three tokens; an absent one has a vector of its own."""

    features: tuple[Matrix, ...]  # one matrix a state token
    absent: Matrix  # (state tokens, pieces * hidden): what a token that is not there adds
    bias: Matrix  # (pieces * hidden)
    pieces: int
    upper: Matrix  # (hidden, transitions)
    upper_bias: Matrix

    def closed(self, states: Matrix) -> Matrix:
        """Return the scores while no entity is open: only the next token is there."""
        return self._scores(states @ self.features[0] + (self.absent[1] + self.absent[2]))

    def open(self, next_token: Matrix, first: Matrix, previous: Matrix) -> Matrix:
        """Return the scores while an entity is open; `first` is what `opened` returned for it."""
        return self._scores(next_token @ self.features[0] + first + previous @ self.features[2])

    def opened(self, states: Matrix) -> Matrix:
        """Return what an entity's first token adds to all later states of that entity."""
        added: Matrix = states @ self.features[1]
        return added

    def _scores(self, sums: Matrix) -> Matrix:
        scores: Matrix = largest_piece(sums + self.bias, self.pieces) @ self.upper + self.upper_bias
        return scores


@dataclass(frozen=True)
class Network:
    """All layers of one recogniser."""

    embedding: Embedding
    convolutions: tuple[Maxout, ...]
    projection: tuple[Matrix, Matrix]
    scorer: StateScorer

    @property
    def width(self) -> int:
        """The length of a token's vector."""
        return self.embedding.mix.width

    def states(self, vectors: Matrix) -> Matrix:
        """Return the vectors as the scorer reads them."""
        states: Matrix = vectors @ self.projection[0] + self.projection[1]
        return states


def network_of(model: Any) -> Network:
    """Return the layers of a thinc model.

    Raises:
        ValueError: It is another network than the one this package computes.
    """
    # the head: a state of three tokens
    tok2vec, lower, upper = model.layers
    if not model.attrs.get("has_upper") or lower.name != "precomputable_affine":
        raise ValueError("another parser model")
    if lower.get_param("W").shape[0] != STATE_TOKENS:
        raise ValueError("another state")

    # the encoder: its layers by name, each once, in the order in which they are computed
    nodes = list({id(node): node for node in tok2vec.walk()}.values())
    maxouts = _named(nodes, "maxout")
    norms = _named(nodes, "layernorm")
    tables = _named(nodes, "hashembed")
    windows = _named(nodes, "expand_window")
    (extract,), (static,), (linear,) = (
        _named(nodes, name) for name in ("extract_features", "static_vectors", "linear")
    )
    has_same_columns = extract.attrs["columns"] == TABLE_COLUMNS
    if not has_same_columns or len(tables) != len(TABLE_COLUMNS) or len(maxouts) != DEPTH + 1:
        raise ValueError("another token encoder")
    is_wider = any(node.attrs["window_size"] != 1 for node in windows)
    if static.attrs["key_attr"] != "ORTH" or is_wider:
        raise ValueError("another token encoder")

    mix, *convolutions = (Maxout.of(*layers) for layers in zip(maxouts, norms, strict=True))
    named_tables = tuple((TABLE_COLUMNS[table.attrs["column"]], table) for table in tables)
    return Network(
        Embedding(named_tables, static.get_param("W").T, mix),
        tuple(convolutions),
        (np.ascontiguousarray(linear.get_param("W").T), linear.get_param("b")),
        _scorer(lower, upper),
    )


def largest_piece(raw: Matrix, pieces: int) -> Matrix:
    """Return, for each output, the largest of its pieces, which lie `outputs` columns apart."""
    outputs = raw.shape[1] // pieces
    best: Matrix = raw[:, :outputs]
    for piece in range(1, pieces):
        best = np.maximum(best, raw[:, piece * outputs : (piece + 1) * outputs])
    return best


def _scorer(lower: Any, upper: Any) -> StateScorer:
    """Return the head in this layout.

    thinc's weights are (state tokens, hidden, pieces, inputs).
    """
    weights = lower.get_param("W")
    bias = lower.get_param("b")
    features = tuple(_pieces_side_by_side(weights[token], bias)[0] for token in range(STATE_TOKENS))
    pieces = weights.shape[2]
    absent = (
        lower.get_param("pad")
        .reshape(STATE_TOKENS, -1, pieces)
        .transpose(0, 2, 1)
        .reshape(STATE_TOKENS, -1)
    )
    flat_bias = np.ascontiguousarray(bias.T).reshape(-1)

    return StateScorer(
        features,
        absent,
        flat_bias,
        pieces,
        np.ascontiguousarray(upper.get_param("W").T),
        upper.get_param("b"),
    )


def _pieces_side_by_side(weights: Any, bias: Any) -> tuple[Matrix, Matrix]:
    """Return weights (outputs, pieces, inputs) as (inputs, pieces * outputs), and their bias.

    One product then computes all pieces, and the largest is found by comparing whole blocks.
    """
    outputs, pieces, inputs = weights.shape
    moved = weights.transpose(1, 0, 2).reshape(pieces * outputs, inputs)
    return np.ascontiguousarray(moved.T), np.ascontiguousarray(bias.T).reshape(-1)


def _named(nodes: list[Any], name: str) -> list[Any]:
    return [node for node in nodes if node.name == name]
