"""Two models of one use case in one registry, and the rule by which one follows the other."""

import gc
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking._tracking_service import utils as tracking

from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.train.checks import TrainCheck
from tests.cases import change_case
from tests.tasks.conftest import UNSET
from tests.tasks.judged import CASE, CATALOGUES, RULES_OF_TESTS, check
from tests.tasks.registering import register, train_another

RULE: dict[str, Any] = {
    "metric": str(TrainCheck.AUC_LOWER_END),
    "direction": "higher",
    "tolerance": 0.01,
    "disparity": {str(FairnessCheck.DISPARATE_IMPACT_RATIO): 0.02},
    "without_champion": "approved",
}


def checks_with(gate: str, **values: float) -> tuple[Any, ...]:
    """Return all checks of a gate, some with values of their own."""
    return tuple(check(name, values.get(name.name, 1.0)) for name in CATALOGUES[gate])


@pytest.fixture(scope="session")
def promotable_pattern(signed_pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two registered models and a rule; nothing serves. Never changed."""
    folder = tmp_path_factory.mktemp("promotable")
    shutil.copytree(signed_pattern, folder, symlinks=True, dirs_exist_ok=True)
    root = folder / "checkout"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PORTCULLIS_HOME", str(folder / "home"))
        for name in UNSET:
            patch.delenv(name, raising=False)
        patch.setattr("tasks.clearance.own_limits.RULES_OF", RULES_OF_TESTS)
        change_case(root, CASE, lambda values: values.update(promote=RULE))
        register(root)
        train_another(root)
        register(root)
    gc.collect()  # as in `attested`: no database is closed while the folder is copied
    return folder


@pytest.fixture
def promotable(signed: Path, promotable_pattern: Path, tmp_path: Path) -> Path:
    """The checkout of such an installation: version 1, and version 2 in `data/`."""
    # MLflow remembers for the whole process where a run's artifacts lie, by the run's id; copies of
    # one installation have the same runs.
    tracking._artifact_repos_cache.clear()
    shutil.copytree(promotable_pattern, tmp_path, symlinks=True, dirs_exist_ok=True)
    return signed
