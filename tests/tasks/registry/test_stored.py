"""What a registry gives back is compared file by file: one thing exchanged, and it is found out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import EvidenceError
from tasks.formats.digests import sha256_of
from tasks.registry.packing import pack
from tasks.registry.stored import require_judged_bytes
from tests.models import income_model

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # MLflow 3.17 leaves files open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "model"
    folder.mkdir()
    income_model().save(folder)
    return folder


@pytest.fixture(scope="module")
def sent(source: Path) -> Path:
    return pack(source, source.parent / "packed")


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def exchange(stored: Path) -> None:
        (path,) = stored.glob(name)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return exchange


def add(name: str) -> Callable[[Path], None]:
    def exchange(stored: Path) -> None:
        (stored / name).parent.mkdir(exist_ok=True)
        (stored / name).write_text("import os\n")

    return exchange


def spoil(name: str) -> Callable[[Path], None]:
    def exchange(stored: Path) -> None:
        (stored / name).write_bytes(b"\xff")

    return exchange


EXCHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "the cut-off": (replace("data/model/scorer.json", "0.5", "0.1"), "the model"),
    "the words of a reason": (replace("data/model/reasons.json", "low", "high"), "the model"),
    "the composites": (replace("data/model/composites.json", "-", ""), "the model"),
    "a file more in the model": (add("data/model/model.pkl"), "the model"),
    "the code": (replace("code/*/deciding.py", ">=", ">"), "deciding.py of the model"),
    "a module more in the package": (
        lambda stored: add(f"code/{next((stored / 'code').iterdir()).name}/more.py")(stored),
        "more.py of the model",
    ),
    "bytecode in place of sources": (
        lambda stored: replace("code/*/__pycache__", "No folder", "Bytecode")(stored),
        "__pycache__ of the model",
    ),
    "an MLmodel that is none": (replace("MLmodel", "flavors:", "tastes:"), "MLmodel of the model"),
    "a module that shadows a library": (add("code/numpy.py"), "code/numpy.py of the model"),
    "the loader": (replace("MLmodel", ".loading", ".deciding"), "MLmodel of the model"),
    "another flavour": (
        replace("MLmodel", "flavors:\n", "flavors:\n  sklearn:\n    pickled_model: x.pkl\n"),
        "MLmodel of the model",
    ),
    "another folder of code": (replace("MLmodel", "code: code", "code: data"), "MLmodel of the"),
    "the columns": (replace("MLmodel", "income", "outcome"), "MLmodel of the model"),
    "who checks the input": (
        replace("MLmodel", "type_hint: true", "type_hint: false"),
        "MLmodel of the model",
    ),
    "a requirement's version": (
        replace("requirements.txt", "numpy==", "numpy==9."),
        "requirements",
    ),
    "a requirement's name": (
        replace("requirements.txt", "pandas", "pandaz"),
        "requirements.txt of",
    ),
    "MLflow from elsewhere": (
        replace("requirements.txt", "mlflow==", "mlflow @ https://example.org/"),
        "requirements.txt of",
    ),
    "requirements that are no text": (spoil("requirements.txt"), "requirements.txt of"),
    "another index": (
        replace("requirements.txt", "mlflow==", "--index-url https://example.org\nmlflow=="),
        "requirements.txt of",
    ),
    "a channel of conda": (replace("conda.yaml", "conda-forge", "elsewhere"), "conda.yaml of"),
    "the environment": (replace("python_env.yaml", "-r requirements.txt", "evil"), "python_env"),
    "the example": (replace("input_example.json", "income", "outcome"), "input_example.json of"),
}


@pytest.mark.parametrize("what", EXCHANGES)
def test_what_was_exchanged_is_found_out(
    source: Path, sent: Path, tmp_path: Path, what: str
) -> None:
    exchange, words = EXCHANGES[what]
    stored = tmp_path / "stored"
    shutil.copytree(sent, stored)
    exchange(stored)
    with pytest.raises(EvidenceError, match=f"^[^:]*{words}[^:]*as the registry stored it"):
        require_judged_bytes(stored, source, sha256_of(source))


def test_a_file_that_is_gone_is_found_out(source: Path, sent: Path, tmp_path: Path) -> None:
    for name in ("MLmodel", "requirements.txt", "input_example.json"):
        stored = tmp_path / name
        shutil.copytree(sent, stored)
        (stored / name).unlink()
        with pytest.raises(EvidenceError, match=f"{name} of the model"):
            require_judged_bytes(stored, source, sha256_of(source))


def test_when_and_with_what_it_was_packed_makes_no_difference(
    source: Path, sent: Path, tmp_path: Path
) -> None:
    stored = tmp_path / "stored"
    shutil.copytree(sent, stored)
    replace("MLmodel", "utc_time_created: '2", "utc_time_created: '1")(stored)
    replace("MLmodel", "python_version: 3.", "python_version: 4.")(stored)
    replace("requirements.txt", "mlflow==3", "mlflow==4")(stored)
    replace("conda.yaml", "mlflow==3", "mlflow==4")(stored)
    replace("conda.yaml", "python=3", "python=4")(stored)
    replace("python_env.yaml", "python: 3", "python: 4")(stored)
    require_judged_bytes(stored, source, sha256_of(source))


def test_the_workspace_s_own_model_must_be_the_judged_one(
    source: Path, sent: Path, tmp_path: Path
) -> None:
    with pytest.raises(EvidenceError, match="the model as the registry stored it"):
        require_judged_bytes(sent, source, "0" * 64)
