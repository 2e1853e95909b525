"""The model and what it was made with, as a CycloneDX 1.6 bill of materials with a model card.

Plain JSON: the library's classes have no setter for `modelCard` yet. Specification:
cyclonedx.org/docs/1.6/json.
"""

from typing import Any
from uuid import UUID, uuid5

from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject
from tasks.gates import Check

# A name space of our own, so that one model of one ledger has one serial number.
NAMESPACE = UUID("6f0d5a7e-3a7b-5d0e-9a40-4b1f6a3b9c11")


def bill_of_materials(subject: DossierSubject) -> dict[str, Any]:
    """Return the bill of a model: itself with its card, its data, and the libraries it needed."""
    evidence = subject.evidence
    model_sha256 = evidence.chain.model_sha256
    # By ledger and model: two installations that train the same bytes have two bills.
    serial = uuid5(NAMESPACE, f"{evidence.log.head.origin} {model_sha256}")
    model_ref = f"model:{model_sha256}"

    data = _data_components(subject)
    data_refs = [item["bom-ref"] for item in data]
    libraries = [_library_component(name, version) for name, version in libraries_of(subject)]
    library_refs = [item["bom-ref"] for item in libraries]

    values: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": model_ref,
                "name": f"{subject.case}/train/model",
                "version": model_sha256[:12],
                "hashes": [{"alg": "SHA-256", "content": model_sha256}],
                "modelCard": _model_card(subject, data_refs),
            },
        },
        "components": [*data, *libraries],
        "dependencies": [{"ref": model_ref, "dependsOn": [*data_refs, *library_refs]}],
    }

    # The time of a decision and no clock's: the same evidence gives the same bytes.
    if evidence.decision is not None:
        values["metadata"]["timestamp"] = evidence.decision.predicate.finished
    return values


def libraries_of(subject: DossierSubject) -> list[tuple[str, str]]:
    """Return the libraries that training ran with, and their versions, as its statement says."""
    training = subject.evidence.step("train")
    tools = training.signed.predicate.run.tools if training else {}

    # Python itself is no package of the index, so no address of one could name it.
    return [
        (name, version)
        for name, version in sorted(tools.items())
        if name != "python" and version != "not installed"
    ]


def _library_component(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _data_components(subject: DossierSubject) -> list[dict[str, Any]]:
    """Return the data sets of the lineage, by digest; the deliveries themselves are not in it."""
    return [
        {
            "type": "data",
            "bom-ref": f"data:{step.sha256}",
            "name": step.name,
            "version": step.sha256[:12],
            "hashes": [{"alg": "SHA-256", "content": step.sha256}],
        }
        for step in subject.evidence.chain.steps
        if step.name.endswith(".parquet")
    ]


def _model_card(subject: DossierSubject, datasets: list[str]) -> dict[str, Any]:
    learner = subject.evidence.section("train")
    parameters: dict[str, Any] = {
        "task": "classification",
        "datasets": [{"ref": ref} for ref in datasets],
    }
    # The family as declared, where the declaration is the one that training signed for.
    if not isinstance(learner, Lacking):
        parameters["architectureFamily"] = str(learner[0].get("family", ""))

    metrics = [
        _metric(check)
        for gate in ("train", "fairness", "subgroups")
        for check in subject.evidence.checks(gate)
        if check.value is not None
    ]
    return {"modelParameters": parameters, "quantitativeAnalysis": {"performanceMetrics": metrics}}


def _metric(check: Check) -> dict[str, Any]:
    # Texts, as the format asks, and by `repr`, which reads back as the very same number.
    metric: dict[str, Any] = {"type": str(check.id), "value": repr(check.value)}
    about = check.about.to_dict()
    if about:
        metric["slice"] = ", ".join(f"{name}={value}" for name, value in about.items())

    if check.interval is not None:
        lower, upper = map(repr, check.interval)
        metric["confidenceInterval"] = {"lowerBound": lower, "upperBound": upper}
    return metric
