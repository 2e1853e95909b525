"""Our statements against formats that are not ours.

In-toto's protocol buffers, and schemas written from the texts.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1.statement import Statement as TheirStatement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

from tasks.attestation.roles import PROVENANCE, SUMMARY, TEST_RESULT
from tasks.notary.notary import open_ledger, trusted_root
from tasks.stages.fairness.checks import FairnessCheck
from tasks.verifier.log_reader import EVERYTHING, read_log
from tasks.verifier.statement_index import verified
from tests.installations import installation_at
from tests.tasks.judged import check, put_verdict, sign_for

MESSAGES = {
    PROVENANCE: provenance_pb2.Provenance,
    TEST_RESULT: test_result_pb2.TestResult,
    SUMMARY: vsa_pb2.VerificationSummary,
}
DIGESTS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "pattern": "^[a-f0-9]+$"},
}
DESCRIPTOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "uri": {"type": "string"},
        "digest": DIGESTS,
        "annotations": {"type": "object"},
        "content": {"type": "string"},
        "downloadLocation": {"type": "string"},
        "mediaType": {"type": "string"},
    },
    "anyOf": [{"required": ["name"]}, {"required": ["uri"]}, {"required": ["digest"]}],
    "additionalProperties": False,
}
WITH_DIGEST = DESCRIPTOR | {"required": ["digest"]}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
# SLSA: extension fields are named <vendor>_<field>.
EXTENSION: dict[str, Any] = {"^portcullis_": {}}
VERSIONS = {"type": "object", "additionalProperties": {"type": "string"}}
TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMAS = {
    PROVENANCE: {  # slsa.dev/spec/v1.0/provenance
        "type": "object",
        "required": ["buildDefinition", "runDetails"],
        "patternProperties": EXTENSION,
        "properties": {
            "buildDefinition": {
                "type": "object",
                "required": ["buildType", "externalParameters"],
                "additionalProperties": False,
                "properties": {
                    "buildType": {"type": "string", "format": "uri"},
                    "externalParameters": {"type": "object"},
                    "internalParameters": {"type": "object"},
                    "resolvedDependencies": {"type": "array", "items": WITH_DIGEST},
                },
            },
            "runDetails": {
                "type": "object",
                "required": ["builder"],
                "additionalProperties": False,
                "properties": {
                    "builder": {
                        "type": "object",
                        "required": ["id"],
                        "properties": {
                            "id": {"type": "string"},
                            "version": VERSIONS,
                            "builderDependencies": {"type": "array", "items": DESCRIPTOR},
                        },
                        "additionalProperties": False,
                    },
                    "metadata": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "invocationId": {"type": "string"},
                            "startedOn": TIME,
                            "finishedOn": TIME,
                        },
                    },
                    "byproducts": {"type": "array", "items": DESCRIPTOR},
                },
            },
        },
        "additionalProperties": False,
    },
    TEST_RESULT: {  # in-toto attestation, spec/predicates/test-result.md
        "type": "object",
        "required": ["result", "configuration"],
        "patternProperties": EXTENSION,
        "properties": {
            "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
            "configuration": {"type": "array", "minItems": 1, "items": WITH_DIGEST},
            "url": {"type": "string"},
            "passedTests": TEXTS,
            "warnedTests": TEXTS,
            "failedTests": TEXTS,
        },
        "additionalProperties": False,
    },
    SUMMARY: {  # slsa.dev/spec/v1.0/verification_summary
        "type": "object",
        "patternProperties": EXTENSION,
        "additionalProperties": False,
        "required": [
            "verifier",
            "timeVerified",
            "resourceUri",
            "policy",
            "verificationResult",
            "verifiedLevels",
        ],
        "properties": {
            "verifier": {
                "type": "object",
                "required": ["id"],
                "additionalProperties": False,
                "properties": {"id": {"type": "string"}},
            },
            "timeVerified": TIME,
            "resourceUri": {"type": "string"},
            "policy": {
                "type": "object",
                "required": ["uri"],
                "properties": {"uri": {"type": "string"}, "digest": DIGESTS},
            },
            "inputAttestations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["digest"],
                    "properties": {"uri": {"type": "string"}, "digest": DIGESTS},
                },
            },
            "verificationResult": {"enum": ["PASSED", "FAILED"]},
            "verifiedLevels": TEXTS,
            "dependencyLevels": {"type": "object"},
            "slsaVersion": {"type": "string"},
        },
    },
}


@pytest.fixture
def payloads(signed: Path) -> list[dict[str, Any]]:
    """Every statement of a use case, a failed verdict and a failed decision among them, as JSON."""
    failed = check(FairnessCheck.THEIL_INDEX, 0.1)
    undecided = check(FairnessCheck.UNDERRATED_BY, None)
    put_verdict(signed, "fairness", checks=(failed, undecided))
    for stage in ("fairness", "decide"):
        sign_for(signed, stage)
    ledger = open_ledger(installation_at(signed))
    log = read_log(ledger, trusted_root(installation_at(signed)), EVERYTHING)
    ledger.close()
    return [json.loads(verified(entry, log.keys).statement.to_bytes()) for entry in log.entries]


def without_extensions(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not key.startswith("portcullis_")}


def test_in_toto_s_own_messages_read_every_statement_and_find_nothing_unknown(
    payloads: list[dict[str, Any]],
) -> None:
    seen = set()
    for payload in payloads:
        message = json_format.ParseDict(payload, StatementMessage())
        TheirStatement.copy_from_pb(message).validate()
        if (kind := MESSAGES.get(payload["predicateType"])) is not None:
            predicate = without_extensions(payload["predicate"])
            # in-toto-attestation 0.9.3 declares it as bytes; the specification has a list.
            predicate.pop("verifiedLevels", None)
            json_format.ParseDict(predicate, kind())
            seen.add(payload["predicateType"])
    assert seen == set(MESSAGES)


def test_the_schemas_of_the_predicates_accept_every_statement(
    payloads: list[dict[str, Any]],
) -> None:
    for payload in payloads:
        if schema := SCHEMAS.get(payload["predicateType"]):
            jsonschema.validate(payload["predicate"], schema)
        for subject in payload["subject"]:
            jsonschema.validate(subject, WITH_DIGEST)
    results = {p["predicate"]["result"] for p in payloads if p["predicateType"] == TEST_RESULT}
    assert results == {"PASSED", "FAILED"}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (PROVENANCE, lambda p: p["buildDefinition"].pop("buildType")),
        (PROVENANCE, lambda p: p["runDetails"].update(colour="red")),
        (TEST_RESULT, lambda p: p.update(result="UNDECIDED")),
        (TEST_RESULT, lambda p: p.update(configuration=[])),
        (SUMMARY, lambda p: p.update(verificationResult="MAYBE")),
        (SUMMARY, lambda p: p.pop("policy")),
    ],
)
def test_the_schemas_can_refuse(
    payloads: list[dict[str, Any]], kind: str, change: Callable[..., Any]
) -> None:
    predicate = copy.deepcopy(next(p["predicate"] for p in payloads if p["predicateType"] == kind))
    change(predicate)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(predicate, SCHEMAS[kind])
