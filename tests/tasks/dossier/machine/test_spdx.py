"""SPDX's own model takes the document, and what it says is what evidence says."""

import base64
import json
from typing import Any

import pytest

from tasks.dossier.machine.spdx import NO_LICENCE, spdx_document
from tests.tasks.dossier.making import SmallDossier
from tests.tasks.dossier.validators import read_spdx
from tests.tasks.verifier.signed_log import digest


def elements(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in document["@graph"] if item["type"] == kind]


def sbom(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = elements(document, "software_Sbom")
    return found


def test_the_model_is_named_by_its_digest_and_by_no_address(declared: SmallDossier) -> None:
    (model,) = elements(spdx_document(declared.subject()), "ai_AIPackage")
    sha256 = declared.subject().evidence.chain.model_sha256
    assert model["verifiedUsing"][0]["hashValue"] == sha256
    scheme, _, name = model["software_downloadLocation"].partition(";")
    assert scheme == "ni:///sha-256"
    assert base64.urlsafe_b64decode(name + "=").hex() == sha256


def test_it_says_what_the_model_learnt_from(declared: SmallDossier) -> None:
    document = spdx_document(declared.subject())
    by_id = {item["spdxId"]: item for item in document["@graph"] if "spdxId" in item}
    (learnt,) = [
        item
        for item in elements(document, "Relationship")
        if item["relationshipType"] == "trainedOn"
    ]
    (target,) = learnt["to"]
    assert by_id[learnt["from"]]["type"] == "ai_AIPackage"
    assert by_id[target]["verifiedUsing"][0]["hashValue"] == digest("redact/rows.parquet")


def test_metrics_are_those_that_were_judged(declared: SmallDossier) -> None:
    (model,) = elements(spdx_document(declared.subject()), "ai_AIPackage")
    assert {item["key"]: item["value"] for item in model["ai_metric"]} == {
        f"{gate}.measure": "0.75" for gate in ("train", "fairness", "subgroups")
    }
    assert {item["value"] for item in model["ai_metricDecisionThreshold"]} == {"at least 0.5"}


def test_sensitive_data_is_said_where_columns_are_signed_for(
    small: SmallDossier, declared: SmallDossier
) -> None:
    for dossier, said in ((small, "noAssertion"), (declared, "yes")):
        (model,) = elements(spdx_document(dossier.subject()), "ai_AIPackage")
        assert model["ai_useSensitivePersonalInformation"] == said


def test_every_package_of_the_profiles_has_both_licences_and_asserts_none(
    declared: SmallDossier,
) -> None:
    document = spdx_document(declared.subject())
    packages = elements(document, "ai_AIPackage") + elements(document, "dataset_DatasetPackage")
    licences = [
        (item["from"], item["relationshipType"])
        for item in elements(document, "Relationship")
        if item["to"] == [NO_LICENCE]
    ]
    assert sorted(licences) == sorted(
        (item["spdxId"], kind)
        for item in packages
        for kind in ("hasConcludedLicense", "hasDeclaredLicense")
    )


def test_a_model_that_was_not_let_in_claims_no_ai_profile(declared: SmallDossier) -> None:
    whole = spdx_document(declared.subject())
    assert sbom(whole)["profileConformance"] == ["core", "software", "ai", "dataset"]
    decision = declared.subject().evidence.decision
    assert decision is not None
    blocked = spdx_document(declared.subject(log=declared.read(without=decision.index)))
    assert sbom(blocked)["profileConformance"] == ["core", "software", "dataset"]
    assert "releaseTime" not in elements(blocked, "ai_AIPackage")[0]


@pytest.mark.parametrize("is_declared", [True, False])
def test_spdx_s_own_model_takes_it_and_links_every_id(
    small: SmallDossier, declared: SmallDossier, is_declared: bool
) -> None:
    dossier = declared if is_declared else small
    objects, dangling = read_spdx(spdx_document(dossier.subject()))
    assert not dangling
    assert "ai_AIPackage" in objects
    assert objects.count("dataset_DatasetPackage") >= 2


def test_it_refuses_what_is_no_such_document(declared: SmallDossier) -> None:
    document = json.loads(json.dumps(spdx_document(declared.subject())))
    (model,) = elements(document, "ai_AIPackage")
    model["ai_useSensitivePersonalInformation"] = "perhaps"
    with pytest.raises(ValueError, match="perhaps"):
        read_spdx(document)


def test_a_link_to_nothing_is_told(declared: SmallDossier) -> None:
    document = json.loads(json.dumps(spdx_document(declared.subject())))
    sbom(document)["rootElement"] = ["urn:uuid:00000000-0000-5000-8000-000000000000#x"]
    assert read_spdx(document)[1]
