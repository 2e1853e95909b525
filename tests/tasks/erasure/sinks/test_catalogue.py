"""The catalogue: every sink and place of an installation stands in it."""

from tasks.erasure.searching.places import version_places
from tasks.erasure.sinks import SinkId
from tasks.erasure.sinks.catalogue import CATALOGUE, name_unsearched_places
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.installed import list_sinks
from tasks.erasure.sinks.state import StateSink
from tests.tasks.erasure.small_installation import SmallInstallation

# What the catalogue calls each place of a file sink.
WORDS = {
    "data": "`data/`",
    ".dvc/tmp": "`.dvc/tmp/`",
    "DVC cache": "DVC's cache",
    "DVC remote there": "remotes",
    "scratch": "`PORTCULLIS_SCRATCH`",
    "state": "the state folder",
}


def names_of(sink_id: SinkId) -> str:
    return " ".join(place.name for place in CATALOGUE if place.sink is sink_id)


def test_every_sink_is_in_it_and_no_other() -> None:
    assert {place.sink for place in CATALOGUE} == {None, *SinkId}


def test_every_place_of_an_installation_is_in_it(small_installation: SmallInstallation) -> None:
    places = version_places(small_installation.workspace)

    for sink in list_sinks(small_installation.installation, places):
        assert names_of(sink.sink_id)
        if isinstance(sink, FileSink | StateSink):
            for place in sink.places:
                assert WORDS[place.name] in names_of(sink.sink_id), place.name


def test_a_place_is_there_once_and_says_how_it_is_searched_and_cleaned() -> None:
    names = [place.name for place in CATALOGUE]

    assert len(set(names)) == len(names)
    assert all(place.searched and place.cleaned for place in CATALOGUE)


def test_what_no_sink_searches_is_named() -> None:
    lines = name_unsearched_places()

    assert len(lines) == sum(place.sink is None for place in CATALOGUE)
    assert "not searched: snapshots, backups and copies of disks" in lines


def test_older_versions_in_buckets_are_named_as_not_searched() -> None:
    assert any("older versions in buckets" in line for line in name_unsearched_places())
