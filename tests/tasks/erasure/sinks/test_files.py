"""Files: rewritten, removed or reported as their place allows; what is not theirs stays."""

import base64
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import s3fs
from botocore.exceptions import EndpointConnectionError
from moto.server import ThreadedMotoServer

from tasks.erasure.searching.looking import Look
from tasks.erasure.searching.places import Place, PurgeRule, StoredFile
from tasks.erasure.searching.search_terms import PersonalValue, SearchTerms
from tasks.erasure.sinks import PurgeOptions, SinkId
from tasks.erasure.sinks.files import LARGE_FILE, FileSink, has_other_names
from tasks.errors import ServiceError
from tests.tasks.erasure.sinks.people import ANN, BOB, TERMS
from tests.tasks.erasure.small_installation import CASE, SmallInstallation

DRY = PurgeOptions(is_dry_run=True)
REMOVING = PurgeOptions(removes_files=True)
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
    assert (report.searched, report.rewritten) == (3, 1)


def test_what_cannot_be_masked_is_left_to_a_person(folder: Path) -> None:
    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert report.left == (
        "x: b.bin holds a value of theirs and cannot be masked in place: "
        "a person has to decide, or give --remove-files",
    )
    assert names(folder) == ["a.csv", "b.bin", "c.txt"]


def test_what_cannot_be_masked_goes_as_a_whole_where_the_caller_allows_it(folder: Path) -> None:
    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, REMOVING)

    assert report.removed == 1
    assert names(folder) == ["a.csv", "c.txt"]


def test_purged_again_there_is_nothing_more_to_do(folder: Path) -> None:
    sink(PurgeRule.REWRITE, folder).purge(TERMS, REMOVING)

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, REMOVING)

    assert (report.searched, report.rewritten, report.removed) == (2, 0, 0)


def state_of(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Return every file's content, and when it and its folder were written."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return {
        path: (path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns)
        for path in paths
    }


def test_a_dry_run_lists_all_that_would_change_and_changes_nothing(folder: Path) -> None:
    (folder / ANN).mkdir()
    before = state_of(folder)

    planned = PurgeOptions(is_dry_run=True, removes_files=True)
    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, planned)

    assert state_of(folder) == before
    assert report.planned == (
        "x: a.csv would be masked",
        "x: b.bin holds a value of theirs and cannot be masked in place: it would be removed",
        "x: [erased], a folder, is named after them: it would be removed once it is empty",
    )
    assert (report.rewritten, report.removed, report.left) == (0, 0, ())


def test_a_dry_run_leaves_in_the_same_words_what_the_erasure_leaves(folder: Path) -> None:
    (folder / ANN).mkdir()
    before = state_of(folder)

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, DRY)

    assert state_of(folder) == before
    assert report.planned == ("x: a.csv would be masked",)
    assert report.left == sink(PurgeRule.REWRITE, folder).purge(TERMS).left
    assert len(report.left) == 2


def test_where_names_are_digests_files_are_removed_and_never_rewritten(folder: Path) -> None:
    report = sink(PurgeRule.REMOVE, folder).purge(TERMS, REMOVING)

    assert (report.rewritten, report.removed) == (0, 2)
    assert names(folder) == ["c.txt"]


def test_a_file_whose_name_is_a_digest_is_left_unless_files_may_go(folder: Path) -> None:
    report = sink(PurgeRule.REMOVE, folder).purge(TERMS)

    assert (report.rewritten, report.removed, len(report.left)) == (0, 0, 2)
    assert all("or give --remove-files" in line for line in report.left)
    assert names(folder) == ["a.csv", "b.bin", "c.txt"]


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


def read(path: Path) -> str:
    return path.read_text()


def test_a_value_that_masking_does_not_reach_takes_the_file_with_it(tmp_path: Path) -> None:
    hidden = base64.b64encode(f"result for {ANN}".encode()).decode()
    (tmp_path / "result.json").write_text(f'{{"result": "{hidden}"}}')

    report = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS, REMOVING)

    assert report.rewritten + report.removed == 1
    assert not (tmp_path / "result.json").exists() or hidden not in read(tmp_path / "result.json")


def test_a_file_that_is_named_after_the_person_goes_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / f"letter to {ANN.title()}.txt").write_text("Dear customer")
    (tmp_path / f"letter to {BOB}.txt").write_text("Dear customer")

    assert sink(PurgeRule.REWRITE, tmp_path).purge(TERMS, REMOVING).removed == 1

    assert names(tmp_path) == [f"letter to {BOB}.txt"]


def test_a_file_named_after_somebody_with_a_longer_name_stays(tmp_path: Path) -> None:
    (tmp_path / f"for Jo{ANN}.txt").write_text("Dear customer")

    report = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS, REMOVING)

    assert (report.removed, report.left) == (0, ())


def test_a_folder_that_is_named_after_the_person_is_left_or_goes_when_empty(
    tmp_path: Path,
) -> None:
    (tmp_path / ANN / "sub").mkdir(parents=True)
    (tmp_path / ANN / "sub" / "x.txt").write_text("Dear customer")
    (tmp_path / BOB).mkdir()

    left = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS).left
    assert left == (
        "x: [erased]/sub/x.txt is named after them: a person has to decide, or give --remove-files",
        "x: [erased], a folder, is named after them: rename or remove it, or give --remove-files",
    )

    # The file goes; the folder has another one in it, which nothing names after anybody.
    report = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS, REMOVING)
    assert report.removed == 1
    assert "cannot be removed (OSError): rename or remove it" in report.left[0]

    (tmp_path / ANN / "sub").rmdir()
    assert sink(PurgeRule.REWRITE, tmp_path).purge(TERMS, REMOVING).removed == 1
    assert names(tmp_path) == [BOB]


def test_folders_of_evidence_are_reported_by_name(tmp_path: Path) -> None:
    (tmp_path / ANN).mkdir()

    (line,) = sink(PurgeRule.REPORT, tmp_path).purge(TERMS, REMOVING).left

    assert line == "x: [erased], a folder, is named after them: rename or remove it"


def test_a_link_is_read_by_name_and_target_and_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(ANN)
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "a").symlink_to(outside)
    (folder / "b").symlink_to(f"/nowhere/{ANN}")
    (folder / "c").symlink_to("d")

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, REMOVING)

    assert report.left == ("x: b, a link, is named after them: rename or remove it",)
    assert report.unseen == ("x: a link that leads elsewhere: 2 not looked into",)
    assert outside.read_text() == ANN


def test_what_cannot_be_read_is_said_and_the_search_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file = StoredFile.open
    (folder / "sub").mkdir()
    scandir = os.scandir

    def refuse(stored: StoredFile) -> Any:
        if stored.name == "a.csv":
            raise PermissionError
        return open_file(stored)

    def refuse_folder(path: str) -> Any:
        if path.endswith("/sub"):
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(StoredFile, "open", refuse)
    monkeypatch.setattr(os, "scandir", refuse_folder)

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert report.unseen == (
        "x: a.csv could not be read (PermissionError)",
        "x: sub could not be listed",
    )
    assert len(report.left) == 1


def test_a_content_that_breaks_the_search_is_said_and_the_search_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_at_c(name: str, content: bytes, terms: SearchTerms) -> Look:
        if name == "c.txt":
            raise RecursionError
        return Look()

    monkeypatch.setattr("tasks.erasure.sinks.files.look_at_content", break_at_c)

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert report.unseen == ("x: c.txt could not be looked into (RecursionError)",)
    assert report.searched == 2


def test_what_is_left_where_it_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(stored: StoredFile, content: bytes) -> None:
        raise PermissionError

    monkeypatch.setattr(StoredFile, "replace", refuse)

    left = sink(PurgeRule.REWRITE, folder).purge(TERMS).left

    assert left[0] == ("x: a.csv holds a value of theirs: it cannot be written (PermissionError)")


@pytest.mark.parametrize("fate", ["changed", "gone"])
def test_what_another_program_writes_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    log = tmp_path / "run.log"
    log.write_text(ANN)

    def remove_slowly(name: str, content: bytes, terms: SearchTerms) -> bytes:
        if fate == "gone":
            log.unlink()
        else:
            log.write_text(f"{ANN} and {BOB}")
        return content.replace(ANN.encode(), b"[erased]")

    monkeypatch.setattr("tasks.erasure.sinks.files.remove_person", remove_slowly)

    (line,) = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS).left

    assert line.endswith("it changed while it was masked, run this again")
    assert fate == "gone" or BOB in log.read_text()


def test_a_sealed_file_named_after_the_person_is_left_to_a_person(
    small_installation: SmallInstallation,
) -> None:
    folder = small_installation.workspace / "data" / CASE / "ingest"
    (folder / "rows.parquet").rename(folder / f"{ANN}.parquet")

    report = sink(PurgeRule.REMOVE, folder).purge(TERMS, REMOVING)

    assert (report.removed, len(report.left)) == (0, 1)
    assert report.left[0].endswith("a person has to decide")


def test_values_of_several_people_are_left_to_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sub").mkdir()
    ambiguous = Look(is_ambiguous=True, unsearched=("encrypted zip", "image"))
    monkeypatch.setattr("tasks.erasure.sinks.files.look_at_content", lambda *_: ambiguous)
    monkeypatch.setattr("tasks.erasure.sinks.files.look_at_name", lambda *_: ambiguous)

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS, REMOVING)

    assert (report.rewritten, report.removed, len(report.left)) == (0, 0, 4)
    assert report.left[0] == ("x: a.csv has what others are called, too: a person has to decide")
    monkeypatch.setattr("tasks.erasure.sinks.files.REPORTED_LINES", 1)
    assert sink(PurgeRule.REWRITE, folder).purge(TERMS).left[1] == "x: so have 3 more"
    # By kind, not one line for each file.
    assert report.unseen == (
        "x: encrypted zip: 3 not looked into",
        "x: image: 3 not looked into",
    )


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

    report = sink(PurgeRule.REWRITE, tmp_path).purge(TERMS)
    assert "is too large to be masked" in report.left[0]
    assert report.unseen == (f"x: {LARGE_FILE}: 1 not looked into",)
    assert sink(PurgeRule.REWRITE, tmp_path).purge(TERMS, REMOVING).removed == 1


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

    assert FileSink(SinkId.VERSIONS, [place]).purge(TERMS, REMOVING).removed == 1

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

    (line,) = FileSink(SinkId.VERSIONS, [place]).purge(TERMS, REMOVING).left

    assert "cannot be removed (PermissionError)" in line


def test_a_store_that_goes_silent_while_it_is_searched_is_an_error(
    bucket: tuple[Any, s3fs.S3FileSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, fs = bucket

    def fall_silent(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://user:hunter2@store")

    monkeypatch.setattr(fs, "open", fall_silent)
    place = Place("cloud", fs, "kept/files", PurgeRule.REMOVE)

    with pytest.raises(ServiceError, match="EndpointConnectionError") as caught:
        FileSink(SinkId.VERSIONS, [place]).purge(TERMS)
    assert "hunter2" not in str(caught.value)


def test_a_file_of_a_bucket_is_masked_there(bucket: tuple[Any, s3fs.S3FileSystem]) -> None:
    client, fs = bucket
    place = Place("cloud", fs, "kept/files", PurgeRule.REWRITE)

    assert FileSink(SinkId.VERSIONS, [place]).purge(TERMS).rewritten == 1

    body = client.get_object(Bucket="kept", Key="files/a.txt")["Body"].read()
    assert body == b"[erased]"


def test_what_stays_of_a_masked_file_because_others_are_called_so_is_reported(
    tmp_path: Path,
) -> None:
    shared = PersonalValue("name", "Eve Winterbottom")
    terms = SearchTerms.of([PersonalValue("email", ANN), shared], ambiguous=[shared])
    content = f"name: Eve Winterbottom\nmail: {ANN}\n"
    (tmp_path / "a.yaml").write_text(content)
    left = ("x: a.yaml has what others are called, too: a person has to decide",)

    planned = sink(PurgeRule.REWRITE, tmp_path).purge(terms, PurgeOptions(is_dry_run=True))
    report = sink(PurgeRule.REWRITE, tmp_path).purge(terms)

    assert (planned.left, report.left) == (left, left)
    assert report.rewritten == 1
    assert (tmp_path / "a.yaml").read_text() == "name: Eve Winterbottom\nmail: [erased]\n"


def test_another_name_of_a_masked_file_is_reported_since_it_keeps_the_old_content(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "a.txt").write_text(f"to {ANN}")
    os.link(folder / "a.txt", tmp_path / "elsewhere.txt")

    report = sink(PurgeRule.REWRITE, folder).purge(TERMS)

    assert (folder / "a.txt").read_text() == "to [erased]"
    assert (tmp_path / "elsewhere.txt").read_text() == f"to {ANN}"
    assert report.left == (
        "x: a.txt has another name (a hard link), by which what it held can be read: find it, and "
        "remove it",
    )


def test_a_file_that_went_has_no_other_name(tmp_path: Path) -> None:
    place = Place.local("x", tmp_path, PurgeRule.REWRITE)
    assert not has_other_names(StoredFile(place, f"{tmp_path}/gone.txt", 0))
