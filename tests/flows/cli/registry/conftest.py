"""A checkout with two registered models, of which nothing serves yet."""

from pathlib import Path

import pytest

from tasks.system.installation import Installation
from tests.installations import installation_at
from tests.tasks.conftest import signed, signed_pattern
from tests.tasks.promotion.conftest import promotable, promotable_pattern

__all__ = ["installation", "promotable", "promotable_pattern", "signed", "signed_pattern"]


@pytest.fixture
def installation(promotable: Path) -> Installation:
    return installation_at(promotable)
