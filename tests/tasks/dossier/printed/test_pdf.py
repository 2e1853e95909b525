"""The dossier on paper: what it holds, and that it conforms where typst is installed."""

import json
import re
from dataclasses import replace

import pytest

from tasks.dossier.printed.pdf import (
    WIDEST,
    content_of,
    is_typesetter_installed,
    typeset,
)
from tasks.dossier.writing import PDF
from tests.tasks.dossier.making import SmallDossier

ABOUT = "tiny · model sha256:0000…"
needs_typst = pytest.mark.skipif(
    not is_typesetter_installed(), reason="configs/print.lock is not installed here"
)


def test_it_holds_every_text_of_the_pages(small: SmallDossier) -> None:
    dossier = small.dossier()
    content = json.dumps(content_of(dossier.pages, ABOUT, dossier.subject.day), ensure_ascii=False)
    for page in dossier.pages:
        for text in page.texts():
            assert json.dumps(text, ensure_ascii=False)[1:-1] in content


def test_every_claim_keeps_its_entries_and_every_row_fills_its_columns(
    small: SmallDossier,
) -> None:
    dossier = small.dossier()
    content = content_of(dossier.pages, ABOUT, dossier.subject.day)
    entries = set()
    for page in content["pages"]:
        for chapter in page["chapters"]:
            for part in chapter["parts"]:
                assert {len(row["cells"]) for row in part["rows"]} <= {len(part["head"])}
                entries |= {entry for row in part["rows"] for entry in row["entries"]}
    assert entries == {ref.entry for page in dossier.pages for ref in page.references()}


def test_a_column_of_figures_is_narrow_and_one_of_sentences_wide(small: SmallDossier) -> None:
    dossier = small.dossier()
    content = content_of(dossier.pages, ABOUT, dossier.subject.day)
    parts = [part for page in content["pages"] for ch in page["chapters"] for part in ch["parts"]]
    for part in parts:
        assert len(part["widths"]) == len(part["head"])
        assert any(part["widths"])
    figures = next(part for part in parts if "95 % interval" in part["head"])
    by_name = dict(zip(figures["head"], figures["widths"], strict=True))
    assert by_name["Value"] == by_name["95 % interval"] == 0  # as much as they need
    assert all(width <= WIDEST for part in parts for width in part["widths"])


def test_without_typst_there_is_no_pdf_and_nothing_else_is_lost(
    small: SmallDossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.dossier.writing.is_typesetter_installed", lambda: False)
    files = small.dossier().files
    assert PDF not in files
    assert "index.html" in files


@needs_typst
def test_it_conforms_and_the_same_content_gives_the_same_bytes(small: SmallDossier) -> None:
    dossier = small.dossier()
    pdf = typeset(dossier.pages, ABOUT, dossier.subject.day)
    assert typeset(dossier.pages, ABOUT, dossier.subject.day) == pdf
    # What typst says of it in its metadata; it refuses to write what does not conform.
    assert re.search(rb"<pdfaid:part>2</pdfaid:part>", pdf)
    assert re.search(rb"<pdfuaid:part>1</pdfuaid:part>", pdf)
    assert dossier.files[PDF].startswith(b"%PDF-1.7")


@needs_typst
def test_no_text_is_read_as_a_command(small: SmallDossier) -> None:
    dossier = small.dossier()
    hostile = '#panic("read") $x$ *a* \\ "; <l> @x // #image("/etc/passwd")'
    first = replace(dossier.pages[0], title=hostile, lead=hostile)
    assert typeset((first,), hostile, dossier.subject.day).startswith(b"%PDF")
