"""`./portcullis init`: draft a use case from its files, or make a repository for one's own.

With `--from`, no value of the data is printed or written, only names of columns, kinds and counts.
Without it, the command is about the folder that it names and about no installation.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from flows.drafting.guessing import Guess, guess_columns, guess_joins
from flows.drafting.sampling import SampledFile, sample_file, source_name
from flows.drafting.writing import case_text, reasons_text, suite_text, write_drafts
from flows.version import version
from tasks.config.case_name import check_case_name
from tasks.config.case_paths import CASE, case_path
from tasks.errors import ConfigError
from tasks.formats.shown import count_of, kind_of_error, positions_of
from tasks.system.installation import Installation

EXAMPLES = """\
examples:
  portcullis init ../models --example    a repository of your own, with `claims` to try it by
  portcullis init . --upgrade            there: bring it to the version that runs this command
  ./portcullis init credit --from applications.csv bureau.parquet
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "name",
        help="with --from the use case: lower-case letters, digits and underscores; "
        "without it the folder of a repository",
    )
    parser.add_argument(
        "--from",
        dest="files",
        metavar="FILE",
        nargs="+",
        default=[],
        help="CSV, Parquet or JSON lines; the first is the one that others are joined to",
    )
    parser.add_argument(
        "--example", action="store_true", help="put the use case `claims` into the new repository"
    )
    parser.add_argument(
        "--upgrade", action="store_true", help="bring a repository to this version of Portcullis"
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Draft a use case, make a repository or upgrade one; say what a person has to do next."""
    if options.files and (options.example or options.upgrade):
        raise ConfigError(
            "init",
            expected="--from alone, or --example or --upgrade of a repository",
            found="both",
            remedy="Make the repository first, and draft the use case in it.",
        )
    if options.files:
        return _draft(options, installation)
    folder = installation.settings.from_caller(Path(options.name)).absolute()
    try:
        return _upgrade(folder) if options.upgrade else _make(folder, has_example=options.example)
    except OSError as error:
        raise ConfigError(
            str(folder),
            expected="a folder that can be written to",
            found=kind_of_error(error),
            remedy="Mend its mode, or make room on its disk, and run the same command again.",
        ) from error


def _make(folder: Path, *, has_example: bool) -> int:
    from flows.repositories.making import make_repository

    count = make_repository(folder, version(), has_example=has_example)
    print(f"made {folder}: {count} files of Portcullis {version()}; README.md says whose they are")
    if has_example:
        print("Next: go there, commit it, and run `./portcullis release claims`.")
    else:
        print("Next: go there, commit it, and run `./portcullis init NAME --from FILE …`.")
    return 0


def _upgrade(folder: Path) -> int:
    from flows.repositories.making import upgrade_repository

    done = upgrade_repository(folder, version())
    print(
        f"Portcullis {done.before} is {done.after} now: {len(done.written)} files written, "
        f"{len(done.removed)} removed; nothing of yours was touched"
    )
    for name in done.kept:
        print(f"kept {name}: you have changed it, and the new version has changed it, too")
    print("Next: look at `git diff`, run `./portcullis sync`, release, and commit.")
    return 0


def _draft(options: argparse.Namespace, installation: Installation) -> int:
    """Write the draft into a folder of its own."""
    workspace = installation.workspace
    check_case_name(options.name, "the name of the use case")
    folder = case_path(options.name).parent
    _refuse_folder(workspace / folder)

    files = _sample(options.files, installation.settings.caller_folder)
    _refuse_shared_columns(files)
    guesses = guess_columns(files)
    paths = {file.source: _path_for_sources(file.path, workspace) for file in files}
    joins = guess_joins(files, guesses)
    texts = {
        CASE: case_text(options.name, files, paths, guesses, joins),
        "suite.yaml": suite_text(options.name, guesses),
        "reasons.yaml": reasons_text(guesses),
    }

    write_drafts(workspace / folder, texts)
    for name in texts:
        print(f"wrote {folder / name}")
    print(_summary(files, guesses))
    print(
        f"Next: open {folder / CASE}, confirm each guess, fill in what is empty, then run "
        f"`./portcullis sync` and `./portcullis release {options.name}`."
    )
    return 0


def _refuse_folder(folder: Path) -> None:
    if folder.exists():
        raise ConfigError(
            folder.as_posix(),
            expected="no such folder: nothing is overwritten",
            found="one",
            remedy="Choose another name, or remove it yourself.",
        )


def _sample(paths: Sequence[str], caller_folder: str) -> tuple[SampledFile, ...]:
    # The launcher has changed into the checkout; a person means the folder they stand in.
    caller = Path(caller_folder)
    files: list[SampledFile] = []
    for path in paths:
        source = source_name(Path(path), [file.source for file in files])
        files.append(sample_file(caller / path, source))
    return tuple(files)


def _refuse_shared_columns(files: Sequence[SampledFile]) -> None:
    """Refuse a column in two files beside a key: `columns` declares each name once."""
    base, *others = files
    for file in others:
        shared = [name for name in file.columns if name in base.columns]
        positions = [
            position for position, name in enumerate(file.columns, start=1) if name in base.columns
        ]
        # Ingest joins each source by one key; what else has the same name is another column.
        if len(shared) > 1:
            raise ConfigError(
                file.path.as_posix(),
                expected=f"one column that is in {base.path.as_posix()} as well, to join by",
                found=f"{count_of(shared, 'column')} of the same name, "
                f"at position {positions_of(positions)}",
                remedy="Rename the others in one of the files: a column is declared once.",
            )


def _path_for_sources(path: Path, workspace: Path) -> str:
    """Return a path below the checkout relative to it, and any other path absolute.

    A relative path still holds in another clone.
    """
    absolute = path.resolve()
    home = workspace.resolve()
    return (absolute.relative_to(home) if absolute.is_relative_to(home) else absolute).as_posix()


def _summary(files: Sequence[SampledFile], guesses: Sequence[Guess]) -> str:
    roles = Counter(guess.role.value for guess in guesses)
    counts = ", ".join(f"{count} {role}" for role, count in roles.items())
    looked_at = ", ".join(f"{file.source} ({file.rows} rows looked at)" for file in files)
    return f"{looked_at}: {len(guesses)} columns: {counts}"
