"""Names, places and groups in texts: the pipeline's `ner`, by the fast recogniser where it proves to be the same."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError
from tasks.redaction.ner import FastNer, same_as_spacy

TRIAL_TEXTS = 200  # texts of the data itself on which the fast recogniser has to prove itself
LONGEST_PIECE = (
    20_000  # characters that are recognised as one text; a longer text is cut at white space
)
BATCH_TEXTS, BATCH_CHARACTERS = 500, 200_000
NEEDLESS = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer", "tok2vec"]
FAST, SPACY = (
    "fast, same as spaCy's on this data",
    "spaCy's own, because the fast one differed on this data",
)
OTHER = "spaCy's own, because its network is not one that the fast one computes"

Labelled = tuple[int, int, str]


class NameFinder:
    """Finds what the pipeline's `ner` finds, as (start, end, label)."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self._fast: FastNer | None = None
        self.recogniser = OTHER  # which one is at work: said in the report
        try:
            self._fast, self.recogniser = FastNer(pipeline), FAST
        except (KeyError, ValueError, AttributeError, IndexError, TypeError):
            self._fast = None

    def prove(self, texts: list[str]) -> None:
        """Keep the fast recogniser only if it finds exactly what spaCy's own finds in some texts of the data."""
        trial = [text[:LONGEST_PIECE] for text in texts if text][:TRIAL_TEXTS]
        if self._fast is not None and not same_as_spacy(self._fast, self.pipeline, trial):
            self._fast, self.recogniser = None, SPACY

    def find(self, texts: list[str]) -> list[list[Labelled]]:
        """Return the entities of each text, in order. A text over `LONGEST_PIECE` is read in pieces."""
        found: list[list[Labelled]] = [[] for _ in texts]
        for batch in _batches(texts):
            entities = self._entities([texts[index][start:end] for index, start, end in batch])
            for (index, start, _), here in zip(batch, entities, strict=True):
                found[index] += [(start + low, start + high, label) for low, high, label in here]
        return found

    def _entities(self, texts: list[str]) -> list[list[Labelled]]:
        if self._fast is not None:
            return [
                [(one.start, one.end, one.label) for one in found]
                for found in self._fast.find(texts)
            ]
        with self.pipeline.memory_zone():
            docs = self.pipeline.get_pipe("ner").pipe(
                map(self.pipeline.make_doc, texts), batch_size=256
            )
            return [
                [(span.start_char, span.end_char, span.label_) for span in doc.ents] for doc in docs
            ]


def _batches(texts: list[str]) -> list[list[tuple[int, int, int]]]:
    """Return batches of (text, start, end), bounded in texts and in characters."""
    batches: list[list[tuple[int, int, int]]] = [[]]
    size = 0
    for index, text in enumerate(texts):
        for start, end in cut(text, LONGEST_PIECE):
            if len(batches[-1]) == BATCH_TEXTS or (
                size + end - start > BATCH_CHARACTERS and batches[-1]
            ):
                batches.append([])
                size = 0
            batches[-1].append((index, start, end))
            size += end - start
    return batches


def cut(text: str, longest: int) -> list[tuple[int, int]]:
    """Return the pieces of a text, none longer than `longest`; an empty text has none."""
    if len(text) <= longest:
        return [(0, len(text))] if text else []
    pieces, start = [], 0
    while len(text) - start > longest:
        end = _cut(text, start + longest // 2, start + longest)
        pieces.append((start, end))
        start = end
    return [*pieces, (start, len(text))]


def _cut(text: str, low: int, high: int) -> int:
    """Return where to cut: after a line, else after a sentence, else after a word, else at `high`."""
    for gap in ("\n", ". ", " "):
        at = text.rfind(gap, low, high)
        if at >= 0:
            return at + len(gap)
    return high


def load_pipeline(name: str) -> Any:
    """Return an installed spaCy pipeline with only what `ner` needs."""
    import spacy

    return spacy.load(model_path(name), exclude=NEEDLESS)


def model_path(name: str) -> Path:
    """Return the folder of an installed spaCy pipeline; it is never downloaded.

    Raises:
        ConfigError: No such package is installed.
    """
    spec = find_spec(name)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    for candidate in (folder / "_model", folder, *folder.glob(f"{name}-*")) if folder else ():
        if (candidate / "config.cfg").is_file():
            return candidate
    raise ConfigError(
        "redact.model",
        expected="an installed spaCy pipeline",
        found=f"none named {name}",
        remedy="Install it and pin it in configs/models.lock.",
    )
