"""Make a signed statement of what pytest reported: which tests ran, and how each ended."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

from tasks.attestation.predicates.code_identity import CodeIdentity
from tasks.attestation.predicates.records import (
    SUITE,
    TEST_FAILED,
    TEST_PASSED,
    TEST_SKIPPED,
    SuiteRun,
)
from tasks.attestation.run_context import timestamp
from tasks.attestation.statement import Artefact, Statement
from tasks.errors import DataError
from tasks.formats.canonical_json import canonical
from tasks.formats.digests import sha256_of
from tasks.formats.shown import kind_of_error

# Of several cases of one test the worst counts, and one that was skipped was not tried.
WORST_FIRST = (TEST_FAILED, TEST_SKIPPED, TEST_PASSED)
KINDS = {"failure": TEST_FAILED, "error": TEST_FAILED, "skipped": TEST_SKIPPED}


def read_results(report: Path) -> dict[str, str]:
    """Return how each test ended, by `file::function`, from pytest's report (`xunit1`).

    Raises:
        DataError: It is no such report, or no test ran.
    """
    results: dict[str, str] = {}
    try:
        suites = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise _no_report(kind_of_error(error)) from error

    for name, result in _cases(suites):
        worse = min(results.get(name, result), result, key=WORST_FIRST.index)
        results[name] = worse

    if not results:
        raise _no_report("no test in it")
    return dict(sorted(results.items()))


def _cases(suites: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for case in suites.iter("testcase"):
        # By function: parameters come and go with the suite, and may hold any text.
        function = str(case.get("name")).partition("[")[0]
        # One that was skipped may have failed besides, in its teardown: pytest writes both.
        results = [KINDS[child.tag] for child in case if child.tag in KINDS]
        result = min(results, key=WORST_FIRST.index, default=TEST_PASSED)
        yield f"{case.get('file')}::{function}", result


def suite_sha256_of(folder: Path) -> str:
    """Return one digest of all tests in a folder, by their names and bytes."""
    digests = {
        path.relative_to(folder).as_posix(): sha256_of(path) for path in folder.rglob("*.py")
    }
    # By bytes and not by a commit: the tests that ran need not be those of a commit.
    return sha256(canonical(digests)).hexdigest()


def suite_statement(results: dict[str, str], code: CodeIdentity, tests_sha256: str) -> Statement:
    """Return the statement about a run of tests."""
    run = SuiteRun(results, code, tests_sha256, timestamp())
    return run.about(Artefact(SUITE, sha256(canonical(results)).hexdigest()))


def _no_report(found: str) -> DataError:
    return DataError(
        "the report of the tests",
        expected="one that pytest wrote",
        found=found,
        remedy="Nothing was recorded: run the command again.",
    )
