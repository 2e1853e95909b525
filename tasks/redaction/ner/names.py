"""Names, places and groups in texts: what the pipeline's `ner` finds.

Found by the fast recogniser where that proves to be the same on the data, else by spaCy's own.
"""

import re
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError
from tasks.redaction.ner import FastNer, same_as_spacy
from tasks.redaction.ner.candidates import NAME_LABELS, Hint
from tasks.redaction.ner.tokens import TokenizedText, has_longer_run

TRIAL_TEXTS = 200  # texts of the data itself on which the fast recogniser has to prove itself
# characters that are recognised as one text; a longer text is cut at one of `GAPS`
LONGEST_PIECE = 20_000
# A batch ends at either: enough for the matrices to pay, little enough to fit into memory.
BATCH_TEXTS = 500
BATCH_CHARACTERS = 200_000
NEEDLESS_PIPES = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "tok2vec"]
# which recogniser is at work, and why; as it stands in the report
FAST = "fast, same as spaCy's on this data"
SPACY = "spaCy's own, because the fast one differed on this data"
OTHER = "spaCy's own, because its network is not one that the fast one computes"

# Held while a pipeline or what the fast recogniser remembers is in use, of whichever finder: both
# change while they read, and the number of BLAS threads is the process's. A finder for each thread
# was measured and is no faster, because the interpreter runs one at a time
# (docs/adr/0078-one-finder-for-all-threads.md).
PIPELINE_LOCK = threading.RLock()

# Where a long text is cut, best first. What is cut in two may be found in neither half, so the ends
# of lines and blanks alone come late: names and numbers are wrapped, and "John" ends a line.
GAPS = tuple(
    map(
        re.compile,
        (
            r"\n[ \t\r]*\n",
            r"(?<=[a-z]{3}[.!?])\s+(?=[^a-z\s])",  # a sentence
            r"(?<=[a-z])\s+(?=[a-z])",  # between words that are written as no name is
            r"\n",
            r"\s",
            # a text without blanks: behind what ends a value of JSON, CSV or a query
            r"[}\])>;|,&]",
            r"[\"'=:/]",
        ),
    )
)

Labelled = tuple[int, int, str]  # start and end in the text, and the pipeline's label


class NameFinder:
    """Finds what the pipeline's `ner` finds, as (start, end, label). Safe for threads.

    Whoever uses `pipeline` holds `PIPELINE_LOCK` meanwhile.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self._fast: FastNer | None = None
        self.recogniser = OTHER
        try:
            self._fast = FastNer(pipeline)
        except (KeyError, ValueError, AttributeError, IndexError, TypeError):
            # Another network fails in its own way, at whatever layer differs first: left to spaCy.
            return
        self.recogniser = FAST

    def prove(self, texts: list[str]) -> None:
        """Keep the fast recogniser only if it finds exactly what spaCy's own finds in `texts`."""
        trial = [text[:LONGEST_PIECE] for text in texts if text][:TRIAL_TEXTS]
        with PIPELINE_LOCK:
            if self._fast is not None and not same_as_spacy(self._fast, self.pipeline, trial):
                self._fast = None
                self.recogniser = SPACY

    def is_enough(self, texts: list[str], hint: Hint) -> bool:
        """Say whether `hint` leads to every name and place in `texts` that begins with a letter.

        What it leads to may be shorter than what is found where everything is read: of "Joseph -
        refund" the name alone.
        """
        trial = [text[:LONGEST_PIECE] for text in texts if text][:TRIAL_TEXTS]
        everywhere = self.find(trial)
        around = self.find(trial, hint)
        for text, wanted, found in zip(trial, everywhere, around, strict=True):
            places = [(start, end) for start, end, _ in found]
            for first, _, label in wanted:
                is_name = label in NAME_LABELS and text[first].isalpha()
                if is_name and not any(start <= first < end for start, end in places):
                    return False

        return True

    @property
    def is_fast(self) -> bool:
        """Say whether the fast recogniser is at work."""
        return self._fast is not None

    def find(self, texts: list[str], hint: Hint | None = None) -> list[list[Labelled]]:
        """Return the entities of each text, in order; a long one is read in pieces.

        With `hint` the fast recogniser reads only what is around a word that may be a name.
        """
        labelled: list[list[Labelled]] = [[] for _ in texts]
        for batch in _batches(texts):
            pieces = [texts[number][start:end] for number, start, end in batch]
            # for a batch, not for all: other threads take their turns in between
            with PIPELINE_LOCK:
                entities_by_piece = self._find_in(pieces, hint)
            for (number, start, _), entities in zip(batch, entities_by_piece, strict=True):
                labelled[number] += [
                    (start + low, start + high, label) for low, high, label in entities
                ]

        return labelled

    def words(self, texts: list[str]) -> list[TokenizedText]:
        """Return the pipeline's tokens of each text."""
        # A run that is longer than any word is cut by the pipeline as no fast tokenizer cuts it.
        is_fast = [self._fast is not None and not has_longer_run(text) for text in texts]
        with PIPELINE_LOCK:
            apt = [text for text, fast in zip(texts, is_fast, strict=True) if fast]
            from_memory = iter([] if self._fast is None else self._fast.words(apt))
            return [
                next(from_memory) if fast else self._read_words(text)
                for text, fast in zip(texts, is_fast, strict=True)
            ]

    def _read_words(self, text: str) -> TokenizedText:
        with self.pipeline.memory_zone():
            doc = self.pipeline.make_doc(text)
            return TokenizedText(
                [token.idx for token in doc],
                [token.idx + len(token) for token in doc],
                [token.text for token in doc],
            )

    def _find_in(self, texts: list[str], hint: Hint | None) -> list[list[Labelled]]:
        if self._fast is not None:
            return [
                [(entity.start, entity.end, entity.label) for entity in entities]
                for entities in self._fast.find(texts, hint)
            ]

        # in a zone spaCy forgets afterwards what words it met, so that memory stays bounded
        with self.pipeline.memory_zone():
            docs = self.pipeline.get_pipe("ner").pipe(
                map(self.pipeline.make_doc, texts), batch_size=256
            )
            return [
                [(span.start_char, span.end_char, span.label_) for span in doc.ents] for doc in docs
            ]


def _batches(texts: list[str]) -> list[list[tuple[int, int, int]]]:
    """Return batches of pieces (number of the text, start, end), bounded in both respects."""
    batches: list[list[tuple[int, int, int]]] = [[]]
    batch_characters = 0
    for number, text in enumerate(texts):
        for start, end in cut(text, LONGEST_PIECE):
            is_full = len(batches[-1]) == BATCH_TEXTS
            is_too_long = batch_characters + end - start > BATCH_CHARACTERS
            if is_full or (is_too_long and batches[-1]):
                batches.append([])
                batch_characters = 0
            batches[-1].append((number, start, end))
            batch_characters += end - start

    return batches


def cut(text: str, longest: int) -> list[tuple[int, int]]:
    """Return the pieces of a text as (start, end), in order and without gaps.

    None is longer than `longest`, and all but the last are at least half as long; an empty text has
    none.
    """
    if len(text) <= longest:
        return [(0, len(text))] if text else []

    pieces: list[tuple[int, int]] = []
    start = 0
    while len(text) - start > longest:
        end = _find_gap(text, start + longest // 2, start + longest)
        pieces.append((start, end))
        start = end
    return [*pieces, (start, len(text))]


def _find_gap(text: str, low: int, high: int) -> int:
    """Return where to cut between `low` and `high`: after the last of the best gap there is."""
    for gap in GAPS:
        ends = [match.end() for match in gap.finditer(text, low, high)]
        if ends:
            return ends[-1]
    return high  # one run of letters and digits


def load_pipeline(name: str) -> Any:
    """Return an installed spaCy pipeline with only what `ner` needs."""
    import spacy

    return spacy.load(model_path(name), exclude=NEEDLESS_PIPES)


def model_path(name: str) -> Path:
    """Return the folder of an installed spaCy pipeline; it is never downloaded.

    Raises:
        ConfigError: No such package is installed.
    """
    spec = find_spec(name)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    # `_model`: a package that carries a pipeline; `<name>-<version>`: spaCy's own packages
    for candidate in (folder / "_model", folder, *folder.glob(f"{name}-*")) if folder else ():
        if (candidate / "config.cfg").is_file():
            return candidate

    raise ConfigError(
        "redact.model",
        expected="an installed spaCy pipeline",
        found=f"none named {name}",
        remedy="Install it and pin it in configs/models.lock.",
    )
