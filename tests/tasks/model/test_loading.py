"""The package stands alone: it can be taken out of the house, renamed, and told apart by digest."""

import ast
import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks.model
from tasks.model import BrokenModelError
from tasks.model.loading import code_files, code_sha256, require_judged_code, shipped_name
from tests.models import applicants, decision_model

PACKAGE = Path(tasks.model.__file__).parent
LIBRARIES = {"numpy", "pandas", "pydantic", "lightgbm", "xgboost"}


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (dots, module) of every import of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


@pytest.mark.parametrize("path", code_files(), ids=lambda path: path.name)
def test_a_module_imports_its_neighbours_and_few_libraries(path: Path) -> None:
    neighbours = {other.stem for other in code_files()}
    for dots, module in imports_of(path):
        if dots:
            assert dots == 1
            assert module in neighbours
        else:
            assert module.partition(".")[0] in LIBRARIES | set(sys.stdlib_module_names)


def test_it_is_a_flat_folder_of_modules() -> None:
    rest = {path.name for path in PACKAGE.iterdir()} - {path.name for path in code_files()}
    assert rest <= {"__pycache__"}


def test_every_library_that_it_imports_is_one_that_the_contract_names() -> None:
    named = {
        line.partition("==")[0].removesuffix("-cpu")
        for family in ("lightgbm", "xgboost")
        for line in decision_model(family).contract.requirements
    }
    assert named == LIBRARIES


def test_code_is_known_by_its_bytes_whatever_its_place(tmp_path: Path) -> None:
    copy = tmp_path / "anywhere"
    shutil.copytree(PACKAGE, copy)
    assert code_sha256(copy) == code_sha256()
    module = copy / "scorer.py"
    module.write_text(module.read_text().replace(">=", ">"))
    assert code_sha256(copy) != code_sha256()


def test_a_module_more_is_other_code(tmp_path: Path) -> None:
    copy = tmp_path / "anywhere"
    shutil.copytree(PACKAGE, copy)
    (copy / "more.py").write_text("")
    assert code_sha256(copy) != code_sha256()


def test_a_model_that_was_judged_with_other_code_is_not_served_by_this() -> None:
    model = decision_model("logistic")
    require_judged_code(model)
    other = model.contract.model_copy(update={"code_sha256": "0" * 64})
    changed = type(model)(model.scorer, other, model.reasons, model.composites)
    with pytest.raises(BrokenModelError, match="the model's code"):
        require_judged_code(changed)


def test_models_of_different_code_live_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = decision_model("logistic")
    rows = applicants(5)
    answers = []
    for word in ("declined", "refused"):
        draft = tmp_path / word
        shutil.copytree(PACKAGE, draft)
        module = draft / "deciding.py"
        module.write_text(module.read_text().replace('"declined"', f'"{word}"', 1))
        digest = code_sha256(draft)
        shutil.copytree(draft, tmp_path / "code" / shipped_name(digest))

        folder = tmp_path / f"model of {word}"
        folder.mkdir()
        contract = model.contract.model_copy(update={"code_sha256": digest})
        type(model)(model.scorer, contract, model.reasons, model.composites).save(folder)
        monkeypatch.syspath_prepend(str(tmp_path / "code"))
        loading = importlib.import_module(f"{shipped_name(digest)}.loading")
        answers.append(loading._load_pyfunc(str(folder)).predict(rows))

    assert set(answers[0]["decision"]) == {"approved", "declined"}
    assert set(answers[1]["decision"]) == {"approved", "refused"}
