"""Git: every object, also unreachable ones, and tracked files; searched, never rewritten."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.erasure.searching.masking import holds_person
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId
from tasks.system.git import ask_git, git_command, git_environment

# A person who was once committed stands in every later tree: nobody reads a thousand lines.
REPORTED_LINES = 20


@dataclass(frozen=True)
class GitSink:
    """The checkout's repository.

    Rewriting history changes every commit id after it, and with them what statements name: a person
    has to decide.
    """

    workspace: Path
    sink_id: SinkId = SinkId.GIT

    def purge(
        self,
        terms: SearchTerms,
        options: PurgeOptions = AS_MASKING_ALLOWS,  # noqa: ARG002 - nothing is ever changed
    ) -> PurgeReport:
        """Search every object and every tracked file; change nothing."""
        answer = ask_git(self.workspace, "rev-parse", "--git-dir")
        if answer is None or answer.returncode:
            return self._report_silence()

        searched = 0
        object_ids = []
        for object_id, kind, content in self._read_objects():
            searched += 1
            name = object_id if kind == "blob" else f"{object_id}.txt"
            if holds_person(name, content, terms):
                object_ids.append(object_id)

        lines = [*self._describe_objects(object_ids), *self._search_tracked_files(terms)]
        if len(lines) > REPORTED_LINES:
            lines = [*lines[:REPORTED_LINES], f"and {len(lines) - REPORTED_LINES:,} more"]
        return PurgeReport(searched=searched, left=tuple(terms.mask_name(line) for line in lines))

    def _report_silence(self) -> PurgeReport:
        """Report a repository that git does not answer about; a folder without one has nothing."""
        if not (self.workspace / ".git").exists():
            return PurgeReport()
        return PurgeReport(unseen=("git: it does not answer about this checkout's repository",))

    def _read_objects(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield every object of the repository (id, type, content), read by one process.

        The format is that of `git cat-file --batch`: a line `<id> <type> <size>`, the content, and
        a line end.
        """
        command = git_command(
            self.workspace, "cat-file", "--batch-all-objects", "--unordered", "--batch"
        )
        with subprocess.Popen(
            command, cwd=self.workspace, env=git_environment(), stdout=subprocess.PIPE
        ) as process:
            if process.stdout is None:
                return
            while head := process.stdout.readline():
                object_id, kind, size = head.decode().split()
                content = process.stdout.read(int(size))
                process.stdout.read(1)
                yield object_id, kind, content

    def _describe_objects(self, object_ids: list[str]) -> list[str]:
        """Return one line for each object, with the path under which a commit knows it."""
        if not object_ids:
            return []

        wanted_ids = set(object_ids)
        listing = self._run("rev-list", "--all", "--objects").decode(errors="replace")
        pairs = (line.partition(" ") for line in listing.splitlines())
        paths = {
            object_id: path or "a commit" for object_id, _, path in pairs if object_id in wanted_ids
        }
        return [
            f"git object {object_id[:12]} ({paths.get(object_id, 'in no commit')}) "
            "holds a value of theirs"
            for object_id in object_ids
        ]

    def _search_tracked_files(self, terms: SearchTerms) -> list[str]:
        """Return one line for each tracked file of the working tree that holds the person."""
        tracked = self._run("ls-files", "-z").decode(errors="replace").split("\0")
        lines = []
        for name in filter(None, tracked):
            path = self.workspace / name
            if path.is_file() and holds_person(name, path.read_bytes(), terms):
                lines.append(
                    f"{name}, which git tracks, holds a value of theirs: its owner has to be told"
                )
        return lines

    def _run(self, *arguments: str) -> bytes:
        answer = ask_git(self.workspace, *arguments)
        return answer.stdout if answer else b""
