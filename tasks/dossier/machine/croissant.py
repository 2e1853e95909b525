"""The data that the model learnt from, as Croissant 1.0 metadata: by digest, without a download.

Nobody can fetch personal data from it: the distribution names a file and its digest, and no
address. Specification: docs.mlcommons.org/croissant.
"""

from typing import Any

from tasks.dossier.answering import rows_name
from tasks.dossier.evidence import Lacking
from tasks.dossier.subject import DossierSubject

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
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
TYPES = {"flag": "sc:Boolean", "number": "sc:Float"}  # all else is text


def croissant(subject: DossierSubject) -> dict[str, Any]:
    """Return the metadata of the redacted rows; without columns where none are signed for."""
    evidence = subject.evidence
    name = rows_name(subject.case)
    file_id = "rows.parquet"
    values: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{subject.case}-redacted-rows",
        "description": "Rows without names that a model learnt from; personal data, not public.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": "1.0.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file_id,
                "name": file_id,
                "contentUrl": file_id,
                "encodingFormat": "application/x-parquet",
                "sha256": evidence.chain.artefacts().get(name, ""),
            }
        ],
    }
    if evidence.day:
        values["datePublished"] = evidence.day
    columns = evidence.section("columns")
    if not isinstance(columns, Lacking):
        kept = {
            column: declared
            for column, declared in columns[0].items()
            if declared["role"] in ("feature", "protected", "target")
        }
        values["recordSet"] = [
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "field": [
                    _field(column, declared, file_id, subject) for column, declared in kept.items()
                ],
            }
        ]
    return values


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
