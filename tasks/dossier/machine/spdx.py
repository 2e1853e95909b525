"""The model, its data and its libraries as an SPDX 3.0.1 document with AI and Dataset profiles.

Plain JSON-LD in the specification's compact form. What evidence does not say is left out or is
SPDX's own `NoAssertion`; a model that was not let in has no time of release, so its document does
not claim to conform to the AI profile, which asks for one. Specification: spdx.github.io/spdx-spec.
"""

import base64
from collections.abc import Iterable
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from tasks.dossier.answering import rows_name
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.machine.bill_of_materials import NAMESPACE, libraries_of
from tasks.dossier.subject import DossierSubject
from tasks.verifier.lineage import Step

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
SPEC_VERSION = "3.0.1"
# A blank node: every element of the document shares one creation.
CREATION = "_:creation"
NO_LICENCE = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertion"
# Gates whose checks are figures of the model, as in the other bill.
MEASURING_GATES = ("train", "fairness", "subgroups")
SENSITIVE_ROLES = ("protected", "quasi_identifier", "identifier", "subject")


def spdx_document(subject: DossierSubject) -> dict[str, Any]:
    """Return the document of a model: itself, what it learnt from, and the libraries it needed."""
    evidence = subject.evidence
    name = f"spdx {evidence.log.head.origin} {evidence.chain.model_sha256}"
    ids = _Ids(uuid5(NAMESPACE, name))

    # What is described: the model, each data set of its lineage, and each library.
    parties = _parties(subject, ids)
    model = _model(subject, ids, parties)
    datasets = [
        _dataset(subject, step, ids, parties)
        for step in evidence.chain.steps
        if step.name.endswith(".parquet")
    ]
    libraries = [_library(name, version, ids) for name, version in libraries_of(subject)]
    described = [model, *datasets, *libraries]
    relationships = _relationships(subject, model, datasets, libraries, ids)

    # The document holds the bill, and the bill holds what is described: each names its root.
    bom = {
        "type": "software_Sbom",
        "spdxId": ids.of("bom"),
        "creationInfo": CREATION,
        "rootElement": [model["spdxId"]],
        "element": [item["spdxId"] for item in (*described, *relationships)],
        "profileConformance": _profiles(model, datasets),
        "software_sbomType": ["analyzed"],
    }
    document = {
        "type": "SpdxDocument",
        "spdxId": ids.of("document"),
        "creationInfo": CREATION,
        "name": f"{subject.case}/train/model",
        "rootElement": [bom["spdxId"]],
        "element": [bom["spdxId"], *(item["spdxId"] for item in parties.values())],
        "profileConformance": bom["profileConformance"],
    }

    graph = [
        *_creation(subject, ids),
        document,
        bom,
        *parties.values(),
        *described,
        *relationships,
    ]
    return {"@context": CONTEXT, "@graph": graph}


def _creation(subject: DossierSubject, ids: "_Ids") -> tuple[dict[str, Any], dict[str, Any]]:
    """Return when and by what the document was made, and the program that made it."""
    author = {
        "type": "SoftwareAgent",
        "spdxId": ids.of("author"),
        "creationInfo": CREATION,
        "name": "Portcullis",
    }
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": SPEC_VERSION,
        "created": _time_of(subject),
        "createdBy": [author["spdxId"]],
    }
    return creation, author


class _Ids:
    """Identifiers below one name, which follows from the ledger and the model."""

    def __init__(self, own: UUID) -> None:
        self.own = own

    def of(self, name: str) -> str:
        """Return the identifier of an element."""
        return f"urn:uuid:{self.own}#{name}"


def _time_of(subject: DossierSubject) -> str:
    """Return when the last thing was decided about the model; else the day, at its start."""
    decision = subject.evidence.decision
    return decision.predicate.finished if decision else f"{subject.evidence.day}T00:00:00Z"


def _named_by_digest(sha256: str) -> str:
    """Return a name by digest (RFC 6920): it says which bytes, and no place to fetch them from."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()
    return f"ni:///sha-256;{digest}"


def _parties(subject: DossierSubject, ids: _Ids) -> dict[str, dict[str, Any]]:
    """Return the parties of the agreements that data was admitted by, as organisations."""
    review = subject.evidence.review
    sources = review.predicate.sources if review else ()
    # One organisation may supply several sources: it is one element, numbered as first met.
    names = dict.fromkeys(item.party for item in sources if item.party)

    return {
        name: {
            "type": "Organization",
            "spdxId": ids.of(f"party-{number}"),
            "creationInfo": CREATION,
            "name": name,
        }
        for number, name in enumerate(names, 1)
    }


def _of_role(
    subject: DossierSubject, parties: dict[str, dict[str, Any]], role: str = ""
) -> list[str]:
    """Return the ids of the parties of a role; of all parties without one."""
    review = subject.evidence.review
    sources = review.predicate.sources if review else ()
    names = (item.party for item in sources if item.party and role in ("", item.role))
    return [parties[name]["spdxId"] for name in dict.fromkeys(names)]


def _artefact(kind: str, name: str, sha256: str, ids: _Ids, key: str) -> dict[str, Any]:
    return {
        "type": kind,
        "spdxId": ids.of(key),
        "creationInfo": CREATION,
        "name": name,
        "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": sha256}],
        "software_downloadLocation": _named_by_digest(sha256),
        "software_packageVersion": sha256[:12],
    }


def _model(
    subject: DossierSubject, ids: _Ids, parties: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    evidence = subject.evidence
    digest = evidence.chain.model_sha256
    model = _artefact("ai_AIPackage", f"{subject.case}/train/model", digest, ids, "model")
    model["software_primaryPurpose"] = "model"

    # Of several controllers the first: `suppliedBy` holds one.
    if suppliers := _of_role(subject, parties, "controller"):
        model["suppliedBy"] = suppliers[0]
    training = evidence.step("train")
    if training is not None:
        model["builtTime"] = training.signed.predicate.run.finished
    if evidence.is_let_in:
        model["releaseTime"] = _time_of(subject)

    learner = evidence.section("train")
    if not isinstance(learner, Lacking):
        values = learner[0]
        model["ai_typeOfModel"] = [str(values.get("family", ""))]
        parameters = values.get("parameters", {})
        model["ai_hyperparameter"] = _entries((name, str(parameters[name])) for name in parameters)

    checks = [
        check
        for gate in MEASURING_GATES
        for check in evidence.checks(gate)
        if check.value is not None
    ]
    model["ai_metric"] = _entries((check.key, repr(check.value)) for check in checks)
    model["ai_metricDecisionThreshold"] = _entries((check.key, check.limit) for check in checks)

    if "explain" in evidence.chain.verdicts:
        model["ai_modelExplainability"] = ["SHAP values, judged by gate explain"]
    model["ai_useSensitivePersonalInformation"] = _sensitivity(subject)
    # What evidence does not say is left out: an empty list would say that there is none.
    return {name: value for name, value in model.items() if value != []}


def _dataset(
    subject: DossierSubject, step: Step, ids: _Ids, parties: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    kind = "dataset_DatasetPackage"
    dataset = _artefact(kind, step.name, step.sha256, ids, f"data-{step.stage}")
    dataset["software_primaryPurpose"] = "data"
    dataset["builtTime"] = step.signed.predicate.run.finished
    dataset["releaseTime"] = step.signed.predicate.run.finished
    if origins := _of_role(subject, parties):
        dataset["originatedBy"] = origins

    dataset["dataset_datasetType"] = ["structured"]
    dataset["dataset_hasSensitivePersonalInformation"] = _sensitivity(subject)

    # Of the rows after redaction alone: before it, nothing was masked yet.
    if step.name == rows_name(subject.case):
        dataset["dataset_anonymizationMethodUsed"] = [
            "pseudonymised: identifiers are masked or tokenised by stage redact"
        ]
    return dataset


def _library(name: str, version: str, ids: _Ids) -> dict[str, Any]:
    return {
        "type": "software_Package",
        "spdxId": ids.of(f"library-{name}"),
        "creationInfo": CREATION,
        "name": name,
        "software_packageVersion": version,
        "software_packageUrl": f"pkg:pypi/{name}@{version}",
        "software_primaryPurpose": "library",
    }


def _relationships(
    subject: DossierSubject,
    model: dict[str, Any],
    datasets: list[dict[str, Any]],
    libraries: list[dict[str, Any]],
    ids: _Ids,
) -> list[dict[str, Any]]:
    """Return what the model learnt from, what it needs, and that no licence is asserted."""
    learnt_from = [item["spdxId"] for item in datasets if item["name"] == rows_name(subject.case)]
    needed = [item["spdxId"] for item in libraries]

    # Of the lineage: rows are made of the rows before them.
    ordered = [item["spdxId"] for item in reversed(datasets)]
    pairs = [
        ("trained-on", model["spdxId"], "trainedOn", learnt_from),
        ("depends-on", model["spdxId"], "dependsOn", needed),
        *(
            (f"ancestor-{number}", earlier, "ancestorOf", [later])
            for number, (earlier, later) in enumerate(pairwise(ordered), start=1)
        ),
    ]

    # The AI profile and the Dataset profile ask for both of every package.
    for number, item in enumerate((model, *datasets)):
        for kind in ("hasConcludedLicense", "hasDeclaredLicense"):
            pairs.append((f"{kind}-{number}", item["spdxId"], kind, [NO_LICENCE]))

    # A relationship to nothing is no relationship: SPDX asks for at least one target.
    return [
        {
            "type": "Relationship",
            "spdxId": ids.of(name),
            "creationInfo": CREATION,
            "from": source,
            "relationshipType": kind,
            "to": targets,
        }
        for name, source, kind, targets in pairs
        if targets
    ]


def _profiles(model: dict[str, Any], datasets: list[dict[str, Any]]) -> list[str]:
    """Return the profiles whose required fields are there."""
    profiles = ["core", "software"]
    if {"releaseTime", "suppliedBy"} <= model.keys():
        profiles.append("ai")
    if all({"releaseTime", "originatedBy"} <= item.keys() for item in datasets):
        profiles.append("dataset")
    return profiles


def _sensitivity(subject: DossierSubject) -> str:
    """Return whether sensitive data is declared: SPDX's yes, no, or no assertion."""
    columns = subject.evidence.section("columns")
    if isinstance(columns, Lacking):
        return "noAssertion"

    is_sensitive = any(column["role"] in SENSITIVE_ROLES for column in columns[0].values())
    return "yes" if is_sensitive else "no"


def _entries(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"type": "DictionaryEntry", "key": name, "value": value} for name, value in pairs]
