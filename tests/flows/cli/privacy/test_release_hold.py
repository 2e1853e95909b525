"""`release-hold`: ends every hold on a person, and the erasure that waited for it."""

import pytest

from tasks.errors import ConfigError, DataError
from tests.flows.cli.privacy.running import run
from tests.tasks.erasure.small_installation import CASE, SmallInstallation, email


def test_holds_are_counted_and_the_erasure_that_waited_is_complete(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.hold(1)
    small_installation.hold(1)
    (request,) = small_installation.erase(1).requests

    assert run(small_installation, "release_hold", CASE, "--subject", email(1)) == 0

    assert capsys.readouterr().out.splitlines() == [
        "2 holds released",
        f"{request.request_id}: erased; what was kept is destroyed",
    ]


def test_a_hold_without_a_request_is_released_and_erases_nobody(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.hold(1)

    run(small_installation, "release_hold", CASE, "--subject", email(1))

    assert capsys.readouterr().out == "1 holds released\n"
    assert 1 in small_installation.readable_copies()


def test_a_person_without_a_hold_is_a_mistake(small_installation: SmallInstallation) -> None:
    with pytest.raises(DataError):
        run(small_installation, "release_hold", CASE, "--subject", email(1))


def test_a_use_case_that_is_not_there_is_said(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError):
        run(small_installation, "release_hold", "nowhere", "--subject", email(1))
