"""Git: every object there is, also unreachable ones, and the working tree. Searched, reported, never rewritten."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.masking import holds
from tasks.erasure.searching.traces import Traces
from tasks.erasure.sinks.sink import Purged
from tasks.system.git import ask_git, git_command, git_environment

SHOWN = 20


@dataclass(frozen=True)
class Git:
    """The checkout's repository. Rewriting history breaks every commit id after it, so a person has to decide."""

    workspace: Path
    name: str = "git"

    def purge(self, traces: Traces) -> Purged:
        """Search; purge nothing."""
        answer = ask_git(self.workspace, "rev-parse", "--git-dir")
        if answer is None or answer.returncode:
            is_there = (self.workspace / ".git").exists()
            return Purged(
                unseen=("git: it does not answer about this checkout's repository",)
                if is_there
                else ()
            )
        searched, hits = 0, []
        for oid, kind, content in self._objects():
            searched += 1
            if holds(f"{oid}.txt" if kind != "blob" else oid, content, traces):
                hits.append(oid)
        paths = self._paths(hits)
        left = [
            f"git object {oid[:12]} ({paths.get(oid, 'in no commit')}) holds a value of theirs"
            for oid in hits
        ]
        tracked = self._git("ls-files", "-z").decode(errors="replace").split("\0")
        for name in filter(None, tracked):
            path = self.workspace / name
            if path.is_file() and holds(name, path.read_bytes(), traces):
                left.append(
                    f"{name}, which git tracks, holds a value of theirs: its owner has to be told"
                )
        more = [f"and {len(left) - SHOWN:,} more"] if len(left) > SHOWN else []
        shown = [traces.hidden(line) for line in (*left[:SHOWN], *more)]
        return Purged(searched=searched, left=tuple(shown))

    def _objects(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield every object of the repository, in one process."""
        command = git_command(
            self.workspace, "cat-file", "--batch-all-objects", "--unordered", "--batch"
        )
        with subprocess.Popen(
            command, cwd=self.workspace, env=git_environment(), stdout=subprocess.PIPE
        ) as process:
            if process.stdout is None:
                return
            while head := process.stdout.readline():
                oid, kind, size = head.decode().split()
                content = process.stdout.read(int(size))
                process.stdout.read(1)
                yield oid, kind, content

    def _paths(self, oids: list[str]) -> dict[str, str]:
        if not oids:
            return {}
        listed = self._git("rev-list", "--all", "--objects").decode(errors="replace").splitlines()
        pairs = (line.partition(" ") for line in listed)
        return {oid: path or "a commit" for oid, _, path in pairs if oid in set(oids)}

    def _git(self, *arguments: str) -> bytes:
        answer = ask_git(self.workspace, *arguments)
        return answer.stdout if answer else b""
