"""`./portcullis init`: draft a use case from its files, or make a repository for one's own.

With `--from`, no value of the data is printed or written, only names of columns, kinds and counts.
Without it, the command is about the folder that it names and about no installation.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.base.answering import print_result
from flows.cli.base.declaring import declare, installation_of, new_app
from flows.cli.base.options import Json
from flows.drafting.guessing import Guess, guess_columns, guess_joins, match_names
from flows.drafting.sampling import SampledFile, sample_file, sample_query, source_name
from flows.drafting.writing import case_text, reasons_text, suite_text, write_drafts
from flows.version import version
from tasks.config.case_name import check_case_name
from tasks.config.case_paths import CASE, case_path
from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error
from tasks.settings import Settings
from tasks.system.installation import Installation

EXAMPLES = """\
A repository of your own, with `claims` to try it by:
  portcullis init ../models --example

There: bring it to the version that runs this command:
  portcullis init . --upgrade

A use case from two files, the first with a row a person:
  ./portcullis init credit --from people.csv bureau.csv

And a database, whose URL is in a variable:
  ./portcullis init credit --from people.csv \\
    --sql "visits=BANK_URL: SELECT id, day FROM visits"
"""
app = new_app()


@declare(app, examples=EXAMPLES)
def main(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="With --from the use case: lower-case letters, digits and underscores; without "
            "it the folder of a repository.",
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Further files of --from.", show_default=False),
    ] = None,
    *,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="CSV, Parquet or JSON lines; the first is the one that others are joined to.",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        list[str] | None,
        typer.Option(
            "--sql",
            metavar="NAME=VARIABLE: SELECT …",
            help="A query as a further source of --from; the variable holds the database's URL.",
            show_default=False,
        ),
    ] = None,
    has_example: Annotated[
        bool,
        typer.Option("--example", help="Put the use case `claims` into the new repository."),
    ] = False,
    is_upgrade: Annotated[
        bool,
        typer.Option("--upgrade", help="Bring a repository to this version of Portcullis."),
    ] = False,
    is_json: Json = False,
) -> int:
    """Draft a use case, make a repository or upgrade one; say what a person has to do next."""
    installation = installation_of(context)
    if (files or queries) and (has_example or is_upgrade):
        raise ConfigError(
            "init",
            expected="--from alone, or --example or --upgrade of a repository",
            found="both",
            remedy="Make the repository first, and draft the use case in it.",
        )
    # An option takes one value: of `--from a.csv b.csv` the second is a further argument.
    if files:
        paths = (*files, *(more or ()))
        return _draft(name, paths, queries or (), installation, is_json=is_json)
    if more or queries:
        raise ConfigError(
            "init",
            expected="files after --from",
            found="files without it",
            remedy="`./portcullis init NAME --from FILE …` drafts a use case.",
        )

    folder = installation.settings.from_caller(Path(name)).absolute()
    try:
        if is_upgrade:
            return _upgrade(folder, is_json=is_json)
        return _make(folder, has_example=has_example, is_json=is_json)
    except OSError as error:
        raise ConfigError(
            str(folder),
            expected="a folder that can be written to",
            found=kind_of_error(error),
            remedy="Mend its mode, or make room on its disk, and run the same command again.",
        ) from error


def _make(folder: Path, *, has_example: bool, is_json: bool) -> int:
    from flows.repositories.making import make_repository

    count = make_repository(folder, version(), has_example=has_example)
    next_step = (
        "./portcullis release claims" if has_example else "./portcullis init NAME --from FILE …"
    )
    lines = (
        f"made {folder}: {count} files of Portcullis {version()}; README.md says whose they are",
        f"Next: go there, commit it, and run `{next_step}`.",
    )
    values = {"repository": str(folder), "files": count, "version": version()}
    print_result(lines, values, is_json=is_json)
    return 0


def _upgrade(folder: Path, *, is_json: bool) -> int:
    from flows.repositories.making import upgrade_repository

    done = upgrade_repository(folder, version())
    lines = (
        f"Portcullis {done.before} is {done.after} now: {len(done.written)} files written, "
        f"{len(done.removed)} removed; nothing of yours was touched",
        *(
            f"kept {name}: you have changed it, and the new version has changed it, too"
            for name in done.kept
        ),
        "Next: look at `git diff`, run `./portcullis sync`, release, and commit.",
    )
    values = {
        "repository": str(folder),
        "before": done.before,
        "version": done.after,
        "written": list(done.written),
        "removed": list(done.removed),
        "kept": list(done.kept),
    }
    print_result(lines, values, is_json=is_json)
    return 0


def _draft(
    name: str,
    paths_of_files: Sequence[Path],
    queries: Sequence[str],
    installation: Installation,
    *,
    is_json: bool,
) -> int:
    """Write the draft into a folder of its own."""
    workspace = installation.workspace
    check_case_name(name, "the name of the use case")
    folder = case_path(name).parent
    # Before files are read, which takes a while. `write_drafts` makes the folder, and fails where
    # somebody was faster.
    _refuse_folder(workspace / folder)

    # Names first: a column that two files have in common is guessed once, and is what joins them.
    sampled = match_names(_sample(paths_of_files, queries, installation.settings))
    guesses = guess_columns(sampled)
    paths = {file.source: _path_for_sources(file.path, workspace) for file in sampled if file.path}
    joins = guess_joins(sampled, guesses)
    texts = {
        CASE: case_text(name, sampled, paths, guesses, joins),
        "suite.yaml": suite_text(name, guesses),
        "reasons.yaml": reasons_text(guesses),
    }

    write_drafts(workspace / folder, texts)
    lines = (
        *(f"wrote {folder / file_name}" for file_name in texts),
        _summary(sampled, guesses),
        f"Next: open {folder / CASE}, confirm each guess, fill in what is empty, then run "
        f"`./portcullis sync --sources` and `./portcullis release {name}`.",
    )
    values = {
        "useCase": name,
        "written": [str(folder / file_name) for file_name in texts],
        "columns": len(guesses),
        "roles": dict(Counter(guess.role.value for guess in guesses)),
    }
    print_result(lines, values, is_json=is_json)
    return 0


def _refuse_folder(folder: Path) -> None:
    if folder.exists():
        raise ConfigError(
            folder.as_posix(),
            expected="no such folder: nothing is overwritten",
            found="one",
            remedy="Choose another name, or remove it yourself.",
        )


def _sample(
    paths: Sequence[Path], queries: Sequence[str], settings: Settings
) -> tuple[SampledFile, ...]:
    sampled: list[SampledFile] = []
    for path in paths:
        source = source_name(path, [file.source for file in sampled])
        sampled.append(sample_file(path, source))

    for query in queries:
        file = sample_query(query, settings)
        if file.source in [other.source for other in sampled]:
            raise ConfigError(
                "init --sql",
                expected="a name of its own for each source",
                found="one that another source has",
                remedy="Give the query another name.",
            )
        sampled.append(file)

    return tuple(sampled)


def _path_for_sources(path: Path, workspace: Path) -> str:
    """Return a path below the checkout relative to it, and any other path absolute.

    A relative path still holds in another clone.
    """
    # Both by their links' ends: a checkout may be reached through a link, and `/tmp` be one.
    absolute = path.resolve()
    home = workspace.resolve()
    return (absolute.relative_to(home) if absolute.is_relative_to(home) else absolute).as_posix()


def _summary(files: Sequence[SampledFile], guesses: Sequence[Guess]) -> str:
    roles = Counter(guess.role.value for guess in guesses)
    counts = ", ".join(f"{count} {role}" for role, count in roles.items())
    looked_at = ", ".join(f"{file.source} ({file.rows} rows looked at)" for file in files)
    return f"{looked_at}: {len(guesses)} columns: {counts}"
