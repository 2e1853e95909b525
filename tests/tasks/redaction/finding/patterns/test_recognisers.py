"""Recognisers are data: each that is shipped carries examples; a user adds one without code."""

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError
from tasks.redaction.finding import languages
from tasks.redaction.finding.patterns.plain import to_plain
from tasks.redaction.finding.patterns.recognisers import BUILTIN, load_recognisers
from tasks.redaction.finding.patterns.scanner import Scanner
from tasks.redaction.spans import Span

LANGUAGES = Path(languages.__file__).parent
SHIPPED = [BUILTIN, *(LANGUAGES / f"{code}.yaml" for code in ("de", "es", "fr"))]
FILES = [*SHIPPED, *sorted(Path("configs/recognisers").glob("*.yaml"))]
MIN_SCORE = 0.35
EXAMPLES = [
    (path, recogniser, text, is_one)
    for path in FILES
    for recogniser in load_recognisers(path)
    if recogniser.examples is not None
    for texts, is_one in ((recogniser.examples.match, True), (recogniser.examples.no_match, False))
    for text in texts
]
OWN = r"""
recognizers:
  - name: National id
    supported_entity: XX_NATIONAL_ID
    validator: mod11
    patterns: [{name: ten digits, regex: '\b\d{9}-\d\b', score: 0.3}]
    context: [national]
    examples: {match: ["id 943476591-9"], no_match: ["id 943476591-8"]}
  - name: Codename
    supported_entity: CODENAME
    deny_list: [Blue Heron, Zebra]
"""


def found(recogniser: Any, text: str, is_builtin: bool) -> list[Span]:
    scanner = Scanner((recogniser,)) if is_builtin else Scanner((), (recogniser,))
    return [span for span in scanner.find(to_plain(text)) if span.score >= MIN_SCORE]


@pytest.mark.parametrize(
    ("path", "recogniser", "text", "is_one"), EXAMPLES, ids=lambda value: str(value)[-40:]
)
def test_a_recogniser_finds_its_examples_and_nothing_in_the_others(
    path: Path, recogniser: Any, text: str, is_one: bool
) -> None:
    assert bool(found(recogniser, text, path in SHIPPED)) == is_one


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_recogniser_that_is_shipped_has_examples(path: Path) -> None:
    assert [one.name for one in load_recognisers(path) if one.examples is None] == []


def test_a_user_adds_a_national_id_with_a_checksum_in_yaml_alone(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    scanner = Scanner((), load_recognisers(path))
    spans = scanner.find(to_plain("id 943476591-9, not 943476591-8, project BLUE HERON"))
    assert [(span.start, span.kind, span.score) for span in spans] == [
        (3, "XX_NATIONAL_ID", 1.0),
        (41, "CODENAME", 1.0),
    ]


def test_presidio_reads_the_same_file(tmp_path: Path) -> None:
    from presidio_analyzer import RecognizerRegistry

    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    registry = RecognizerRegistry()
    for recogniser in load_recognisers(path):
        registry.add_pattern_recognizer_from_dict(recogniser.for_presidio())
    assert {one.name for one in registry.recognizers} == {"National id", "Codename"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recognizers: [{name: x, supported_entity: X, validator: sum}]", "no validator `sum`"),
        ("recognizers: [{name: x, supported_entity: X, pattern: y}]", "pattern"),
        ("recognizers: []", "recognizers"),
        ("a: [", "YAML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_recognisers(path)


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none"):
        load_recognisers(tmp_path / "no.yaml")


def test_a_long_pattern_may_be_a_list_of_parts(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "recognizers: [{name: x, supported_entity: X, patterns: "
        r"[{name: p, score: 0.5, regex: ['\d{3}', '-\d{2}']}]}]"
    )
    (one,) = load_recognisers(path)
    assert one.patterns[0].regex == r"\d{3}-\d{2}"


def test_a_pattern_of_parts_that_are_no_texts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "recognizers: [{name: x, supported_entity: X, patterns: "
        "[{name: p, score: 0.5, regex: [1, 2]}]}]"
    )
    with pytest.raises(ConfigError, match="regex"):
        load_recognisers(path)
