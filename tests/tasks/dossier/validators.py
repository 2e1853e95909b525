"""Readers of machine formats that others wrote; without `tests/requirements.lock` tests skip."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

REASON = "tests/requirements.lock is not installed here"


def read_spdx(document: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Return the types of all objects, as SPDX's model reads them, and ids that lead nowhere.

    Raises:
        ValueError: A field is unknown, or holds what the model does not allow.
    """
    spdx = pytest.importorskip("spdx_python_model", reason=REASON)
    _, objects = spdx.load_data(json.loads(json.dumps(document)))
    dangling = {str(name) for name in objects.link()}
    # A named individual of the specification itself, which its bindings leave out of their list.
    dangling = {name for name in dangling if not name.startswith("https://spdx.org/rdf/3.0.1/")}
    return [type(item).__name__ for item in objects.objects], dangling


def read_croissant(metadata: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return the metadata as mlcroissant reads them, and what it warns of.

    Raises:
        ValidationError: They are no Croissant.
    """
    mlcroissant = pytest.importorskip("mlcroissant", reason=REASON)
    with warnings.catch_warnings():
        # It calls a class of rdflib that is to go.
        warnings.simplefilter("ignore", DeprecationWarning)
        dataset = mlcroissant.Dataset(jsonld=json.loads(json.dumps(metadata)))
    return dataset.metadata, sorted(dataset.metadata.ctx.issues.warnings)


def read_assessment_results(document: dict[str, Any], folder: Path) -> Any:
    """Return OSCAL's assessment results as compliance-trestle reads them.

    Raises:
        Exception: One of the library's or pydantic's: they are no assessment results.
    """
    oscal = pytest.importorskip("trestle.oscal.assessment_results", reason=REASON)
    path = folder / "assessment-results.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return oscal.AssessmentResults.oscal_read(path)
