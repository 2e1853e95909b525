"""What an installed package runs as `portcullis`; in the wheel it is `portcullis/__init__.py`.

The repository's two packages are called `flows` and `tasks`, names that other people use as well.
The wheel holds them below `portcullis/code`, where no other project looks for them and where they
hide none of its own, and this script puts that folder on the path of its own process alone.

A command that works in a checkout is handed over to that checkout: it runs its own code, by its own
launcher and with its own pinned libraries, for that is what its evidence names and signs.
"""

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

CODE = Path(__file__).resolve().parent / "code"
# What a checkout has and nothing else has in this combination.
MARKS = ("portcullis", "dvc.yaml", "flows/__main__.py", "tasks/__main__.py")


def main() -> int:
    """Run a command by the code of the checkout that it is about, or else by this package's."""
    use_own_code()
    from flows.__main__ import is_about_files, run_command

    arguments = sys.argv[1:]
    # The current folder alone, and none above it: which code runs should not hang on where somebody
    # stands.
    if is_checkout(Path.cwd()) and not is_about_files(arguments):
        hand_over(Path.cwd(), arguments)
    return run_command(arguments)


def registry_server() -> Any:
    """Return what `mlflow server --app-name portcullis` serves."""
    use_own_code()
    from tasks.registry_server.app import create_app

    return create_app()


def registry_tracking_store(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Return MLflow's store of runs, for a URI that begins with `portcullis+postgresql:`."""
    use_own_code()
    from tasks.secrets.tracking_store import make_tracking_store

    return make_tracking_store(store_uri, artifact_uri)


def registry_store(store_uri: str, tracking_uri: str | None = None) -> Any:
    """Return MLflow's registry store, for a URI that begins with `portcullis+`."""
    use_own_code()
    from tasks.registry_store.store import make_registry_store

    return make_registry_store(store_uri, tracking_uri)


def use_own_code() -> None:
    """Let `flows` and `tasks` mean this package's, in this process and in none that it starts.

    Something that runs when Python starts (a `.pth` file, `sitecustomize`) may have imported other
    modules of these names already. Ours stay: MLflow calls one entry point after the other, and
    what is open (the accounts of this process) must not be opened twice.
    """
    # In a checkout, whose entry points tests and the stack call, our code lies beside this file.
    own_code = f"{CODE if CODE.is_dir() else Path(__file__).parents[1]}{os.sep}"
    for name, module in [*sys.modules.items()]:
        is_ours = str(getattr(module, "__file__", None) or "").startswith(own_code)
        if name.partition(".")[0] in ("flows", "tasks") and not is_ours:
            del sys.modules[name]

    if str(CODE) not in sys.path:
        sys.path.insert(0, str(CODE))


def is_checkout(folder: Path) -> bool:
    """Say whether a folder is a checkout of Portcullis."""
    return all((folder / mark).is_file() for mark in MARKS)


def hand_over(checkout: Path, arguments: list[str]) -> NoReturn:
    """Become the checkout's own launcher.

    Whoever changes into a folder has not agreed to run what lies there. As git does, this takes a
    folder of the person's own, or of the machine's administrator, and no other.
    """
    launcher = checkout / "portcullis"
    # Both owners: a launcher of one's own in a stranger's folder imports the stranger's modules.
    if not {checkout.stat().st_uid, launcher.stat().st_uid} <= {0, os.getuid()}:
        print(
            f"portcullis: {checkout}: expected a checkout of your own, whose code would run; "
            "found one of another account. Where you trust it, start its ./portcullis yourself.",
            file=sys.stderr,
        )
        sys.exit(2)

    # By this Python: the launcher itself looks for the one of its own environment.
    os.execv(sys.executable, [sys.executable, str(launcher), *arguments])
