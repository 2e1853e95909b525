"""A packed model: what it holds and says of itself, and that it loads where nothing is ours."""

import json
import os
import pickletools
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.utils import requirements_utils

from tasks.formats.digests import sha256_of
from tasks.model import BrokenModelError, DecisionModel, InputError
from tasks.model.loading import code_sha256, shipped_name
from tasks.registry.packing import example_of, pack
from tests import served
from tests.alone import run_alone, run_outside, write_rows
from tests.models import FAMILIES, applicants, decision_model

CHECKOUT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # MLflow 3.17 leaves files open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def packed(folder: Path, model: DecisionModel) -> Path:
    source = folder / "model"
    source.mkdir(parents=True)
    model.save(source)
    return pack(source, folder / "packed")


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(tmp_path_factory.mktemp("lightgbm"), decision_model())


def description(artefact: Path) -> Any:
    return yaml.safe_load((artefact / "MLmodel").read_text())


def test_it_holds_the_judged_bytes_the_judged_code_and_nothing_that_is_a_pickle(
    artefact: Path,
) -> None:
    assert sha256_of(artefact / "data" / "model") == sha256_of(artefact.parent / "model")
    package = artefact / "code" / shipped_name(code_sha256())
    assert [path.name for path in (artefact / "code").iterdir()] == [package.name]
    assert code_sha256(package) == code_sha256()
    for path in artefact.rglob("*"):
        if path.is_file():
            path.read_text(encoding="utf-8")  # every file is a text
            assert not is_pickle(path.read_bytes())


def is_pickle(data: bytes) -> bool:
    try:
        return len(list(pickletools.genops(data))) > 2
    except ValueError:
        return False


def test_requirements_are_few_exact_and_those_of_this_environment(artefact: Path) -> None:
    from importlib.metadata import version

    lines = (artefact / "requirements.txt").read_text().splitlines()
    names = ("mlflow", "lightgbm", "numpy", "pandas", "pydantic")
    assert lines == [f"{name}=={version(name)}" for name in names]


def test_to_pack_reads_no_package_but_those_that_the_model_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow would read each for a map that is not looked at: nine tenths of what packing took."""

    def refuse() -> None:
        raise AssertionError("every installed package is read")

    monkeypatch.setattr(requirements_utils, "_MODULES_TO_PACKAGES", None)
    monkeypatch.setattr(requirements_utils.importlib_metadata, "packages_distributions", refuse)
    said: list[str] = []
    monkeypatch.setattr(requirements_utils._logger, "warning", said.append)
    packed(tmp_path, decision_model())
    assert not said  # a fault of the comparison would be said there, too
    assert requirements_utils._MODULES_TO_PACKAGES is None  # whoever infers requirements needs it


def test_a_requirement_that_is_not_what_is_installed_is_still_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(requirements_utils._logger, "warning", said.append)
    monkeypatch.setattr(requirements_utils, "_get_installed_version", lambda *_: "0.0.1")
    packed(tmp_path, decision_model())
    assert "numpy (current: 0.0.1" in "".join(said)


def test_the_signature_says_types_and_the_metadata_says_the_rest(artefact: Path) -> None:
    said = description(artefact)
    inputs = json.loads(said["signature"]["inputs"])
    assert {column["name"]: column["type"] for column in inputs} == {
        "income": "double",
        "debt": "double",
        "town": "string",
    }
    parameters = json.loads(said["signature"]["params"])
    assert [(known["name"], known["default"]) for known in parameters] == [("language", "en")]
    outputs = [column["name"] for column in json.loads(said["signature"]["outputs"])]
    assert outputs == decision_model().answer(applicants(1)).columns.tolist()
    ours = said["metadata"]["portcullis"]
    assert ours["columns"]["town"]["categories"] == ["A", "B", "rare"]
    assert ours["columns"]["debt"] == {"kind": "number", "may_be_missing": False}
    assert ours["cutoff"] == 0.6
    assert ours["code_sha256"] == code_sha256()


def test_the_example_is_nobody_s_and_can_be_decided_about(artefact: Path) -> None:
    model = decision_model()
    example = example_of(model)
    assert json.loads((artefact / "input_example.json").read_text()) == [example]
    assert not (applicants()["debt"] == example["debt"]).any()
    assert len(model.answer([example])) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_mlflow_answers_what_the_model_answers(family: str, tmp_path: Path) -> None:
    model = decision_model(family)
    loaded = mlflow.pyfunc.load_model(str(packed(tmp_path, model)))
    rows = applicants(40, seed=3)
    pd.testing.assert_frame_equal(loaded.predict(rows), model.answer(rows), check_exact=True)
    whole = rows.assign(income=50, debt=range(40))  # which MLflow's own check would refuse
    assert whole["debt"].dtype == np.int64
    pd.testing.assert_frame_equal(loaded.predict(whole), model.answer(whole), check_exact=True)
    assert len(loaded.predict(rows.head(0))) == 0


def test_a_wrong_row_is_our_error_and_not_mlflow_s_which_would_quote_it(artefact: Path) -> None:
    loaded = mlflow.pyfunc.load_model(str(artefact))
    rows = applicants(3).assign(town="zyzzyva")
    with pytest.raises(ValueError, match="column `town`: expected one of") as failure:
        loaded.predict(rows)
    assert type(failure.value).__name__ == InputError.__name__
    assert "zyzzyva" not in str(failure.value)


def test_code_that_was_exchanged_in_the_artefact_is_not_run_unnoticed(tmp_path: Path) -> None:
    place = packed(tmp_path, decision_model("logistic"))
    (package,) = (place / "code").iterdir()
    # Not the name of an earlier test's package: Python has that one in memory.
    other = package.rename(package.with_name(f"{package.name}_exchanged"))
    module = other / "deciding.py"
    module.write_text(module.read_text().replace(">= self.scorer.cutoff", ">= 0.0"))
    text = (place / "MLmodel").read_text()
    (place / "MLmodel").write_text(text.replace(package.name, other.name))
    with pytest.raises(ValueError, match="the model's code"):
        mlflow.pyfunc.load_model(str(place))


def test_a_model_judged_with_other_code_is_not_packed(tmp_path: Path) -> None:
    model = decision_model("logistic")
    contract = model.contract.model_copy(update={"code_sha256": "0" * 64})
    with pytest.raises(BrokenModelError, match="the model's code"):
        packed(tmp_path, DecisionModel(model.scorer, contract, model.reasons, model.composites))


def test_a_registration_of_before_still_loads_in_a_checkout(tmp_path: Path) -> None:
    """As `pack` made it until November 2026: the scorer's files alone, and our own loader."""
    model = decision_model()
    folder = tmp_path / "model"
    folder.mkdir()
    model.scorer.save(folder)
    mlflow.pyfunc.save_model(
        path=str(tmp_path / "old"),
        loader_module="tasks.registry.packing",
        data_path=str(folder),
        pip_requirements=["lightgbm"],
    )
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "old"))
    rows = applicants(20)
    np.testing.assert_array_equal(loaded.predict(rows), model.scorer.score(rows))


def expected(model: DecisionModel, rows: pd.DataFrame) -> dict[str, list[Any]]:
    answers = model.answer(rows).astype(object)
    scores = [float(score).hex() for score in answers.pop("score")]
    return {"score": scores, **{str(name): answers[name].tolist() for name in answers}}


def written(rows: pd.DataFrame, folder: Path) -> Path:
    values = rows.astype(object).replace({np.nan: None}).to_numpy().tolist()
    return write_rows(list(rows.columns), values, folder / "rows.json")


@pytest.mark.parametrize("family", FAMILIES)
def test_it_loads_with_its_own_requirements_alone(family: str, tmp_path: Path) -> None:
    model = decision_model(family)
    place = packed(tmp_path, model)
    before = sha256_of(place)
    rows = applicants(40, seed=3)
    found = run_alone(
        place / "requirements.txt",
        served.__file__,
        f"sqlite:///{tmp_path}/mlflow.db",
        str(place),
        str(written(rows, tmp_path)),
        home=tmp_path / "elsewhere",
    )
    answers = expected(model, rows)
    assert {name: found[name] for name in answers} == answers
    assert found["house"] == []
    assert found["loader"] == f"{shipped_name(code_sha256())}.loading"
    assert found["example"] in (["approved"], ["declined"])
    assert sha256_of(place) == before, "loading a model leaves something where it lies"


def test_being_alone_means_that_nothing_else_is_there(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import json\n"
        "found = []\n"
        "for name in ('numpy', 'pandas', 'tasks', 'flows', 'shap', 'portcullis'):\n"
        "    try:\n"
        "        __import__(name)\n"
        "        found.append(name)\n"
        "    except ModuleNotFoundError:\n"
        "        pass\n"
        "print(json.dumps(found))\n"
    )
    assert run_alone(requirements, str(script), home=tmp_path / "elsewhere") == ["numpy"]


def test_it_loads_in_an_environment_that_is_made_of_its_requirements(
    artefact: Path, tmp_path: Path
) -> None:
    """A real one, with the installer of the launcher: what is not required is not there."""
    python = new_environment(tmp_path / "environment", artefact / "requirements.txt")
    rows = applicants(40, seed=3)
    found = run_outside(
        (
            str(python),
            "-I",
            served.__file__,
            f"sqlite:///{tmp_path}/mlflow.db",
            str(artefact),
            str(written(rows, tmp_path)),
        ),
        tmp_path / "elsewhere",
    )
    answers = expected(decision_model(), rows)
    assert {name: found[name] for name in answers} == answers
    assert found["house"] == []


def new_environment(folder: Path, requirements: Path) -> Path:
    """Make a virtual environment of the requirements, by our lock; return its Python.

    From the installer's cache where it has all, as after `./portcullis test`; else from the index.
    """
    loader = SourceFileLoader("launcher_for_packing", str(CHECKOUT / "portcullis"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    launcher = module_from_spec(spec)
    loader.exec_module(launcher)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    environment = {**os.environ, **launcher.uv_settings(pip, dict(os.environ))}

    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    install: list[str | Path] = [uv, "pip", "install", "-q", "--python", python, "-r", requirements]
    install += ["-c", CHECKOUT / "requirements.lock", "--index-strategy", "unsafe-best-match"]
    install += ["--system-certs"]
    for way in (["--offline"], []):
        done = subprocess.run(
            [*install, *way], env=environment, capture_output=True, text=True, check=False
        )
        if not done.returncode:
            return python
    pytest.skip(f"the package index does not answer: {done.stderr.strip().splitlines()[-1][:200]}")
