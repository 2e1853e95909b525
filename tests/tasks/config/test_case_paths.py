"""Where a use case lies, and which folders of `configs/` are use cases."""

import subprocess
import sys
from pathlib import Path

from tasks.config.case_paths import case_names_in, case_path, resolved_path
from tests.cases import write_case_text

CHECKOUT = Path(__file__).parents[3]


def test_a_use_case_and_its_resolved_copy_lie_in_its_own_folder() -> None:
    assert case_path("loan").as_posix() == "configs/loan/case.yaml"
    assert resolved_path("loan").as_posix() == "configs/loan/resolved.yaml"


def test_use_cases_are_the_folders_with_a_case_file_sorted(tmp_path: Path) -> None:
    write_case_text(tmp_path, "loan", "")
    write_case_text(tmp_path, "claims", "")
    (tmp_path / "configs" / "policy").mkdir()
    (tmp_path / "configs" / "case.yaml").write_text("")
    assert case_names_in(tmp_path) == ("claims", "loan")


def test_a_checkout_without_configuration_has_no_use_cases(tmp_path: Path) -> None:
    assert case_names_in(tmp_path) == ()


def test_it_costs_no_import_of_a_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import tasks.config.case_paths;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "sys.exit(', '.join(new - sys.stdlib_module_names - {'tasks'}) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
