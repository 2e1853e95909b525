"""A file that a section names: below `configs/`, and known by its digest."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.config.case_files import CaseFile

SHA256 = "0" * 64


def test_its_path_is_relative_to_the_checkout(tmp_path: Path) -> None:
    file = CaseFile(path="configs/loan/suite.yaml", sha256=SHA256)
    assert file.path_in(tmp_path) == tmp_path / "configs" / "loan" / "suite.yaml"


@pytest.mark.parametrize(
    "path", ["suite.yaml", "/etc/passwd", "configs/suite.yaml", "configs/loan/", "configs//x"]
)
def test_a_path_that_is_not_a_file_of_a_use_case_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="path"):
        CaseFile(path=path, sha256=SHA256)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "A" * 64, f"{'0' * 64}\n", "sha256:" + "0" * 64])
def test_what_is_no_digest_is_refused(sha256: str) -> None:
    with pytest.raises(ValidationError, match="sha256"):
        CaseFile(path="configs/loan/suite.yaml", sha256=sha256)
