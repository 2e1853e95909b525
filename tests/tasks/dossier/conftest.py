"""One small dossier for the tests that only read it, and a new one for those that change it."""

from pathlib import Path

import pytest

from tests.tasks.dossier.making import DECLARED, SmallDossier


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallDossier:
    return SmallDossier(tmp_path_factory.mktemp("dossier"))


@pytest.fixture(scope="session")
def declared(tmp_path_factory: pytest.TempPathFactory) -> SmallDossier:
    """Return one whose stages have signed for sections of the use case, too."""
    return SmallDossier(tmp_path_factory.mktemp("declared"), sections=DECLARED)


@pytest.fixture
def fresh(tmp_path: Path) -> SmallDossier:
    return SmallDossier(tmp_path)
