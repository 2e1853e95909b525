"""The command line: where the paths begin that a person names on it."""

from pathlib import Path

import pytest

from flows.cli.base.declaring import settle_path
from tasks.settings import Settings
from tasks.system.installation import Installation

INSTALLATION = Installation(
    Path(), Path(), Settings.from_environment({"PORTCULLIS_CALLER_FOLDER": "/home/ann"})
)


@pytest.mark.parametrize(
    ("value", "settled"),
    [
        (Path("person.json"), Path("/home/ann/person.json")),
        ([Path("a.csv"), Path("/b.csv")], [Path("/home/ann/a.csv"), Path("/b.csv")]),
        (Path("/etc/portcullis/worker.toml"), Path("/etc/portcullis/worker.toml")),
        ("loan", "loan"),
        (None, None),
    ],
)
def test_relative_paths_begin_where_the_person_stands_and_nothing_else_is_changed(
    value: object, settled: object
) -> None:
    assert settle_path(value, INSTALLATION) == settled
