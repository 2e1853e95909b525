"""Pack a model folder as an MLflow model that loads anywhere: texts, a small package, no pickle.

What is packed: the model folder as it was judged, `tasks/model` under a name that holds its digest,
and the libraries that it needs. `tasks/registry/stored.py` says whether a registry still has that.
"""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.model import DecisionModel, Scorer
from tasks.model.deciding import APPROVED, DECLINED
from tasks.model.loading import code_files, require_judged_code, shipped_name
from tasks.model.reasons import MOST_REASONS

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

DATA = "data"
CODE = "code"
BYTECODE = "__pycache__"
NO_BYTECODE = "No folder, so that Python keeps no bytecode here: the sources are what was judged.\n"


def pack(model_folder: Path, destination: Path) -> Path:
    """Write an MLflow pyfunc model to `destination`; return it.

    `data/<folder>` in it holds exactly `model_folder`'s bytes, and `code/` exactly the package that
    the model names by its digest.

    Raises:
        BrokenModelError: The folder holds no whole model, or one that was judged with other code.
    """
    import mlflow.pyfunc

    model = DecisionModel.load(model_folder)
    # The package is copied from this checkout: it has to be the code whose digest the model names.
    require_judged_code(model)

    name = shipped_name(model.contract.code_sha256)
    with (
        TemporaryDirectory() as scratch,
        warnings.catch_warnings(),
        _without_map_of_modules(),
    ):
        warnings.simplefilter("ignore")  # MLflow's advice about type hints: no Python model is here
        package = Path(scratch) / name
        package.mkdir()
        for path in code_files():
            shutil.copy2(path, package / path.name)
        mlflow.pyfunc.save_model(
            path=str(destination),
            loader_module=f"{name}.loading",
            data_path=str(model_folder),
            code_paths=[str(package)],
            signature=signature_of(model),
            input_example=[example_of(model)],
            pip_requirements=list(model.contract.requirements),
            metadata={"portcullis": _metadata(model)},
        )
        # A file where Python would make a folder: whoever loads the model from where it lies would
        # else leave bytecode there, which is run instead of the sources that were judged.
        (destination / CODE / name / BYTECODE).write_text(NO_BYTECODE, encoding="utf-8")
    return destination


@contextmanager
def _without_map_of_modules() -> Iterator[None]:
    """Spare MLflow its map from modules to packages: it reads every installed package for it.

    It compares the model's requirements with what is installed, and warns. The map serves for a
    package that is installed without its metadata (`_get_installed_version` in MLflow 3), which is
    then looked for by the name that the requirement says.
    """
    from mlflow.utils import requirements_utils

    known = requirements_utils._MODULES_TO_PACKAGES
    if known is None:
        requirements_utils._MODULES_TO_PACKAGES = {}
    try:
        yield
    finally:
        requirements_utils._MODULES_TO_PACKAGES = known


def signature_of(model: DecisionModel) -> "ModelSignature":
    """Return what goes in and what comes out, with types."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    inputs = [
        ColSpec(DataType.string if column.kind == "category" else DataType.double, column.name)
        for column in model.contract.columns
    ]
    reasons = [
        ColSpec(DataType.string, f"reason_{position}{suffix}", required=False)
        for position in range(1, MOST_REASONS + 1)
        for suffix in ("", "_text")
    ]
    outputs = [ColSpec(DataType.double, "score"), ColSpec(DataType.string, "decision"), *reasons]
    language = ParamSpec("language", DataType.string, default=model.reasons.language)
    signature = ModelSignature(
        inputs=Schema(inputs), outputs=Schema(outputs), params=ParamSchema([language])
    )

    # "The model checks its own input": else MLflow does it first, refuses whole numbers where the
    # signature says `double`, and quotes the rows, people's rows, in the error that it raises.
    signature._is_signature_from_type_hint = True
    return signature


def example_of(model: DecisionModel) -> dict[str, float | str]:
    """Return one row that is nobody's: the composites' medians, and each feature's first category.

    The composites' values are each from several people; see `tasks/adverse_action/composing.py`.
    """
    # Not a row of the data, as MLflow's examples usually are: an example lies in the registry for
    # everybody who may read.
    medians = np.median(model.composites.matrix, axis=0)
    example: dict[str, float | str] = {}
    for column, median in zip(model.scorer.inputs, medians, strict=True):
        if column.category is None:
            example[column.feature] = float(np.round(median, 6))

    for known in model.contract.columns:
        if known.kind == "category":
            example[known.name] = known.categories[0]

    return {known.name: example[known.name] for known in model.contract.columns}


def _metadata(model: DecisionModel) -> dict[str, Any]:
    """Return what a signature has no place for; readable in the file `MLmodel`."""
    return {
        "cutoff": model.scorer.cutoff,
        "decisions": [APPROVED, DECLINED],
        "columns": {
            column.name: {
                "kind": column.kind,
                "may_be_missing": column.may_be_missing,
                **({"categories": list(column.categories)} if column.categories else {}),
            }
            for column in model.contract.columns
        },
        "reason_map": model.reasons.version,
        "languages": list(model.reasons.languages),
        "composites": {
            "compared_with": model.composites.compared_with,
            "people_behind_each_value": model.composites.people_behind_each_value,
        },
        "code_sha256": model.contract.code_sha256,
    }


class _ProbabilityOnly:
    """A model as it was registered before it carried its own code: it answers with a number."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002 - MLflow's signature
        return self._scorer.score(frame)


def _load_pyfunc(data_path: str) -> _ProbabilityOnly:
    """Load a model of before December 2026, whose `loader_module` is this module, in a checkout.

    Whatever is packed now names the package that it carries, and never comes here.
    """
    return _ProbabilityOnly(Scorer.load(Path(data_path)))
