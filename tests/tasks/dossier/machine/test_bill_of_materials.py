"""The bill of materials is what CycloneDX's own strict validator takes."""

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tasks.dossier.machine.bill_of_materials import bill_of_materials
from tests.tasks.dossier.making import GOVERNANCE, SmallDossier


@pytest.mark.parametrize("profile", GOVERNANCE.profiles)
def test_it_is_valid_by_the_schema(small: SmallDossier, profile: str) -> None:
    text = json.dumps(bill_of_materials(small.subject(profile=profile)))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_it_is_valid_where_evidence_is_missing(small: SmallDossier) -> None:
    subject = small.subject()
    decision = subject.evidence.decision
    assert decision is not None
    values = bill_of_materials(small.subject(log=small.read(without=decision.index)))
    assert "timestamp" not in values["metadata"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(values)) is None


def test_the_validator_refuses_what_is_no_bill(small: SmallDossier) -> None:
    values = bill_of_materials(small.subject())
    values["metadata"]["component"]["modelCard"]["hearsay"] = "fair"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(values)) is not None


def test_the_model_is_named_by_its_digest(small: SmallDossier) -> None:
    subject = small.subject()
    component = bill_of_materials(subject)["metadata"]["component"]
    assert component["hashes"] == [
        {"alg": "SHA-256", "content": subject.evidence.chain.model_sha256}
    ]
    metrics = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {metric["type"] for metric in metrics} == {
        "train.measure",
        "fairness.measure",
        "subgroups.measure",
    }
