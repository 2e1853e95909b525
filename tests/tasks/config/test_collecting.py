"""Faults are kept until all are known, each once, and the first one speaks for several."""

import pytest

from tasks.config.collecting import FaultList, SeveralFaultsError, faults_in, nearest, suggestion
from tasks.errors import ConfigError


def fault(where: str) -> ConfigError:
    return ConfigError(where, expected="a", found="b", remedy="c.")


def test_a_list_goes_on_after_a_fault_keeps_each_once_and_raises_all() -> None:
    faults = FaultList()
    for where in ("x", "y", "x"):
        with faults.kept():
            raise fault(where)
    with pytest.raises(SeveralFaultsError, match=r"x: expected a; found b \(1 more\)") as raised:
        faults.raise_all()
    assert [single.where for single in faults_in(raised.value)] == ["x", "y"]

    again = FaultList()
    again.add(raised.value)
    assert again.all() == faults.all()


def test_one_fault_is_raised_as_it_is_and_none_is_not() -> None:
    faults = FaultList()
    faults.raise_all()
    faults.add(fault("x"))
    with pytest.raises(ConfigError, match=r"x: expected a; found b\. c\."):
        faults.raise_all()


def test_what_is_no_fault_of_ours_is_not_kept() -> None:
    with pytest.raises(ZeroDivisionError), FaultList().kept():
        raise ZeroDivisionError


def test_what_was_meant_is_told_where_a_known_word_is_near() -> None:
    assert nearest("folsd", ("folds", "seed")) == "folds"
    assert not nearest("hunter2", ("folds", "seed"))
    assert suggestion(["folsd", "zzz"], ("folds",), "no") == "Did you mean `folds` for `folsd`?"
    assert suggestion(["zzz"], ("folds",), "no") == "no"
