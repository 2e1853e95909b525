"""A dossier is checked by the bundle beside it; whatever was edited since is told."""

import json
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from tasks.dossier.indexing import INDEX
from tasks.dossier.offline.__main__ import DOES_NOT_HOLD, HOLDS, main
from tasks.dossier.offline.checking import check_dossier
from tasks.dossier.offline.rows import check_faults
from tasks.dossier.writing import write_dossier
from tasks.errors import EvidenceError
from tasks.gates import Check, Outcome
from tests.tasks.dossier.making import SmallDossier
from tests.tasks.verifier.signed_log import CASE


@pytest.fixture
def folder(small: SmallDossier, tmp_path: Path) -> Path:
    write_dossier(small.dossier(), tmp_path / "dossier")
    return tmp_path / "dossier"


def change(folder: Path, edit: Callable[[Any], object]) -> None:
    path = folder / INDEX
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


def first_claim(values: Any, page: str = "model-card") -> Any:
    return next(row for row in values["pages"][page] if row["references"])


def first_check(values: Any) -> Any:
    rows = values["pages"]["model-card"]
    return next(row for row in rows if row["references"] and "check" in row["references"][0])


def test_every_claim_of_a_dossier_holds(folder: Path, small: SmallDossier) -> None:
    checked = check_dossier(folder, small.signed_log.trusted)
    assert checked.faults == ()
    assert checked.claims > 20


def row_named(values: Any, label: str, page: str = "index") -> Any:
    return next(row for row in values["pages"][page] if row["labels"][0] == label)


def change_outcome(row: Any) -> Any:
    row["text"] = "fail"
    return row


def answer(values: Any) -> None:
    """Say that one requirement more is answered, as the register of programs has it."""
    row = next(row for row in values["requirements"] if row["standing"] == "MISSING")
    row["standing"] = "answered"
    values["readiness"]["answered"] += 1


EDITS: dict[str, Callable[[Any], object]] = {
    "an entry that is another": lambda v: first_claim(v)["references"][0].update(entry=1),
    "an entry that there is not": lambda v: first_claim(v)["references"][0].update(entry=999),
    "an envelope that is another": lambda v: first_claim(v)["references"][0].update(
        envelopeSha256="0" * 64
    ),
    "an artefact of another digest": lambda v: next(
        row
        for row in v["pages"]["model-card"]
        if row["references"] and "name" in row["references"][0]
    )["references"][0].update(sha256="0" * 64),
    "a check that nobody made": lambda v: first_check(v)["references"][0].update(check="x.y"),
    "an outcome that was another": lambda v: first_check(v).update(text="fail"),
    "an outcome that was another, without its figures": lambda v: first_check(v).update(
        text="fail", figures=[]
    ),
    "an outcome that is said to speak against it": lambda v: first_check(v).update(
        standing="evidence against"
    ),
    "a value that was another": lambda v: first_check(v)["figures"].__setitem__(0, "0.99"),
    "a limit that was another": lambda v: first_check(v)["figures"].__setitem__(2, "any"),
    "a claim whose references are gone": lambda v: first_claim(v).update(references=[]),
    "a claim by another word, without references": lambda v: first_claim(v).update(
        standing="shown", references=[]
    ),
    "a dossier without pages": lambda v: v["pages"].clear(),
    "a page that is not to be checked": lambda v: v["files"].pop("model-card.html"),
    "another model": lambda v: v["model"].update(sha256="0" * 64),
    "another state of the ledger": lambda v: v["log"].update(root="0" * 64),
    "another length of the ledger": lambda v: v["log"].update(size=1),
    "another ledger": lambda v: v["log"].update(origin="another"),
    "another use case": lambda v: v.update(useCase="another"),
    "a release that came to something else": lambda v: v.update(isRegistered=not v["isRegistered"]),
    "a requirement that nobody answered": answer,
    "more that is answered": lambda v: v["readiness"].update(answered=40),
    "less that is required": lambda v: v["readiness"].update(required=1),
    "a larger share": lambda v: v["readiness"].update(ratio=0.99),
    "what is missing, in other words": lambda v: next(
        row for row in v["pages"]["controls"] if row["standing"] == "MISSING"
    ).update(text="The officer has agreed."),
    "a gate that came to something else": lambda v: row_named(v, "Gate fairness").update(
        text="gate fairness: fail; 0 pass, 1 fail, 0 undecided"
    ),
    "a gate in other words": lambda v: row_named(v, "Gate fairness").update(text="all is well"),
    "a decision that came to something else": lambda v: row_named(v, "Decision").update(
        text="register decided FAILED on 2026-01-01"
    ),
    "an outcome whose check is not named": lambda v: change_outcome(first_check(v))["references"][
        0
    ].pop("check"),
    "an outcome beside a second reference": lambda v: change_outcome(first_check(v)).update(
        references=first_check(v)["references"] * 2
    ),
    "a page that more is said on": lambda v: v["files"].update({"approval.html": "0" * 64}),
    "a row without labels": lambda v: row_named(v, "Gate fairness").update(labels=[]),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_was_edited_does_not_hold(
    folder: Path, small: SmallDossier, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change(folder, EDITS[name])
    # As a person runs it: a fault of any form is an exit code and a line.
    assert main([str(folder), "--root", small.signed_log.trusted]) != HOLDS
    printed = capsys.readouterr()
    assert "DOES NOT HOLD" in printed.out or printed.err.startswith("check-dossier: dossier.json")


def test_a_check_that_a_sentence_sums_up_is_the_signed_one(
    folder: Path, small: SmallDossier
) -> None:
    def edit(values: Any) -> None:
        row = first_check(values)
        key = row["references"][0]["check"]
        row.update(text=f"{key}: fail", figures=[])

    change(folder, edit)
    (fault,) = check_dossier(folder, small.signed_log.trusted).faults
    assert fault.endswith("came to pass")


def test_a_statement_that_nobody_signed_does_not_hold_although_it_is_named(
    folder: Path, small: SmallDossier
) -> None:
    forged = ("statements/900.json", "statements/consent.json", "statements/01.json")
    for name in forged:
        (folder / name).write_text('{"approved": true}')
    digests = {name: sha256((folder / name).read_bytes()).hexdigest() for name in forged}
    change(folder, lambda values: values["files"].update(digests))

    faults = check_dossier(folder, small.signed_log.trusted).faults

    assert sorted(faults) == [
        "statements/01.json is of no entry of the bundle",
        "statements/900.json is of no entry of the bundle",
        "statements/consent.json is of no entry of the bundle",
    ]


@pytest.mark.parametrize("name", ["index.html", "statements", "dossier.json"])
def test_a_link_in_the_place_of_a_file_is_told(
    folder: Path, small: SmallDossier, tmp_path: Path, name: str
) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    faults = check_dossier(folder, small.signed_log.trusted).faults

    assert faults == (f"{name} is a link, and no file of the folder",)


def test_a_name_that_no_file_can_have_and_a_file_without_end_are_each_a_line(
    folder: Path, small: SmallDossier
) -> None:
    change(folder, lambda v: v["files"].update({"a" * 5000: "0" * 64}))
    os.truncate(folder / "index.html", 1 << 40)

    faults = check_dossier(folder, small.signed_log.trusted).faults

    assert "index.html cannot be read" in faults
    assert f"{'a' * 5000} is not there" in faults


def test_the_answer_survives_a_terminal_that_has_not_the_letters(
    folder: Path, small: SmallDossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "допуск.html").write_text("approved")
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, "ascii", write_through=True))

    assert main([str(folder), "--root", small.signed_log.trusted]) == DOES_NOT_HOLD
    assert b"DOES NOT HOLD: ??????.html is not named" in written.getvalue()


def test_what_the_bundle_says_of_the_model_is_said(
    folder: Path, small: SmallDossier, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(folder), "--root", small.signed_log.trusted])
    is_let_in = json.loads((folder / INDEX).read_text())["isRegistered"]
    state = "is registered" if is_let_in else "is not registered"
    assert f"{CASE}: by the bundle, the model {state}\n" in capsys.readouterr().out


def test_a_page_that_was_edited_is_told(folder: Path, small: SmallDossier) -> None:
    path = folder / "index.html"
    path.write_text(path.read_text().replace("MISSING", "answered"))
    faults = check_dossier(folder, small.signed_log.trusted).faults
    assert faults == ("index.html was changed since",)


@pytest.mark.parametrize("name", ["approval.html", "statements/900.json", "more"])
def test_a_file_that_the_dossier_does_not_name_is_told(
    folder: Path, small: SmallDossier, name: str
) -> None:
    (folder / name).write_text("approved")
    (folder / ".DS_Store").write_bytes(b"")
    faults = check_dossier(folder, small.signed_log.trusted).faults
    assert faults == (f"{name} is not named by the dossier",)


@pytest.mark.parametrize("name", ["files", "pages", "model", "log"])
@pytest.mark.parametrize("value", [None, [1], "text"])
def test_an_index_of_another_form_is_one_line(
    folder: Path, small: SmallDossier, capsys: pytest.CaptureFixture[str], name: str, value: Any
) -> None:
    change(folder, lambda v: v.update({name: value}))
    assert main([str(folder), "--root", small.signed_log.trusted]) == EvidenceError.exit_code
    assert capsys.readouterr().err.startswith("check-dossier: dossier.json: expected the index")


def test_a_pipe_in_the_place_of_a_statement_holds_nobody_up(
    folder: Path, small: SmallDossier
) -> None:
    path = next((folder / "statements").glob("*.json"))
    path.unlink()
    os.mkfifo(path)
    faults = check_dossier(folder, small.signed_log.trusted).faults
    assert f"statements/{path.name} cannot be read" in faults


def test_a_dossier_names_nothing_outside_its_folder(folder: Path, small: SmallDossier) -> None:
    change(folder, lambda v: v["files"].update({"../../secret": "0" * 64}))
    assert check_dossier(folder, small.signed_log.trusted).faults == ("../../secret is not there",)


def test_a_statement_that_was_edited_does_not_hold(folder: Path, small: SmallDossier) -> None:
    path = next((folder / "statements").glob("*.json"))
    path.write_text(path.read_text().replace("sha256", "sha512"))
    faults = check_dossier(folder, small.signed_log.trusted).faults
    assert faults == (
        f"statements/{path.name} was changed since",
        f"statements/{path.name} is not what was signed",
    )


def test_a_bundle_that_was_edited_is_refused(folder: Path, small: SmallDossier) -> None:
    path = folder / "bundle.zip"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(EvidenceError):
        check_dossier(folder, small.signed_log.trusted)


def test_another_root_key_is_refused(folder: Path) -> None:
    with pytest.raises(EvidenceError):
        check_dossier(folder, "0" * 64)


def test_the_program_says_how_much_holds(
    folder: Path, small: SmallDossier, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--root", small.signed_log.trusted]) == HOLDS
    assert "claims by" in capsys.readouterr().out
    change(folder, EDITS["another model"])
    assert main([str(folder), "--root", small.signed_log.trusted]) == DOES_NOT_HOLD
    assert "DOES NOT HOLD" in capsys.readouterr().out


def test_a_folder_without_a_dossier_is_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), "--unpinned"]) == EvidenceError.exit_code
    assert "dossier" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("figures", "faults"),
    [
        (["433", "≥ 50", ""], 0),
        (["433 (≥ 30): pass", "433 (≥ 50): fail", "+0"], 0),
        (["433 (≥ 30): pass", "1433 (≥ 50): fail", "+1000"], 1),  # then is no now
        (["1433 (≥ 30): pass", "43 (≥ 50): fail", "-1390"], 1),
        (["434", "≥ 50", ""], 1),
        (["433", "≥ 49", ""], 1),
    ],
)
def test_a_figure_is_the_signed_one_also_where_it_stands_with_its_limit(
    figures: list[str], faults: int
) -> None:
    check = Check("train.rows", "rows", Outcome.FAIL, 433, "≥ 50")
    row = {"text": check.outcome.text, "figures": figures, "standing": "evidence against"}
    assert len(check_faults("place", row, check)) == faults
