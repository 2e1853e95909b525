"""What people read about a version in the registry: names of columns are text in it."""

from types import SimpleNamespace
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tasks.config.words import ColumnWords, OutcomeWords, Words
from tasks.registry.describing import ModelCard, describe_version

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "`<b>`",
    "a\n\n# Approved by the board",
    "[x](javascript:alert(1))",
    "![x](https://example.org/pixel.png)",
    "``",
    " ",
    "\x1b[31m",
)


def model_with(name: str) -> Any:
    column = SimpleNamespace(name=name, may_be_missing=True, kind="category")
    return SimpleNamespace(
        scorer=SimpleNamespace(family="lightgbm", features=(name,), cutoff=0.5),
        contract=SimpleNamespace(columns=(column,)),
        reasons=SimpleNamespace(version=name),
        composites=SimpleNamespace(compared_with="all", rows=(1, 2), people_behind_each_value=10),
    )


def test_attempts_are_lines_of_text_that_fit_into_a_description() -> None:
    lines = ("2 attempts", "no. 1 blocked; differs in <b>", "x" * 9000, *("y" * 9000,) * 3)
    text = describe_version(model_with("a"), "loan", "candidate", lines)
    assert "- `no. 1 blocked; differs in <b>`" in text.splitlines()
    assert len(text) < 5000


def test_a_description_speaks_in_the_words_of_the_use_case() -> None:
    outcomes = OutcomeWords(favourable="fast track", unfavourable="usual track")
    words = Words(columns={"a": ColumnWords(label="age", unit="years")}, outcomes=outcomes)
    text = describe_version(model_with("a"), "loan", "candidate", words=words)
    assert "Decides `fast track` from a score of 0.5 on" in text
    assert "`age, years (a)`" in text


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_code_and_no_part_of_the_page(name: str) -> None:
    text = describe_version(model_with(name), "loan", "candidate")
    tokens = MarkdownIt("commonmark", {"html": True}).parse(text)
    kinds = {token.type for token in tokens}
    kinds |= {child.type for token in tokens for child in token.children or []}
    assert not any(
        part in kind for kind in kinds for part in ("html", "heading", "link", "image", "hr")
    )
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_card_of_hostile_words_is_text(name: str) -> None:
    card = ModelCard(name, name, "entry 41 of the ledger", (("fairness", "pass", "3 pass"),))
    text = describe_version(model_with("a"), "loan", "candidate", (), card)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    kinds = {token.type for token in tokens}
    kinds |= {child.type for token in tokens for child in token.children or []}
    assert "table_open" in kinds
    assert not any(part in kind for kind in kinds for part in ("html", "heading", "link", "image"))
    assert "| fairness | pass | 3 pass |" in text.splitlines()
    assert "`entry 41 of the ledger`" in text


def test_a_description_never_grows_beyond_what_mlflow_keeps() -> None:
    card = ModelCard("t" * 900, "p" * 9000, "entry 1", (("fairness", "pass", "3 pass"),) * 9)
    text = describe_version(model_with("a"), "loan", "candidate", ("y" * 9000,) * 9, card)
    assert len(text) < 5000
    assert text.startswith("**Registered**")


def test_a_card_leads_to_the_dossier_where_there_is_one() -> None:
    dossier = "10 of 46 answered with evidence (22%); dossier.json sha256:ab"
    with_one = ModelCard("t", "p", "entry 1", (), dossier)
    text = describe_version(model_with("a"), "loan", "candidate", (), with_one)
    assert "`dossier/dossier.zip`" in text
    assert f"`{dossier}`" in text
    without = ModelCard("t", "p", "entry 1", ())
    assert "dossier" not in describe_version(model_with("a"), "loan", "candidate", (), without)
