"""Words of schemas are known, and what is common by its form alone identifies nobody."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import mlflow.entities
import prefect.states
import pytest
from mlflow.entities.model_registry.model_version_stages import ALL_STAGES
from mlflow.entities.model_registry.model_version_status import ModelVersionStatus
from prefect.client.schemas.objects import StateType

from tasks.erasure.searching.common_values import SCHEMA_WORDS, is_common

WORKSPACE = Path(__file__).parents[4]


def words_of_mlflow() -> set[str]:
    enumerations = (
        mlflow.entities.RunStatus,
        mlflow.entities.LifecycleStage,
        mlflow.entities.SourceType,
        mlflow.entities.ViewType,
        ModelVersionStatus,
    )
    return {*ALL_STAGES, *(name for enum in enumerations for name in vars(enum) if name.isupper())}


def words_of_prefect() -> set[str]:
    source = inspect.getsource(prefect.states)
    return {
        *(state.value for state in StateType),
        *re.findall(r'name="(\w+)"', source),
    }


def words_of_this_house() -> Iterator[str]:
    """Yield the values of every enumeration of states: what programs write of everybody."""
    for path in sorted((WORKSPACE / "tasks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_state = isinstance(node, ast.ClassDef) and node.name.endswith(("State", "Status"))
            for line in node.body if is_state and isinstance(node, ast.ClassDef) else ():
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                    yield str(line.value.value)


@pytest.mark.parametrize("words", [words_of_mlflow, words_of_prefect, words_of_this_house])
def test_the_words_of_every_schema_are_known(words: Callable[[], Iterable[str]]) -> None:
    expected = {word.lower() for word in words() if re.fullmatch(r"[A-Za-z]{5,}", word)}

    assert expected - SCHEMA_WORDS == set()


@pytest.mark.parametrize("text", ["Finished", " Model ", "candidate", "COMPLETED"])
@pytest.mark.parametrize("kind", ["name", "account", "note", "identifier"])
def test_a_word_of_a_schema_identifies_nobody(kind: str, text: str) -> None:
    assert is_common(kind, text)


def test_a_name_of_one_word_and_a_short_number_are_many_people_s() -> None:
    assert is_common("name", "Quarantine")
    assert is_common("account", "123456")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("name", "Ann Quarantine"),
        ("name", "王小明"),
        ("account", "1234567"),
        ("identifier", "quarantine"),
        ("email", "model@example.org"),
    ],
)
def test_what_is_longer_or_in_a_script_without_blanks_identifies(kind: str, text: str) -> None:
    assert not is_common(kind, text)
