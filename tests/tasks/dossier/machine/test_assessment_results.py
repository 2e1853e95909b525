"""OSCAL's results say of each requirement what the dossier says, with the same evidence."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.dossier.claims import AnswerStanding
from tasks.dossier.machine.assessment_results import assessment_results
from tasks.dossier.writing import machine_files
from tests.tasks.dossier.making import GOVERNANCE, SmallDossier
from tests.tasks.dossier.validators import read_assessment_results

TOKEN = re.compile(r"[A-Za-z_][\w.-]*")
UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[45][0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}", re.I)


def test_a_finding_for_each_requirement_that_applies_today(small: SmallDossier) -> None:
    subject = small.subject()
    result = assessment_results(subject)["assessment-results"]["results"][0]
    states = {
        finding["target"]["target-id"]: finding["target"]["status"]["state"]
        for finding in result["findings"]
    }
    assert states == {
        row.requirement.id.lower(): "satisfied" if row.standing.is_answer else "not-satisfied"
        for row in subject.required
        if row.standing is not AnswerStanding.NOT_APPLICABLE
    }


def test_what_is_satisfied_has_an_observation_with_evidence(small: SmallDossier) -> None:
    result = assessment_results(small.subject())["assessment-results"]["results"][0]
    observations = {item["uuid"]: item for item in result["observations"]}
    for finding in result["findings"]:
        if finding["target"]["status"]["state"] == "satisfied":
            (related,) = finding["related-observations"]
            assert observations[related["observation-uuid"]]["relevant-evidence"]


def test_identifiers_have_the_forms_of_oscal(small: SmallDossier) -> None:
    document = assessment_results(small.subject())["assessment-results"]
    result = document["results"][0]
    items = [document, result, *result["observations"], *result["findings"]]
    assert all(UUID.fullmatch(item["uuid"]) for item in items)
    assert len({item["uuid"] for item in items}) == len(items)
    assert all(TOKEN.fullmatch(item["target"]["target-id"]) for item in result["findings"])


def test_every_link_leads_to_a_file_of_the_folder(small: SmallDossier) -> None:
    dossier = small.dossier()
    document = assessment_results(small.subject())["assessment-results"]
    hrefs = {
        item["href"]
        for observation in document["results"][0]["observations"]
        for item in observation["relevant-evidence"]
    }
    assert {document["import-ap"]["href"], *hrefs} <= set(dossier.files)


@pytest.mark.parametrize("profile", GOVERNANCE.profiles)
def test_trestle_reads_it(small: SmallDossier, tmp_path: Path, profile: str) -> None:
    subject = small.subject(profile=profile)
    results = read_assessment_results(assessment_results(subject), tmp_path)
    (result,) = results.results
    assert len(result.findings) == len(
        [row for row in subject.required if row.standing is not AnswerStanding.NOT_APPLICABLE]
    )


def test_without_a_signed_day_there_are_none_for_the_format_asks_for_times(
    small: SmallDossier,
) -> None:
    log = small.read()
    assert "assessment-results.oscal.json" in machine_files(small.subject_without_data(log))

    # Without the review of the agreements, which was all that is signed of it.
    undated = small.subject_without_data(replace(log, entries=()))
    assert undated.evidence.day == ""
    files = machine_files(undated)
    assert list(files) == ["data.croissant.json"]
    assert b"T00:00:00Z" not in b"".join(files.values())


@pytest.mark.parametrize("field", ["uuid", "status", "hearsay"])
def test_trestle_refuses_what_is_none(small: SmallDossier, tmp_path: Path, field: str) -> None:
    document = json.loads(json.dumps(assessment_results(small.subject())))
    finding = document["assessment-results"]["results"][0]["findings"][0]
    if field == "status":
        finding["target"]["status"]["state"] = "fairly satisfied"
    else:
        finding[field] = "none"
    with pytest.raises(Exception, match=r"valid|Error|extra"):
        read_assessment_results(document, tmp_path)
