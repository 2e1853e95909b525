"""The registers hold together, and law is cited as current while it is."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from tasks.dossier.composing import compose_dossier
from tasks.dossier.governance import FOLDER, Provision, load_governance
from tasks.dossier.pages.registers import PART_TITLES
from tasks.errors import ConfigError
from tests.tasks.dossier.making import CHECKOUT, GOVERNANCE, SmallDossier

TODAY = date(2026, 11, 28)  # the day on which the registers were last gone through


@pytest.mark.parametrize("row", GOVERNANCE.requirements, ids=lambda row: row.id)
def test_no_requirement_is_of_law_that_is_withdrawn(row: object) -> None:
    law = GOVERNANCE.law[row.law]  # type: ignore[attr-defined]
    assert not law.is_past(TODAY)
    assert law.status != "withdrawn"


@pytest.mark.parametrize("profile", GOVERNANCE.profiles)
def test_no_page_cites_law_that_is_not_in_force(small: SmallDossier, profile: str) -> None:
    compose_dossier(small.subject(profile=profile))


def test_a_page_that_cites_withdrawn_law_stops_the_dossier(small: SmallDossier) -> None:
    subject = small.subject(purpose="Follow SR 11-7 to the letter")
    assert subject.day < date(2026, 4, 17)  # the small log is of January, when it was current
    compose_dossier(subject)

    law = dict(GOVERNANCE.law)
    law["sr-11-7"] = law["sr-11-7"].model_copy(update={"valid_to": date(2025, 12, 31)})
    changed = type(GOVERNANCE)(**{**GOVERNANCE.__dict__, "law": law})
    with pytest.raises(ConfigError, match="sr-11-7"):
        compose_dossier(small.subject(purpose="Follow SR 11-7 to the letter", governance=changed))


def test_law_has_its_first_and_its_last_day() -> None:
    law = GOVERNANCE.law["sr-26-2"]
    assert law.is_ahead(date(2026, 4, 16))
    assert law.is_current(date(2026, 4, 17))
    old = GOVERNANCE.law["sr-11-7"]
    assert old.is_current(date(2026, 4, 16))
    assert old.is_past(date(2026, 4, 17))


def test_what_is_withdrawn_has_a_last_day() -> None:
    values = {**GOVERNANCE.law["sr-11-7"].model_dump(), "valid_to": None}
    with pytest.raises(ValueError, match="last day"):
        Provision.model_validate(values)


def test_no_row_says_that_counsel_has_checked_it() -> None:
    assert not [row.id for row in GOVERNANCE.law.values() if row.verified]


def test_every_part_has_a_title() -> None:
    assert {row.part for row in GOVERNANCE.requirements} == set(PART_TITLES)


@pytest.mark.parametrize(
    "test", [test for row in GOVERNANCE.threats for test in row.tests], ids=str
)
def test_a_threat_s_test_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert re.search(rf"^def {name}\(", (CHECKOUT / file).read_text(), re.MULTILINE)


def test_the_files_are_in_the_checkout_s_own_language() -> None:
    assert {path.name for path in (CHECKOUT / FOLDER).glob("*.yaml")} == {
        "law.yaml",
        "profiles.yaml",
        "requirements.yaml",
        "threats.yaml",
    }


BROKEN: dict[str, tuple[str, str, Callable[[list[dict[str, object]]], object]]] = {
    "an id twice": ("law.yaml", "provisions", lambda rows: rows.append(dict(rows[0]))),
    "law that is in no register": (
        "requirements.yaml",
        "requirements",
        lambda rows: rows[0].update(law="lore"),
    ),
    "a person's field with evidence": (
        "requirements.yaml",
        "requirements",
        lambda rows: rows[1].update(evidence=["decision"]),
    ),
    "an unknown key": ("threats.yaml", "threats", lambda rows: rows[0].update(colour="red")),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_register_that_says_what_it_may_not_is_refused(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    for path in (CHECKOUT / FOLDER).glob("*.yaml"):
        values = yaml.safe_load(path.read_text())
        name, key, change = BROKEN[fault]
        if path.name == name:
            change(values[key])
        (folder / path.name).write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError):
        load_governance(tmp_path)


def test_a_profile_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="eu-credit"):
        GOVERNANCE.profile_of("loan", "mars")


@pytest.mark.parametrize("profile", GOVERNANCE.profiles)
def test_a_register_of_one_s_own_that_lacks_a_row_leaves_a_gap(
    small: SmallDossier, profile: str
) -> None:
    """A bank may drop any requirement: what pages ask besides is owed, and no page breaks."""
    part = GOVERNANCE.profiles[profile].parts[0]
    kept = tuple(row for row in GOVERNANCE.requirements if row.part == part)[:1]
    own = replace(GOVERNANCE, requirements=kept)
    pages = compose_dossier(small.subject(profile=profile, governance=own))
    (card,) = (page for page in pages if page.name == "datasheets")
    assert "the register of requirements has no GDP-13" in "\n".join(card.texts())


def test_a_use_case_has_a_profile_of_its_own() -> None:
    assert GOVERNANCE.profile_of("claims", None) == "insurance"
    assert GOVERNANCE.profile_of("loan", None) == "eu-credit"
