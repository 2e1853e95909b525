"""The sinks of an installation: all of them, in order, each with the rule that its files need."""

import os
from pathlib import Path

import pytest

from tasks.erasure.searching.discovery import discover_rows
from tasks.erasure.searching.places import Place, PurgeRule, version_places
from tasks.erasure.sinks import SinkId
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.git import GitSink
from tasks.erasure.sinks.installed import OWN_FILES, _find_every_row, list_sinks
from tasks.erasure.sinks.state import StateSink
from tasks.erasure.sinks.texts import OtherRows
from tests.tasks.erasure.small_installation import SmallInstallation, write


def file_sinks(small_installation: SmallInstallation) -> dict[SinkId, FileSink | StateSink]:
    workspace = small_installation.workspace
    sinks = list_sinks(small_installation.installation, version_places(workspace))
    return {sink.sink_id: sink for sink in sinks if isinstance(sink, FileSink | StateSink)}


def places(small_installation: SmallInstallation, sink_id: SinkId) -> list[Place]:
    return list(file_sinks(small_installation)[sink_id].places)


def test_the_checkout_is_searched_without_what_other_sinks_search(
    small_installation: SmallInstallation,
) -> None:
    workspace = small_installation.workspace
    sinks = list_sinks(small_installation.installation, version_places(workspace))
    (sink,) = [sink for sink in sinks if isinstance(sink, GitSink)]

    assert set(sink.elsewhere) == {
        workspace / "data",
        workspace / ".dvc" / "cache",
        workspace / "remote",
        small_installation.home,
        small_installation.home / "prefect",
    }


def test_every_sink_is_there_once_and_in_the_order_of_its_steps(
    small_installation: SmallInstallation,
) -> None:
    sinks = list_sinks(small_installation.installation, [])

    assert [sink.sink_id for sink in sinks] == list(SinkId)


def test_the_working_tree_and_run_logs_may_be_rewritten(
    small_installation: SmallInstallation,
) -> None:
    found = places(small_installation, SinkId.WORKSPACE)

    assert [place.name for place in found] == ["data", ".dvc/tmp"]
    assert {place.rule for place in found} == {PurgeRule.REWRITE}


def test_cache_and_remote_are_named_by_digests_and_never_rewritten(
    small_installation: SmallInstallation,
) -> None:
    found = places(small_installation, SinkId.VERSIONS)

    assert {place.name for place in found} == {"DVC cache", "DVC remote there"}
    assert {place.rule for place in found} == {PurgeRule.REMOVE}


def test_scratch_folders_are_those_that_the_settings_name(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert places(small_installation, SinkId.SCRATCH) == []

    folders = [str(tmp_path / "a"), "", str(tmp_path / "b")]
    monkeypatch.setenv("PORTCULLIS_SCRATCH", os.pathsep.join(folders))
    found = places(small_installation, SinkId.SCRATCH)

    assert [Path(place.path).name for place in found] == ["a", "b"]
    assert {place.rule for place in found} == {PurgeRule.REWRITE}


def test_of_the_state_folder_evidence_is_reported_and_secrets_are_not_read(
    small_installation: SmallInstallation,
) -> None:
    write(small_installation.home / "receipts" / "E1.json", "{}")
    (place,) = places(small_installation, SinkId.STATE)

    names = {stored.name for stored in place.files()}

    assert place.rule is PurgeRule.REPORT
    assert "receipts/E1.json" in names
    assert not any(name.endswith(".key") for name in names)
    assert not names & set(OWN_FILES)


def test_what_mlflow_and_prefect_keep_there_is_left_to_their_sinks(
    small_installation: SmallInstallation,
) -> None:
    small_installation.plant(1)
    (place,) = places(small_installation, SinkId.STATE)

    names = {stored.name.split("/")[0] for stored in place.files()}

    assert not names & {"mlflow.db", "mlartifacts", "prefect"}


def test_where_nobody_has_looked_yet_sealed_versions_are_found(
    small_installation: SmallInstallation,
) -> None:
    rows = _find_every_row(version_places(small_installation.workspace))

    assert rows == OtherRows(
        discover_rows(version_places(small_installation.workspace), ()).sealed_copies
    )
