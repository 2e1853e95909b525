"""Agreements against sources: what lets data be used, and each way in which one does not."""

from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.agreements.judging import judge_agreements, refusals_of, require_agreements
from tasks.agreements.register import FILES, REGISTER, read_agreement
from tasks.config.cases import section
from tasks.config.sources import Sources
from tasks.errors import AgreementError, ConfigError, RefusalKind
from tasks.formats.regular_file import read_regular_file

CHECKOUT = Path(__file__).parents[3]
DAY = date(2026, 11, 28)
HOSTING = "DPA-2026-022"
CASES = ("claims", "loan", "loan_unmitigated")


def sources_of(case: str = "loan") -> Sources:
    return section(case, "sources", Sources, CHECKOUT)


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """The shipped register, in a workspace that a test may change."""
    for path in sorted((CHECKOUT / REGISTER).rglob("*")):
        copy = tmp_path / path.relative_to(CHECKOUT)
        if path.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path


def change(workspace: Path, **values: Any) -> None:
    """Lay values over the contract with the processor; a clause that is None goes."""
    path = workspace / REGISTER / f"{HOSTING}.yaml"
    agreement = yaml.safe_load(path.read_text())
    clauses = {**agreement["clauses"], **values.pop("clauses", {})}
    agreement |= {**values, "clauses": {name: text for name, text in clauses.items() if text}}
    path.write_text(yaml.safe_dump(agreement))


def faults_of(workspace: Path, day: date = DAY) -> list[str]:
    reviewed = judge_agreements("loan", sources_of(), workspace, day)
    return [refusal.text for refusal in refusals_of(reviewed, "admit")]


@pytest.mark.parametrize("case", CASES)
def test_the_shipped_cases_have_every_clause_and_every_file(case: str) -> None:
    for source in judge_agreements(case, sources_of(case), CHECKOUT, DAY):
        assert source.is_in_force
        assert source.sha256
        assert all(source.clauses.values())


def test_the_loan_case_has_three_kinds_of_agreement() -> None:
    roles = {item.role for item in judge_agreements("loan", sources_of(), CHECKOUT, DAY)}
    assert roles == {"controller", "independent_controller", "processor"}


@pytest.mark.parametrize("letter", "abcdefgh")
def test_each_clause_that_is_missing_is_refused_by_its_name(register: Path, letter: str) -> None:
    change(register, clauses={f"GDPR 28(3)({letter})": None})
    (fault,) = faults_of(register)
    assert fault.startswith("admit: source `activity`: agreement DPA-2026-022: clause ")
    assert f"GDPR 28(3)({letter}) is missing" in fault


def test_a_business_associate_needs_the_clauses_of_the_security_rule(register: Path) -> None:
    change(register, is_business_associate=True)
    assert len(faults_of(register)) == 3
    places = {f"HIPAA 164.314(a)(2)(i)({letter})": "no. 10" for letter in "ABC"}
    change(register, clauses=places)
    assert not faults_of(register)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"covers": ["other/activity"]}, "does not cover loan/activity"),
        ({"party": "Somebody Else"}, "another party"),
        ({"role": "controller"}, "the source says processor"),
        ({"role": "controller"}, "another party's data"),
        ({"expires": "2030-12-31"}, "ends on 2030-12-31"),
        ({"transfers": []}, "sub-processor in IE"),
    ],
)
def test_what_differs_from_the_use_case_is_no_way_round(
    register: Path, values: dict[str, Any], words: str
) -> None:
    change(register, **values)
    assert any(words in fault for fault in faults_of(register))


def test_it_holds_on_its_last_day_and_not_on_the_next(register: Path) -> None:
    assert not faults_of(register, date(2031, 12, 31))
    reviewed = judge_agreements("loan", sources_of(), register, date(2032, 1, 1))
    kinds = {refusal.kind for refusal in refusals_of(reviewed, "admit")}
    assert kinds == {RefusalKind.AGREEMENT_LAPSED}


def test_it_is_not_in_force_before_it_was_signed(register: Path) -> None:
    assert all("signed on 2026-01-12" in fault for fault in faults_of(register, date(2026, 1, 11)))


def test_a_signed_file_that_was_exchanged_is_noticed(register: Path) -> None:
    path = register / FILES / f"{HOSTING}.txt"
    path.write_text(path.read_text().replace("thirty days", "three years"))
    assert "another digest" in faults_of(register)[0]


def test_a_signed_file_may_be_kept_elsewhere(register: Path) -> None:
    (register / FILES / f"{HOSTING}.txt").unlink()
    assert not faults_of(register)


def test_data_of_somebody_else_needs_a_file_and_ones_own_may_do_without(register: Path) -> None:
    (register / REGISTER / f"{HOSTING}.yaml").unlink()
    (register / REGISTER / "ROPA-2026-004.yaml").unlink()
    (fault,) = faults_of(register)
    assert fault.endswith("agreement DPA-2026-022: the register has no file of it")


def test_one_error_names_the_first_fault_and_counts_the_others(register: Path) -> None:
    change(register, clauses={"GDPR 28(3)(a)": None, "GDPR 28(3)(b)": None})
    with pytest.raises(AgreementError, match=r"GDPR 28\(3\)\(a\) is missing.*and 1 more"):
        require_agreements("loan", sources_of(), register, DAY)


@pytest.mark.parametrize("values", [{"id": "DPA-OTHER"}, {"country": "Germany"}, {"clausees": {}}])
def test_a_file_that_says_something_else_is_an_error_of_configuration(
    register: Path, values: dict[str, Any]
) -> None:
    change(register, **values)
    with pytest.raises(ConfigError, match=rf"agreements/{HOSTING}\.yaml"):
        faults_of(register)


def test_an_id_does_not_lead_out_of_the_register(register: Path) -> None:
    (register / "configs" / "governance" / "outside.yaml").write_text("{}")
    source = sources_of().root["activity"].model_copy(update={"agreement": "../outside"})
    (reviewed,) = judge_agreements("loan", Sources({"activity": source}), register, DAY)
    assert reviewed.faults == ("the register has no file of it",)


def test_what_is_judged_has_the_digest_that_is_told(
    register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = register / REGISTER / f"{HOSTING}.yaml"
    before = path.read_bytes()
    whole = read_regular_file

    def exchanged(place: Path, **limits: Any) -> bytes:
        content = whole(place, **limits)
        change(register, party="Somebody Else")
        return content

    monkeypatch.setattr("tasks.formats.yaml_file.read_regular_file", exchanged)
    agreement = read_agreement(HOSTING, register)
    assert agreement is not None
    assert agreement.agreement.party != "Somebody Else"
    assert agreement.sha256 == sha256(before).hexdigest()
