"""A ledger without stages, made anew for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tasks.verifier.signed_log import SignedLog


@pytest.fixture
def signed_log(tmp_path: Path) -> Iterator[SignedLog]:
    log = SignedLog(tmp_path)
    yield log
    log.ledger.close()


@pytest.fixture
def cleared(signed_log: SignedLog) -> SignedLog:
    """A ledger in which a model was made, judged by every gate, and decided on."""
    signed_log.say_chain()
    signed_log.say_decided("decide")
    return signed_log
