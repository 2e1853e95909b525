"""A checkout whose model was made, judged and decided on, and never registered."""

import shutil
from pathlib import Path

import pytest

from flows.cli.dossier import answer
from tasks.dossier import releasing
from tasks.dossier.governance import FOLDER
from tasks.system.installation import Installation
from tests.installations import installation_at
from tests.tasks.conftest import signed, signed_pattern
from tests.tasks.judged import CHECKOUT

__all__ = ["installation", "signed", "signed_pattern"]


@pytest.fixture
def installation(signed: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    shutil.copytree(CHECKOUT / FOLDER, signed / FOLDER)
    # The checker is made of the project's own code, which does not lie in this checkout.
    monkeypatch.setattr(releasing, "zipapp_of", lambda *_: b"program")
    for module in (answer, releasing):
        monkeypatch.setattr(module, "load_case", lambda *_: {"title": "Tiny", "purpose": "Decide"})
    return installation_at(signed)
