"""What DVC reads is parsed once for each text, and everybody gets a copy of it."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils import strictyaml
from dvc.utils.serialize import _yaml, load_path, parse_yaml

from tasks.pipeline import parsed_files
from tasks.pipeline.parsed_files import install_parsed_files, parse_once

TEXT = "a: &x [1, 1.0, yes, 0o17, 2026-11-28, null, '1']\nb: *x\nc: {d: é}\n"


class LocalFiles:
    """As much of DVC's file system as reading a file takes."""

    def open(self, path: str, **options: Any) -> Any:
        """Open it."""
        return Path(path).open(**options)

    def suffix(self, path: str) -> str:
        """Return how its name ends."""
        return Path(path).suffix


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were really parsed."""
    texts: list[str] = []

    def parse(text: str, path: str, typ: str = "safe") -> Any:
        texts.append(text)
        return parse_yaml(text, path, typ=typ)

    monkeypatch.setattr(parsed_files, "_values", {})
    monkeypatch.setattr("dvc.utils.serialize.parse_yaml", parse)
    monkeypatch.setattr(_yaml, "parse_yaml", parse_yaml)
    monkeypatch.setattr(strictyaml, "parse_yaml", parse_yaml)
    return texts


def test_a_text_says_what_dvc_reads_in_it_each_time(parsed: list[str]) -> None:
    expected = repr(parse_yaml(TEXT, "x"))
    assert [repr(parse_once(TEXT, "x")) for _ in range(3)] == [expected] * 3
    assert parsed == [TEXT]


@pytest.mark.usefixtures("parsed")
def test_who_changes_a_copy_changes_no_other() -> None:
    first = parse_once(TEXT, "x")
    first["c"]["d"] = "mine"
    first["a"].append(2)
    assert parse_once(TEXT, "x") == parse_yaml(TEXT, "x")
    assert first["b"] is first["a"]  # as the parser leaves an alias


def test_a_file_that_was_changed_is_read_again(parsed: list[str], tmp_path: Path) -> None:
    install_parsed_files()
    path = tmp_path / "params.yaml"
    for rate in (1, 2, 1):
        path.write_text(f"rate: {rate}\n")
        assert load_path(str(path), LocalFiles()) == {"rate": rate}
        assert strictyaml.load(str(path))[0] == {"rate": rate}
    assert parsed == ["rate: 1\n", "rate: 2\n"]


@pytest.mark.usefixtures("parsed")
def test_what_keeps_comments_is_never_remembered() -> None:
    values = parse_once("a: 1  # why\n", "x", typ="rt")
    assert values.ca.items
    assert not parsed_files._values


def test_no_more_texts_are_kept_than_a_release_reads(
    parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsed_files, "MOST_TEXTS", 2)
    for text in ("a: 1", "a: 2", "a: 3", "a: 2", "a: 1"):
        parse_once(text, "x")
    assert parsed == ["a: 1", "a: 2", "a: 3", "a: 1"]
    assert len(parsed_files._values) == 2


def test_a_text_that_is_no_yaml_is_refused_each_time(parsed: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(_yaml.YAMLFileCorruptedError):
            parse_once("a: [", "x")
    assert len(parsed) == 2
