"""What pytest reported becomes results by test: of several cases the worst; a skip is no pass."""

import subprocess
import sys
from pathlib import Path

from tasks.attestation.predicates.records import TEST_FAILED, TEST_PASSED, TEST_SKIPPED
from tasks.notary.suite_runs import read_results, suite_sha256_of

SUITE = """
import pytest

def test_passes():
    pass

@pytest.mark.parametrize("case", ["a", "b"])
def test_fails_once(case):
    assert case == "a"

@pytest.mark.parametrize("case", [1, 2])
def test_is_skipped_once(case):
    if case == 2:
        pytest.skip("not here")

@pytest.fixture
def broken():
    raise OSError

def test_never_began(broken):
    pass

@pytest.fixture
def left_behind():
    yield
    raise OSError

def test_is_skipped_and_fails(left_behind):
    pytest.skip("not here")
"""


def test_of_several_cases_the_worst_counts(tmp_path: Path) -> None:
    """By pytest itself, so that its report is the one that is read."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(SUITE)
    options = ("-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", "--junitxml=r.xml")
    command = (sys.executable, "-m", "pytest", *options, "tests")
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert read_results(tmp_path / "r.xml") == {
        "tests/test_it.py::test_passes": TEST_PASSED,
        "tests/test_it.py::test_fails_once": TEST_FAILED,
        "tests/test_it.py::test_is_skipped_once": TEST_SKIPPED,
        "tests/test_it.py::test_never_began": TEST_FAILED,
        "tests/test_it.py::test_is_skipped_and_fails": TEST_FAILED,
    }


def test_a_test_that_was_emptied_gives_another_digest(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    before = suite_sha256_of(tmp_path)
    (tmp_path / "test_it.py").write_text(SUITE.replace('assert case == "a"', "pass"))
    assert suite_sha256_of(tmp_path) != before
