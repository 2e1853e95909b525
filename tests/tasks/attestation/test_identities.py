"""Who is who: spellings of one person are one, and two people stay two."""

import pytest

from tasks.attestation.identities import (
    Identity,
    addresses_sha256,
    fold_name,
    is_writable_name,
    person_sha256,
)


@pytest.mark.parametrize(
    "spelling",
    [
        "Ann-7",
        "ANN-7",
        " ann-7\n",
        "an\u200bn-7",  # a space without width
        "\ufeffann-7",
        "\uff41\uff4e\uff4e-7",  # full width
        "ann\u00a0-7",
        "ann-7\x00",
        "ann-7\ufe0f",  # a variation selector
        "an\u034fn-7",  # a joiner of graphemes
        "\u3164ann-7",  # a filler of Hangul
        "ann\U000e0101-7",  # a variation selector of ideographs
        "ann-7\u2800",  # a pattern of Braille without a dot
    ],
)
def test_a_name_is_one_in_all_its_spellings(spelling: str) -> None:
    assert fold_name(spelling) == "ann-7"


def test_two_names_stay_two() -> None:
    assert len({fold_name(name) for name in ("ann-7", "ann-8", "ann7", "bank\\ann-7")}) == 4


@pytest.mark.parametrize("name", ["ann-7", "Ann.Onymous", "ann@bank", "BANK\\ann", "_svc", "7"])
def test_a_name_of_a_login_system_can_be_enrolled(name: str) -> None:
    assert is_writable_name(name)


@pytest.mark.parametrize(
    "name",
    ["", " ", "ann 7", "ann\n", "-ann", "\u0430nn", "ann\u200b", "a\x1b[31m", "x" * 129, "[/b]"],
)
def test_a_name_that_could_look_like_another_cannot_be_enrolled(name: str) -> None:
    assert not is_writable_name(name)


def test_a_tag_in_an_address_is_not_another_person() -> None:
    assert person_sha256("Ann+git@bank") == person_sha256("ann@bank")
    assert person_sha256("+git@bank") != person_sha256("@bank")
    assert person_sha256("a.nn@bank") != person_sha256("ann@bank")


def test_an_address_is_also_known_as_earlier_commits_were_signed_for() -> None:
    assert addresses_sha256("ann@bank") == (person_sha256("ann@bank"),)
    assert len(addresses_sha256("ann+git@bank")) == 2
    assert addresses_sha256(" ") == ()


def test_one_name_in_common_is_enough() -> None:
    ann = Identity.of(("ann-7", "ann"))
    assert ann.shares(Identity.of(("ANN",)))
    assert not ann.shares(Identity.of(("bob",)))


def test_a_login_that_is_an_address_is_known_by_its_commits() -> None:
    ann = Identity.of(("ann-7", "ann@bank"))
    assert ann.shares(Identity.of((), (person_sha256("Ann@Bank"),)))
    assert Identity.of((), (person_sha256("ann@bank"),)).shares(Identity.of(("ann+x@bank",)))


def test_nobody_shares_nothing() -> None:
    nobody = Identity.of(("", " \u200b"), ("",))
    assert nobody == Identity()
    assert not nobody.shares(nobody)
