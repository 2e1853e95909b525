"""Files: rewritten, removed or reported as their place allows; what is not theirs stays."""

import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from tasks.erasure.searching.places import Place, PurgeRule
from tasks.erasure.sinks import PurgeOptions, SinkId
from tasks.erasure.sinks.files import FileSink
from tests.tasks.erasure.sinks.people import ANN, BOB, TERMS
from tests.tasks.erasure.small_installation import CASE, SmallInstallation

CREDENTIALS = {
    "aws_access_key_id": "k",
    "aws_secret_access_key": "s",
    "region_name": "us-east-1",
}


def sink(rule: PurgeRule, folder: Path, *, attested: tuple[str, ...] = ()) -> FileSink:
    return FileSink(SinkId.WORKSPACE, [Place.local("x", folder, rule)], attested)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(f"email\n{ANN}\n{BOB}\n")
    (tmp_path / "b.bin").write_bytes(b"\x00\xff " + ANN.encode())
    (tmp_path / "c.txt").write_text(BOB)
    return tmp_path


def test_where_files_may_be_rewritten_only_the_person_goes(folder: Path) -> None:
    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert (folder / "a.csv").read_text() == f"email\n{BOB}\n"
    assert (report.searched, report.rewritten, report.left) == (3, 1, ())


def test_what_cannot_be_rewritten_goes_as_a_whole(folder: Path) -> None:
    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert report.removed == 1
    assert names(folder) == ["a.csv", "c.txt"]


def test_purged_again_there_is_nothing_more_to_do(folder: Path) -> None:
    sink(PurgeRule.REWRITE, folder).purge(TERMS)

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert (report.searched, report.rewritten, report.removed) == (2, 0, 0)


def test_a_dry_run_lists_and_changes_nothing(folder: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, PurgeOptions(is_dry_run=True))

    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert (report.rewritten, report.removed, len(report.planned)) == (0, 0, 2)


def test_where_names_are_digests_files_are_removed_and_never_rewritten(folder: Path) -> None:
    report = sink(PurgeRule.REMOVE, folder).purge(TERMS)

    assert (report.rewritten, report.removed) == (0, 2)
    assert names(folder) == ["c.txt"]


def test_where_a_person_has_to_decide_nothing_changes_and_no_value_is_quoted(
    folder: Path,
) -> None:
    report = sink(PurgeRule.REPORT, folder).purge(TERMS)

    assert (report.rewritten, report.removed, len(report.left)) == (0, 0, 2)
    assert ANN not in str(report.left)
    assert ANN in (folder / "a.csv").read_text()


def test_files_of_an_attested_folder_are_reported_whatever_the_rule(tmp_path: Path) -> None:
    model = tmp_path / "model" / "m.txt"
    model.parent.mkdir()
    model.write_text(ANN)

    report = sink(PurgeRule.REWRITE, tmp_path, attested=("model",)).purge(TERMS)

    assert len(report.left) == 1
    assert model.read_text() == ANN


def test_a_value_that_masking_does_not_reach_takes_the_file_with_it(tmp_path: Path) -> None:
    hidden = base64.b64encode(f"result for {ANN}".encode()).decode()
    (tmp_path / "result.json").write_text(f'{{"result": "{hidden}"}}')

    report = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS)

    assert (report.rewritten, report.removed) == (0, 1)


def test_a_file_that_is_named_after_the_person_goes_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / f"letter to {ANN.title()}.txt").write_text("Dear customer")
    (tmp_path / f"letter to {BOB}.txt").write_text("Dear customer")

    assert sink(PurgeRule.REWRITE, tmp_path).purge(TERMS).removed == 1

    assert names(tmp_path) == [f"letter to {BOB}.txt"]


def test_a_name_that_is_theirs_is_not_repeated_in_the_report(tmp_path: Path) -> None:
    (tmp_path / f"{ANN}.txt").write_text(ANN)

    (line,) = sink(PurgeRule.REPORT, tmp_path).purge(TERMS).left

    assert ANN not in line
    assert "[erased].txt" in line


@pytest.mark.parametrize("start", range(40, 70))
def test_a_large_file_is_searched_across_the_borders_of_its_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.files.WHOLE_BYTES", 100)
    monkeypatch.setattr("tasks.erasure.sinks.files.PIECE_BYTES", 64)
    monkeypatch.setattr("tasks.erasure.sinks.files.OVERLAP_BYTES", 32)
    (tmp_path / "big.log").write_bytes(b"." * start + f" {ANN} ".encode() + b"." * 200)

    assert sink(PurgeRule.REWRITE, tmp_path).purge(TERMS).removed == 1


def test_a_large_file_without_them_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.erasure.sinks.files.WHOLE_BYTES", 10)
    (tmp_path / "big.log").write_text(BOB * 10)

    assert sink(PurgeRule.REWRITE, tmp_path).purge(TERMS).removed == 0


def test_a_sealed_file_is_passed_over(small_installation: SmallInstallation) -> None:
    folder = small_installation.workspace / "data" / CASE / "ingest"
    before = (folder / "rows.parquet").read_bytes()

    # Its key ids and digests are no plain text; the whole file is theirs and everybody's.
    report = sink(PurgeRule.REMOVE, folder).purge(TERMS)

    assert report.removed == 0
    assert (folder / "rows.parquet").read_bytes() == before


@pytest.fixture
def bucket() -> Iterator[tuple[Any, s3fs.S3FileSystem]]:
    """A bucket that keeps versions: Ann's file in two of them, and Bob's of a longer name."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("s3", endpoint_url=address, **CREDENTIALS)
    client.create_bucket(Bucket="kept")
    client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for text in (f"{ANN}, old", ANN):
        client.put_object(Bucket="kept", Key="files/a.txt", Body=text.encode())
    client.put_object(Bucket="kept", Key="files/a.txt.other", Body=BOB.encode())
    fs = s3fs.S3FileSystem(key="k", secret="s", endpoint_url=address, skip_instance_cache=True)
    yield client, fs
    server.stop()


def test_a_bucket_that_keeps_versions_keeps_none_of_theirs(
    bucket: tuple[Any, s3fs.S3FileSystem],
) -> None:
    client, fs = bucket
    place = Place("cloud", fs, "kept/files", PurgeRule.REMOVE)

    assert FileSink(SinkId.VERSIONS, [place]).purge(TERMS).removed == 1

    listing = client.list_object_versions(Bucket="kept")
    assert [version["Key"] for version in listing["Versions"]] == ["files/a.txt.other"]
    assert "DeleteMarkers" not in listing


def test_what_a_store_does_not_let_go_is_reported(
    bucket: tuple[Any, s3fs.S3FileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, fs = bucket

    def refuse(path: str) -> None:
        raise PermissionError("locked")

    monkeypatch.setattr(fs, "rm_file", refuse)
    place = Place("cloud", fs, "kept/files", PurgeRule.REMOVE)

    (line,) = FileSink(SinkId.VERSIONS, [place]).purge(TERMS).left

    assert "cannot be removed (PermissionError)" in line
