"""Loading a registered model: what may serve, and what is refused before anything is loaded."""

import hashlib
import io
import json
import pickle
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, EvidenceError, RefusedError
from tasks.formats.digests import sha256_of
from tasks.serving import judge_serving, load_model
from tasks.stages.fairness.checks import FairnessCheck
from tests.installations import installation_at
from tests.models import applicants
from tests.tasks.conftest import UNSET
from tests.tasks.judged import CASE, RULES_OF_TESTS, check, put_verdict, sign_for
from tests.tasks.registering import register, train_another

pytestmark = [
    # MLflow 3.17 leaves SQLite connections to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

URI = f"models:/{CASE}@candidate"


@pytest.fixture(scope="module")
def registered_pattern(signed_pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like `signed_pattern`, whose model was let in and registered. Never changed."""
    folder = tmp_path_factory.mktemp("registered")
    shutil.copytree(signed_pattern, folder, symlinks=True, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
        for name in UNSET:
            patch.delenv(name, raising=False)
        patch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
        register(folder / "checkout")
    return folder


@pytest.fixture
def registered(
    signed: Path, registered_pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An installation whose model was let in and registered, in its own registry."""
    shutil.copytree(registered_pattern, tmp_path, symlinks=True, dirs_exist_ok=True)
    return signed


def refusals_of(root: Path) -> str:
    """Return why the registered model is not loaded."""
    with pytest.raises(RefusedError) as refused:
        load(root)
    return " ".join(refusal.text for refusal in refused.value.refusals)


def stored_model(root: Path) -> Path:
    """Return where the registry keeps the packed model."""
    (path,) = installation_at(root).home.glob("mlartifacts/**/MLmodel")
    return path.parent


def load(root: Path, uri: str = URI) -> Any:
    return load_model(uri, installation_at(root))


def test_a_registered_model_loads_and_decides_as_it_was_judged(registered: Path) -> None:
    loaded = load(registered)
    assert (loaded.name, loaded.version, loaded.case) == (CASE, "1", CASE)
    assert loaded.model_sha256 == sha256_of(registered / "data" / CASE / "train" / "model")
    assert load(registered, f"models:/{CASE}/1").model_sha256 == loaded.model_sha256
    answers = loaded.predict(applicants().dropna().head(9))
    assert set(answers["decision"]) <= {"approved", "declined"}
    assert len(answers) == 9


@pytest.mark.parametrize(
    "uri",
    ["models:/tiny/Production", "models:/tiny/latest", "runs:/a/model", "models:/tiny/0", "tiny"],
)
def test_other_forms_are_refused(registered: Path, uri: str) -> None:
    with pytest.raises(ConfigError):
        load(registered, uri)


def test_a_version_that_is_not_there_is_refused(registered: Path) -> None:
    with pytest.raises(EvidenceError, match="version"):
        load(registered, f"models:/{CASE}@champion")


def other_cutoff(stored: Path) -> None:
    path = next(stored.glob("data/*/scorer.json"))
    path.write_text(path.read_text().replace("0.5", "0.1"))


def test_other_bytes_are_refused_by_the_ledger(registered: Path) -> None:
    other_cutoff(stored_model(registered))
    with pytest.raises(RefusedError):
        load(registered)


class Payload:
    """An object whose unpickling leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        import os

        return os.system, (f"touch {self.mark}",)


def skops_payload() -> bytes:
    """A skops archive that calls `posix.system` where its own list of types is believed."""
    schema = {
        "__class__": "system",
        "__module__": "posix",
        "__loader__": "FunctionNode",
        "content": {"module_path": "posix", "function": "system"},
        "__id__": 1,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "model.skops",
        "data/model/model.skops",
        "data/model/model.pkl",
        "data/model/model.joblib",
        "python_model.pkl",
        "data/more/model.json",
        "code/sitecustomize.py",
        "code/{package}/more.so",
        "code/{package}/deeper/x.py",
        "artifacts/x.txt",
    ],
)
def test_a_file_that_is_no_part_of_a_packed_model_is_refused_unread(
    registered: Path, tmp_path: Path, name: str
) -> None:
    stored = stored_model(registered)
    (package,) = (stored / "code").iterdir()
    path = stored / name.format(package=package.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = tmp_path / "ran"
    is_skops = path.suffix == ".skops"
    path.write_bytes(skops_payload() if is_skops else pickle.dumps(Payload(mark)))
    with pytest.raises(EvidenceError, match="nothing of it was loaded"):
        load(registered)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["loading.py", "more.py", "__pycache__"])
def test_other_code_than_it_was_judged_with_is_never_run(
    registered: Path, tmp_path: Path, name: str
) -> None:
    (package,) = (stored_model(registered) / "code").iterdir()
    mark = tmp_path / "ran"
    with (package / name).open("a", encoding="utf-8") as stream:
        stream.write(f"\nopen({str(mark)!r}, 'w')\n")
    with pytest.raises(EvidenceError):
        load(registered)
    assert not mark.exists()


def test_what_steers_mlflow_steers_nothing_here(registered: Path) -> None:
    (stored_model(registered) / "MLmodel").write_text(
        "flavors: {python_function: {loader_module: os, code: code, data: data/model}}\n"
    )
    assert load(registered).version == "1"


def test_a_model_without_its_code_is_refused(registered: Path) -> None:
    shutil.rmtree(stored_model(registered) / "code")
    with pytest.raises(EvidenceError):
        load(registered)


def test_a_verdict_that_failed_since_is_refused(registered: Path) -> None:
    failed = (check(FairnessCheck.DISPARATE_IMPACT_RATIO, 0.1),)
    put_verdict(registered, "fairness", checks=failed)
    sign_for(registered, "fairness")
    assert "fairness: FAILED" in refusals_of(registered)


def test_under_another_name_it_was_not_let_in(registered: Path) -> None:
    model_sha256 = load(registered).model_sha256
    refusals = judge_serving("another", CASE, model_sha256, installation_at(registered))
    assert ["another name" in refusal.text for refusal in refusals] == [True]


def test_tags_of_the_registry_open_nothing(registered: Path) -> None:
    database = installation_at(registered).home / "mlflow.db"
    other_cutoff(stored_model(registered))
    digest = sha256_of(next(stored_model(registered).glob("data/*")))
    with sqlite3.connect(database) as connection:
        connection.execute(
            "UPDATE model_version_tags SET value = ? WHERE key = 'portcullis.model_sha256'",
            (digest,),
        )
    with pytest.raises(RefusedError):
        load(registered)


@pytest.mark.parametrize("case", ["", "other"])
def test_nor_does_the_tag_of_the_use_case(registered: Path, case: str) -> None:
    model_sha256 = load(registered).model_sha256
    assert judge_serving(CASE, case, model_sha256, installation_at(registered))


def artefact_md5(root: Path, name: str) -> str:
    return hashlib.md5(
        (root / "data" / CASE / name).read_bytes(), usedforsecurity=False
    ).hexdigest()


def test_where_nobody_can_count_the_erased_it_is_refused(registered: Path) -> None:
    (registered / "data" / CASE / "redact" / "rows.parquet").unlink()
    assert "nobody can count who was erased since" in refusals_of(registered)


def test_the_rows_of_an_earlier_release_come_from_the_cache_of_dvc(registered: Path) -> None:
    rows = registered / "data" / CASE / "redact" / "rows.parquet"
    md5 = artefact_md5(registered, "redact/rows.parquet")
    cached = registered / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(parents=True)
    shutil.copy2(rows, cached)
    rows.unlink()
    assert load(registered).version == "1"
    cached.write_bytes(cached.read_bytes() + b"x")
    assert "nobody can count who was erased since" in refusals_of(registered)


def test_an_earlier_release_loads_by_the_report_that_was_published_with_it(
    registered: Path,
) -> None:
    train_another(registered)
    register(registered)
    earlier = load(registered, f"models:/{CASE}/1")
    assert earlier.model_sha256 != load(registered).model_sha256
    assert earlier.model_sha256 != sha256_of(registered / "data" / CASE / "train" / "model")
    for path in installation_at(registered).home.glob("mlartifacts/**/training/report.json"):
        path.write_text(path.read_text().replace('"people_shredded": 0', '"people_shredded": 9'))
    with pytest.raises(RefusedError) as refused:
        load(registered, f"models:/{CASE}/1")
    assert "nobody can count who was erased since" in refused.value.lines[0]


def test_a_model_of_somebody_who_was_erased_since_is_refused(
    registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tasks.serving.judging.find_outdated_reasons", lambda *_: ("1 of the people was erased",)
    )
    assert refusals_of(registered) == "erasure: 1 of the people was erased"
