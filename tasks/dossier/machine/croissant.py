"""The data that the model learnt from, as Croissant 1.1 metadata: by digest, without a download.

Nobody can fetch personal data from it: the distribution names a file and its digest, and no
address. Of the terms for responsible AI, those that evidence answers are there; what only a person
can say (biases, limits, social impact) is a gap of the dossier, and no text stands in for it.
Specification: docs.mlcommons.org/croissant.
"""

from typing import Any

from tasks.dossier.answering import rows_name
from tasks.dossier.evidence.lacking import Lacking
from tasks.dossier.subject import DossierSubject

CONFORMS_TO = (
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
)
# The context of the specification, with no term of ours.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
# Roles whose columns are described: the model learns nothing from an identifier.
REDACTED_ROLES = ("feature", "protected", "target")
TYPES = {"flag": "sc:Boolean", "number": "sc:Float"}  # all else is text


def croissant(subject: DossierSubject) -> dict[str, Any]:
    """Return the metadata of the redacted rows; without columns where none are signed for.

    Where no rows were made, as none was admitted, there is no file, and no column of one.
    """
    evidence = subject.evidence
    rows_sha256 = evidence.chain.artefacts().get(rows_name(subject.case))
    file_id = "rows.parquet"
    values: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{subject.case}-redacted-rows",
        "description": "Rows without names that a model learnt from; personal data, not public.",
        "conformsTo": list(CONFORMS_TO),
        "version": "1.0.0",
    }
    # mlcroissant (1.1.1) takes an empty digest for one, and a reader would look for such a file.
    if rows_sha256 is not None:
        values["distribution"] = [
            {
                "@type": "cr:FileObject",
                "@id": file_id,
                "name": file_id,
                "contentUrl": file_id,
                "encodingFormat": "application/x-parquet",
                "sha256": rows_sha256,
            }
        ]
    # Of a day that was signed, or not at all: the format asks for a date, and no clock is read.
    if evidence.day:
        values["datePublished"] = evidence.day

    columns = evidence.section("columns")
    if rows_sha256 is not None and not isinstance(columns, Lacking):
        fields = [
            _field(column, declared, file_id, subject)
            for column, declared in columns[0].items()
            if declared["role"] in REDACTED_ROLES
        ]
        record_set = {"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields}
        values["recordSet"] = [record_set]
    return {**values, **_responsible_use(subject)}


def _responsible_use(subject: DossierSubject) -> dict[str, str]:
    """Return the terms of the RAI vocabulary that evidence answers, each in a sentence."""
    terms = {
        "rai:dataCollection": _collection(subject),
        "rai:dataCollectionMissingData": _missing_data(subject),
        "rai:dataPreprocessingProtocol": _preprocessing(subject),
        "rai:personalSensitiveInformation": _personal(subject),
        "rai:dataReleaseMaintenancePlan": _retention(subject),
    }
    return {name: text for name, text in terms.items() if text}


def _collection(subject: DossierSubject) -> str:
    sources = subject.evidence.read_artefact("admit/sources.json")
    if isinstance(sources, Lacking):
        return ""

    return "; ".join(
        f"{name}: from {source['owner']}, {source['legal_basis']}"
        for name, source in sources[0].items()
    )


def _missing_data(subject: DossierSubject) -> str:
    report = subject.evidence.read_artefact("validate/report.json", "missing_ratio")
    if isinstance(report, Lacking):
        return ""

    # The greatest share first; columns of the same share by name, so that the order is settled.
    shares = sorted(report[0]["missing_ratio"].items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{column}: {ratio:.1%}" for column, ratio in shares if ratio > 0) or "nothing"


def _preprocessing(subject: DossierSubject) -> str:
    """Return which stages made the rows, in the order in which they ran."""
    steps = [
        step for step in reversed(subject.evidence.chain.steps) if step.name.endswith(".parquet")
    ]
    return "; ".join(f"stage {step.stage} made {step.name}" for step in steps)


def _personal(subject: DossierSubject) -> str:
    columns = subject.evidence.section("columns")
    if isinstance(columns, Lacking):
        return ""

    names = [
        subject.words.label_of(column)
        for column, declared in columns[0].items()
        if declared["role"] == "protected"
    ]
    return ", ".join(names)


def _retention(subject: DossierSubject) -> str:
    erasure = subject.evidence.section("erasure")
    if isinstance(erasure, Lacking):
        return ""

    return "; ".join(
        f"{name}: {rule['months']} months ({rule['basis']})"
        for name, rule in erasure[0].get("keep", {}).items()
    )


def _field(
    column: str, declared: dict[str, Any], file_id: str, subject: DossierSubject
) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"rows/{column}",
        "name": column,
        "description": subject.words.label_of(column),
        "dataType": TYPES.get(declared.get("kind", "number"), "sc:Text"),
        "source": {"fileObject": {"@id": file_id}, "extract": {"column": column}},
    }
