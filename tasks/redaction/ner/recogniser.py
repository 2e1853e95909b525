"""A pipeline's `ner` on plain texts, faster; and the proof that it finds the same."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from tasks.redaction.ner.candidates import (
    NAME_LABELS,
    NOUN,
    OPENING,
    QUIET,
    TELLING,
    Flags,
    Hint,
    candidates,
    ends_sentence,
)
from tasks.redaction.ner.decoding import Decoder
from tasks.redaction.ner.encoding import Encoder
from tasks.redaction.ner.memory import GrowingColumns
from tasks.redaction.ner.network import Matrix, Network, network_of
from tasks.redaction.ner.tokens import TokenizedText, Tokenizer, Tokens

NAME_LIKE = "in {}."  # where the network is asked whether a word may be a name
# windows of a layer, or runs of characters; then all is forgotten, so that memory stays bounded
REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Entity:
    """Characters `start` to before `end`, and the label that the pipeline gives."""

    start: int
    end: int
    label: str


class FastNer:
    """The `ner` of a spaCy pipeline.

    It remembers what it has computed; what it finds does not depend on that. What is interrupted
    half-way is forgotten whole.

    Not safe for threads by itself: `names.NameFinder` lets one in at a time.
    """

    def __init__(self, pipeline: Any) -> None:
        """Take a pipeline's layers.

        Raises:
            ValueError: Its network or its tokenizer is not of the kind that this class computes.
            KeyError: The same, where a layer or a parameter is not there at all.
        """
        from spacy.tokenizer import Tokenizer as SpacyTokenizer

        self._pipeline = pipeline
        self._ner = pipeline.get_pipe("ner")
        if type(pipeline.tokenizer) is not SpacyTokenizer:
            raise ValueError("another tokenizer")
        self._network: Network = network_of(self._ner.model)
        self._threads = ThreadpoolController()
        self._tokenizer = Tokenizer(pipeline)
        # room for a batch on top: what is remembered is looked at between batches only
        self._encoder = Encoder(self._network, REMEMBERED + REMEMBERED // 4)
        self._decoder = Decoder(self._network, self._ner)
        self._embedded = 0  # types of token whose embeddings the encoder has learnt
        self._hint: Hint | None = None
        self._hints = GrowingColumns(hint=0, ends_sentence=False)  # by type of token
        # Of the dictionary's nouns that were met: is it a name? Bounded by the dictionary.
        self._is_name: dict[str, bool] = {}

    def find(self, texts: list[str], hint: Hint | None = None) -> list[list[Entity]]:
        """Return the entities of each text, in order.

        With `hint`, which says of a word what it tells about names, only those around telling words
        (`candidates.py`).
        """
        # one thread: the matrices are too small for more to pay
        with self._threads.limit(limits=1, user_api="blas"):
            try:
                return self._find(texts, hint)
            except BaseException:
                # Its tables count on each other: after an error, or Ctrl-C, one may know of more
                # than the next, and every later answer would be wrong without a word.
                self._forget()
                raise

    def words(self, texts: list[str]) -> list[TokenizedText]:
        """Return the tokens of each text."""
        if self._tokenizer.remembered > REMEMBERED:
            self._forget()

        try:
            tokens = self._tokenizer.cut(texts)
        except BaseException:
            self._forget()
            raise

        words = self._tokenizer.words
        starts = tokens.start.tolist()
        ends = tokens.end.tolist()
        types = tokens.types.tolist()
        words_by_text: list[TokenizedText] = []
        first = 0
        for length in tokens.lengths.tolist():
            of_text = slice(first, first + length)
            written = [words[number] for number in types[of_text]]
            words_by_text.append(TokenizedText(starts[of_text], ends[of_text], written))
            first += length

        return words_by_text

    def _find(self, texts: list[str], hint: Hint | None) -> list[list[Entity]]:
        if self._tokenizer.remembered > REMEMBERED:
            self._forget()
        elif self._encoder.remembered > REMEMBERED:
            self._encoder.clear_windows(REMEMBERED)
            self._decoder.clear()
        return self._read(texts, hint)

    def _read(self, texts: list[str], hint: Hint | None) -> list[list[Entity]]:
        tokens = self._tokenizer.cut(texts)
        wanted = None if hint is None else self._candidates(tokens, hint)
        types = self._tokenizer.types
        if types.count > self._embedded:
            self._encoder.learn_types(self._embeddings())
        numbers = self._encoder.encode(tokens, wanted)
        top = self._encoder.top
        spaces = types["space"][tokens.types]
        decoded = self._decoder.decode(
            numbers, top["vector"][: top.count], spaces, tokens.lengths, wanted
        )

        starts = tokens.start
        ends = tokens.end
        labels = self._decoder.labels
        return [
            [
                Entity(int(starts[entity.first]), int(ends[entity.end - 1]), labels[entity.label])
                for entity in entities
            ]
            for entities in decoded
        ]

    def _candidates(self, tokens: Tokens, hint: Hint) -> Flags:
        """Return which tokens are worth reading."""
        if hint != self._hint:  # of another one nothing is remembered
            self._hints.clear()
            self._hint = hint
        new = self._tokenizer.words[self._hints.count :]
        hints = [hint(word) for word in new]
        nouns = {word.lower() for word, given in zip(new, hints, strict=True) if given == NOUN}
        if unasked := sorted(nouns - self._is_name.keys()):
            # The network says it best: is the noun a name where it stands like one?
            alone = self._read([NAME_LIKE.format(noun.capitalize()) for noun in unasked], None)
            for noun, entities in zip(unasked, alone, strict=True):
                self._is_name[noun] = any(entity.label in NAME_LABELS for entity in entities)

        settled = [
            self._settle(word) if given == NOUN else given
            for word, given in zip(new, hints, strict=True)
        ]
        self._hints.append(
            len(new),
            hint=np.array(settled, dtype=np.int64),
            ends_sentence=np.array([ends_sentence(word) for word in new], dtype=bool),
        )
        types = tokens.types
        return candidates(tokens, self._hints["hint"][types], self._hints["ends_sentence"][types])

    def _settle(self, noun: str) -> int:
        if self._is_name[noun.lower()]:
            return TELLING
        return QUIET if noun.islower() else OPENING

    def _forget(self) -> None:
        self._tokenizer.clear()
        self._encoder.clear()
        self._decoder.clear()
        self._hints.clear()
        self._embedded = 0

    def _embeddings(self) -> Matrix:
        """Return the mixed embeddings of the types of token that are new since the last time."""
        types = self._tokenizer.types
        embedding = self._network.embedding
        new = slice(self._embedded, types.count)
        self._embedded = types.count

        parts = [table.predict(types[column][new]) for column, table in embedding.tables]
        # a word without a static vector of its own has zeros
        vectors = self._pipeline.vocab.vectors
        rows = vectors.find(keys=types["ORTH"][new])
        static = vectors.data[rows] @ embedding.static
        static[rows < 0] = 0
        return embedding.mix(np.concatenate([*parts, static], axis=1))


def same_as_spacy(fast: FastNer, pipeline: Any, texts: list[str]) -> bool:
    """Say whether the fast recogniser finds in `texts` exactly what the pipeline's own finds."""
    theirs = pipeline.get_pipe("ner").pipe(map(pipeline.make_doc, texts), batch_size=64)
    return all(
        ours == [Entity(span.start_char, span.end_char, span.label_) for span in doc.ents]
        for ours, doc in zip(fast.find(texts), theirs, strict=True)
    )
