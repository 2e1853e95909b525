"""The second recogniser of names: its windows, how tokens become spans, and what it refuses."""

import itertools
import json
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tasks.errors import ConfigError
from tasks.redaction.ner import transformer
from tasks.redaction.ner.integers import in_integers
from tasks.redaction.ner.transformer import (
    NETWORK,
    OVERLAP_TOKENS,
    WINDOW_TOKENS,
    TransformerNames,
    _join,
    _windows,
)

LABELS = ["O", "B-GIVEN_NAME", "I-SURNAME", "B-CITY", "B-EMAIL"]
KNOWN = {"Ann": 1, "Lee": 2, "Oslo": 3, "ann@x.org": 4}


class WordTokenizer:
    """A token for each word; its id is the label that the network gives it."""

    @classmethod
    def from_file(cls, path: str) -> "WordTokenizer":
        assert Path(path).name == "tokenizer.json"
        return cls()

    def no_truncation(self) -> None:
        pass

    def no_padding(self) -> None:
        pass

    def token_to_id(self, token: str) -> int:
        assert token in ("[CLS]", "[SEP]")
        return 0

    def encode(self, text: str, *, add_special_tokens: bool) -> SimpleNamespace:
        assert not add_special_tokens
        offsets = []
        position = 0
        for word in text.split():
            position = text.index(word, position)
            offsets.append((position, position + len(word)))
            position += len(word)
        return SimpleNamespace(ids=[KNOWN.get(word, 0) for word in text.split()], offsets=offsets)


class Session:
    """Labels each token by its id, surely; notes what it was asked."""

    asked: list[tuple[int, int]] = []

    def __init__(self, network: bytes, options: Any, providers: list[str]) -> None:
        assert network == b"network"
        assert options.intra_op_num_threads == 1
        assert providers == ["CPUExecutionProvider"]

    def run(self, _: None, feed: dict[str, Any]) -> list[Any]:
        ids = feed["input_ids"]
        self.asked.append(ids.shape)
        assert feed["attention_mask"].all()  # nothing is padded
        return [np.eye(len(LABELS))[ids] * 20]


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TransformerNames:
    package = tmp_path / "package"
    folder = package / transformer.FOLDER
    (folder / NETWORK).parent.mkdir(parents=True)
    (folder / NETWORK).write_bytes(b"network")
    (folder / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}))
    spec = SimpleNamespace(origin=str(package / "__init__.py"))
    monkeypatch.setattr(transformer, "find_spec", {transformer.PACKAGE: spec}.get)
    monkeypatch.setattr(transformer, "NETWORK_SHA256", sha256(b"network").hexdigest())

    onnxruntime: Any = ModuleType("onnxruntime")
    onnxruntime.SessionOptions = SimpleNamespace
    onnxruntime.InferenceSession = Session
    tokenizers: Any = ModuleType("tokenizers")
    tokenizers.Tokenizer = WordTokenizer
    monkeypatch.setitem(sys.modules, "onnxruntime", onnxruntime)
    monkeypatch.setitem(sys.modules, "tokenizers", tokenizers)
    monkeypatch.setattr(transformer, "in_integers", bytes)  # tests/…/test_integers.py has the real
    monkeypatch.setattr(Session, "asked", [])
    return TransformerNames()


def test_names_and_places_are_found_in_spacys_words_and_nothing_else(
    names: TransformerNames,
) -> None:
    text = "Ask Ann Lee in Oslo or ann@x.org."
    assert names.find([text, "", "nobody"]) == [
        [(4, 11, "PERSON"), (15, 19, "LOC")],
        [],
        [],
    ]


def test_a_long_text_is_read_in_windows_and_nothing_between_them_is_lost(
    names: TransformerNames,
) -> None:
    words = ["word"] * 1000
    people = [0, 50, 95, 96, 111, 112, 127, 128, 500, 999]
    for place in people:
        words[place] = "Ann"
    text = " ".join(words)
    (found,) = names.find([text])
    covered = {text[:index].count(" ") for start, end, _ in found for index in (start, end - 1)}
    assert covered == set(people)


def test_what_is_found_does_not_depend_on_the_texts_beside_it(names: TransformerNames) -> None:
    texts = ["Ann Lee", "in Oslo", "word " * 40 + "Ann", "x", "Oslo " * 300]
    assert names.find(texts) == [names.find([text])[0] for text in texts]
    assert (2, 4) in Session.asked  # two texts of two words, with [CLS] and [SEP], at once


@pytest.mark.parametrize("tokens", [0, 1, WINDOW_TOKENS, WINDOW_TOKENS + 1, 500, 10_000])
def test_windows_cover_every_token_and_overlap(tokens: int) -> None:
    windows = _windows(tokens)
    assert {index for start, end in windows for index in range(start, end)} == set(range(tokens))
    for (_, end), (start, _) in itertools.pairwise(windows):
        assert end - start == OVERLAP_TOKENS


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        ("Smithson", [(0, 5, 0.9), (5, 8, 0.2)], ["Smithson"]),  # sure of one piece only
        ("Ann-Marie O'Neil", [(0, 3, 1), (4, 9, 1), (10, 11, 1), (12, 16, 1)], 1),
        ("Ann, Lee", [(0, 3, 1), (5, 8, 1)], ["Ann", "Lee"]),
        ("will pay", [(0, 4, 0.8)], []),  # in lower case it has to be surer
        ("anna pays", [(0, 4, 0.95)], ["anna"]),
        ("@anna and #lee", [(1, 5, 1), (11, 14, 1)], []),  # handles and tags are patterns' business
    ],
)
def test_tokens_become_whole_words(text: str, tokens: list[Any], expected: Any) -> None:
    offsets = [(start, end) for start, end, _ in tokens]
    found = _join(text, offsets, [("PERSON", probability) for *_, probability in tokens])
    spans = [text[start:end] for start, end, _ in found]
    assert spans == ([text] if expected == 1 else expected)


def test_a_package_that_is_not_there_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transformer, "find_spec", dict[str, None]().get)
    with pytest.raises(ConfigError, match=r"careful\.lock"):
        TransformerNames()


@pytest.mark.usefixtures("names")
def test_another_network_in_its_place_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "NETWORK_SHA256", "0" * 64)
    with pytest.raises(ConfigError, match="another one in its place"):
        TransformerNames()


@pytest.mark.parametrize("package", ["onnxruntime", "onnx"])
def test_without_what_computes_it_the_packages_are_asked_for(
    names: TransformerNames, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    assert names.find(["Ann"]) == [[(0, 3, "PERSON")]]
    monkeypatch.setattr(transformer, "in_integers", in_integers)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"careful\.lock"):
        TransformerNames()
