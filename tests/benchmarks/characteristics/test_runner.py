"""The runner counts every gate, writes what was measured, and fails out of band."""

from types import ModuleType

import pytest

from benchmarks.characteristics import __main__ as runner
from benchmarks.characteristics.row import Row

GOOD = Row("toy", "toy.check", "a fault", 100, 0.9, 10, 0.8, 1.0)
BAD = Row("toy", "toy.check", "good data", 100, 0.3, 10, 0.0, 0.05)


def toy(*rows: Row) -> ModuleType:
    module = ModuleType("toy")
    module.GATE = "toy"  # type: ignore[attr-defined]
    module.measure = lambda *_: list(rows)  # type: ignore[attr-defined]
    return module


def run(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> int:
    monkeypatch.setattr(runner, "modules", lambda: (toy(*rows),))
    return runner.main(["--small"])


def test_rates_in_their_bands_are_fine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, GOOD) == 0
    line = "| `toy.check` | a fault | 100 | 0.900 | 0.555 to 0.997 | 10 | 0.80 to 1.00 | yes |"
    assert line in capsys.readouterr().out


def test_one_rate_out_of_its_band_fails_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, GOOD, BAD) == 1
    assert "good data" in capsys.readouterr().err


def test_a_rate_that_is_no_number_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Row("toy", "toy.check", "good data", 100, float("nan"), 0, 0.0, 1.0)
    assert run(monkeypatch, nothing) == 1


def test_every_gate_s_module_is_found_by_itself() -> None:
    assert {"explain", "fairness", "validate"} <= {module.GATE for module in runner.modules()}


def test_a_small_run_of_a_real_gate_holds_its_bands() -> None:
    assert runner.main(["--small", "--only", "fairness"]) == 0


def test_the_page_has_every_gate_and_nothing_out_of_its_band() -> None:
    page = runner.PAGE.read_text(encoding="utf-8")
    for module in runner.modules():
        assert f"\n## {module.GATE}\n" in page
    assert "**no**" not in page
