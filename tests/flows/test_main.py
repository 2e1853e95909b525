"""The command line: where the paths begin that a person names on it."""

import argparse
from pathlib import Path

from flows.__main__ import settle_paths
from tasks.settings import Settings

SETTINGS = Settings.from_environment({"PORTCULLIS_CALLER_FOLDER": "/home/ann"})


def test_relative_paths_begin_where_the_person_stands() -> None:
    options = argparse.Namespace(out=Path("person.json"), use_case="loan", key=None)
    settle_paths(options, SETTINGS)
    assert vars(options) == {"out": Path("/home/ann/person.json"), "use_case": "loan", "key": None}


def test_absolute_paths_stay() -> None:
    options = argparse.Namespace(config=Path("/etc/portcullis/worker.toml"))
    settle_paths(options, SETTINGS)
    assert options.config == Path("/etc/portcullis/worker.toml")
