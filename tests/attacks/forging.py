"""Commits that nobody would review, made and pushed by the data scientist's own account.

They are made of git's objects: no file of the checkout is touched, and any mode and name goes in.
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from flows.use_cases.derived_files import index_text, resolve_cases, resolved_files
from tasks.config.case_paths import INDEX
from tests.attacks.enforced import RUNUSER, SCIENTIST, Enforced
from tests.cases import yaml_text
from tests.flows.workspace import CASE

MAIN = "refs/heads/main"
FILE = "100644"
LINK = "120000"
REPOSITORY = "160000"
ASKING = Path(__file__).with_name("asking.py")
WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")  # whom the ledger knows


@dataclass(frozen=True)
class Entry:
    """What a commit holds at a path: bytes under a mode, or for another repository its commit."""

    content: bytes
    mode: str = FILE


Files = dict[str, Entry | bytes | None]


@dataclass(frozen=True)
class Forge:
    """Makes commits upon the honest one in the scientist's repository."""

    mode: Enforced
    honest: str
    refs: list[str] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        """Return a file of the honest commit."""
        return self._git("cat-file", "blob", f"{self.honest}:{path}")

    def paths(self, folder: str) -> tuple[str, ...]:
        """Return the files of the honest commit below a folder."""
        listed = self._git("ls-tree", "-r", "--name-only", self.honest, "--", f"{folder}/")
        return tuple(listed.decode().split())

    def commit(self, files: Mapping[str, Entry | bytes | None], parent: str = "") -> str:
        """Make a commit of the honest one's files with these changes; None takes a file away."""
        index = {"GIT_INDEX_FILE": str(self.mode.folder / SCIENTIST / "forged-index")}
        self._git("read-tree", parent or self.honest, environment=index)
        for path, content in files.items():
            if content is None:
                self._git("update-index", "--force-remove", "--", path, environment=index)
                continue
            entry = content if isinstance(content, Entry) else Entry(content)
            identifier = (
                entry.content
                if entry.mode == REPOSITORY
                else self._git("hash-object", "-w", "--stdin", content=entry.content)
            )
            cacheinfo = f"{entry.mode},{identifier.decode().strip()},{path}"
            self._git("update-index", "--add", "--cacheinfo", cacheinfo, environment=index)
        tree = self._git("write-tree", environment=index).decode().strip()
        # Two commits of the same files within one second would be one commit, which the worker's
        # mirror then knows from the test before.
        message = f"Change {token_hex(8)}"
        words = (*WHO, "commit-tree", tree, "-p", parent or self.honest, "-m", message)
        return self._git(*words).decode().strip()

    def push(self, commit: str, ref: str = MAIN) -> str:
        """Push a commit to a ref, whatever was there; return the commit."""
        self._git("push", "-q", "--force", "origin", f"{commit}:{ref}")
        if ref != MAIN:
            self.refs.append(ref)
        return commit

    def undo(self) -> None:
        """Let the remote be as it was."""
        for ref in self.refs:
            # Not by a push: git looks for what is named like the end of another name.
            self._git("--git-dir", str(self.mode.remote), "update-ref", "-d", ref)
        self.push(self.honest)

    def _git(
        self, *words: str, content: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> bytes:
        done = subprocess.run(
            [RUNUSER, "-u", SCIENTIST, "--", "git", *words],
            cwd=self.mode.checkout,
            env=self.mode.environment_of(SCIENTIST, **(environment or {})),
            input=content,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@contextmanager
def forging(mode: Enforced) -> Iterator[Forge]:
    """Let commits be forged; afterwards `main` of the remote is the honest commit again."""
    forge = Forge(mode, mode.head())
    try:
        yield forge
    finally:
        forge.undo()


def ask(
    mode: Enforced,
    commit: str,
    case: str,
    *stages: str,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Ask the worker for some stages of a commit as the data scientist, without Prefect."""
    return mode.run_as(
        SCIENTIST,
        str(mode.python),
        "-I",
        str(ASKING),
        str(mode.service),
        str(mode.socket),
        commit,
        case,
        *stages,
        cwd=None,
        **(environment or {}),
    )


def configured(forge: Forge, change: Callable[[dict[str, Any]], object]) -> Files:
    """Return the files of a use case with a change, and what follows from it, all in agreement."""
    folder = forge.mode.folder / SCIENTIST / "derived"
    for name in ("case.yaml", "suite.yaml", "reasons.yaml"):
        target = folder / "configs" / CASE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(forge.read(f"configs/{CASE}/{name}"))
    written = folder / "configs" / CASE / "case.yaml"
    values = yaml.safe_load(written.read_text())
    change(values)
    written.write_text(yaml_text(values))

    cases = resolve_cases(folder)
    texts = {INDEX: index_text(cases), **resolved_files(cases)}
    derived = {str(path): text.encode() for path, text in texts.items()}
    return {f"configs/{CASE}/case.yaml": written.read_bytes(), **derived}
