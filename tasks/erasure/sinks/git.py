"""Git: every object, also unreachable ones, what git writes beside them, and files of the checkout.

All of it is searched, and nothing is rewritten.
"""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from tasks.erasure.searching.looking import Look, look_at_content, look_at_name
from tasks.erasure.searching.places import Place, PurgeRule
from tasks.erasure.searching.search_terms import SearchTerms
from tasks.erasure.sinks.files import FileSink
from tasks.erasure.sinks.sink import AS_MASKING_ALLOWS, PurgeOptions, PurgeReport, SinkId
from tasks.system.git import ask_git, git_command, git_environment

# Of git's own folder: what is read as objects, by `for-each-ref` and by `ls-files`.
OWN_DATABASE = ("objects", "refs", "index")
# What the other sinks search, and programs that no person was written into.
SEARCHED_ELSEWHERE = ("data", ".dvc/tmp", ".dvc/cache", ".portcullis", ".git")
PROGRAMS = (".venv", "node_modules", "__pycache__")


class GitSilenceError(Exception):
    """Git does not answer, or not about all that it has."""


@dataclass(frozen=True)
class GitSink:
    """The checkout and its repository.

    Rewriting history changes every commit id after it, and with them what statements name: a person
    has to decide.
    """

    workspace: Path
    sink_id: SinkId = SinkId.GIT
    # Folders in the checkout that other sinks search, by their paths.
    elsewhere: tuple[Path, ...] = ()

    def purge(
        self,
        terms: SearchTerms,
        options: PurgeOptions = AS_MASKING_ALLOWS,
    ) -> PurgeReport:
        """Search every object, every ref, git's own files and the checkout; change nothing."""
        answer = ask_git(self.workspace, "rev-parse", "--git-common-dir")
        if answer is None or answer.returncode:
            return self._report_silence()

        folder = self.workspace / answer.stdout.decode(errors="surrogateescape").rstrip("\n")
        report = PurgeReport()
        try:
            report += self._search_objects(terms)
            report += self._search_refs(terms)
            report += self._search_tracked_files(terms)
        except GitSilenceError:
            report += PurgeReport(unseen=("git: it stopped answering: not all was searched",))
        # What git does not track is somebody's work, and git's own files are git's.
        own_database = [folder / name for name in OWN_DATABASE]
        own_files = Place.local("git", folder, PurgeRule.REPORT, skip_paths=own_database)
        places = [self._other_files(), own_files]
        report += FileSink(self.sink_id, places).purge(terms, options)
        return _mask_lines(report, terms) + self._name_other_copies(folder, terms)

    def _report_silence(self) -> PurgeReport:
        """Report a repository that git does not answer about; a folder without one has nothing."""
        if not (self.workspace / ".git").exists():
            return PurgeReport()
        return PurgeReport(unseen=("git: it does not answer about this checkout's repository",))

    def _search_objects(self, terms: SearchTerms) -> PurgeReport:
        """Search commits, trees, files, tags and notes, reachable or not."""
        searched = 0
        object_ids: dict[str, str] = {}
        for object_id, kind, content in self._read_objects():
            searched += 1
            # A tree holds names between NUL and digests of twenty bytes.
            name = object_id if kind == "blob" else f"{object_id}.txt"
            if reason := _reason(look_at_content(name, content, terms)):
                object_ids[object_id] = reason
        return PurgeReport(searched=searched, left=tuple(self._describe_objects(object_ids)))

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
            stream = cast("IO[bytes]", process.stdout)
            while head := stream.readline():
                object_id, *facts = head.decode().split()
                if len(facts) != len(("type", "size")):  # `<id> missing`: a damaged repository
                    raise GitSilenceError
                kind, size = facts
                content = stream.read(int(size))
                stream.read(1)
                yield object_id, kind, content

        if process.returncode:
            raise GitSilenceError

    def _describe_objects(self, reasons: dict[str, str]) -> list[str]:
        """Return one line for each object, with the path under which a commit knows it."""
        if not reasons:
            return []

        # Git ends its lines with a line feed; a name may hold other ends of lines.
        listing = self._run("rev-list", "--all", "--objects").decode(errors="replace")
        pairs = (line.partition(" ") for line in listing.split("\n"))
        paths = {
            object_id: path or "a commit" for object_id, _, path in pairs if object_id in reasons
        }
        return [
            f"git object {object_id[:12]} ({paths.get(object_id, 'in no commit')}) {reason}"
            for object_id, reason in reasons.items()
        ]

    def _search_refs(self, terms: SearchTerms) -> PurgeReport:
        """Search the names of branches, tags, stashes and notes."""
        listing = self._run("for-each-ref", "--format=%(refname)").decode(errors="replace")
        names = [name for name in listing.split("\n") if name]
        lines = []
        for name in names:
            if reason := _reason(look_at_name(name, terms)):
                lines.append(f"git ref {name}: its name {reason}")
        return PurgeReport(searched=len(names), left=tuple(lines))

    def _search_tracked_files(self, terms: SearchTerms) -> PurgeReport:
        """Search the tracked files of the working tree, and their names."""
        lines = []
        unseen = []
        names = self._list_files("ls-files", "-z")
        for name in names:
            look = look_at_name(name, terms)
            path = self.workspace / name
            try:
                if path.is_file() and not path.is_symlink():
                    look += look_at_content(name, path.read_bytes(), terms)
            except OSError as error:
                unseen.append(f"{name} could not be read ({type(error).__name__})")
            if reason := _reason(look):
                lines.append(f"{name}, which git tracks, {reason}: its owner has to be told")

        return PurgeReport(searched=len(names), left=tuple(lines), unseen=tuple(unseen))

    def _other_files(self) -> Place:
        """Return what git does not track, ignored files included, unless another sink has it."""
        tracked: list[Path] = []
        # Where git is silent, its files are searched once more.
        with suppress(GitSilenceError):
            tracked += [self.workspace / name for name in self._list_files("ls-files", "-z")]
        searched = [self.workspace / name for name in SEARCHED_ELSEWHERE]
        skip_paths = [*tracked, *searched, *self.elsewhere]
        return Place.local("checkout", self.workspace, PurgeRule.REPORT, PROGRAMS, skip_paths)

    def _name_other_copies(self, folder: Path, terms: SearchTerms) -> PurgeReport:
        """Name what this repository was copied to or from: nobody here can search it."""
        lines = []
        for name in self._ask("remote").split():
            host = _host_of(self._ask("remote", "get-url", name).strip())
            lines.append(f"git remote {name} ({host}), and every clone: not searched")

        others = self._ask("worktree", "list", "--porcelain").count("worktree ") - 1
        if others > 0:
            lines.append(f"git: files of {others:,} other working trees: not searched")

        if (folder / "modules").is_dir() or (self.workspace / ".gitmodules").is_file():
            lines.append("git: repositories of submodules: not searched")

        return PurgeReport(unseen=tuple(terms.mask_name(line) for line in lines))

    def _list_files(self, *arguments: str) -> list[str]:
        names = self._run(*arguments).decode("utf-8", errors="surrogateescape").split("\0")
        return [name for name in names if name]

    def _run(self, *arguments: str) -> bytes:
        answer = ask_git(self.workspace, *arguments)
        if answer is None or answer.returncode:
            raise GitSilenceError
        return answer.stdout

    def _ask(self, *arguments: str) -> str:
        """Return what git says of a thing that is only named, or nothing."""
        with suppress(GitSilenceError):
            return self._run(*arguments).decode(errors="replace")
        return ""


def _reason(look: Look) -> str:
    """Return what a report says about a place; nothing where nobody was found."""
    if look.holds_person:
        return "holds a value of theirs"
    return "holds what others are called, too" if look.is_ambiguous else ""


def _mask_lines(report: PurgeReport, terms: SearchTerms) -> PurgeReport:
    """Return a report without values in its lines; all of them: what is left is named, each."""
    return replace(
        report,
        left=tuple(terms.mask_name(line) for line in report.left),
        unseen=tuple(terms.mask_name(line) for line in report.unseen),
    )


def _host_of(url: str) -> str:
    """Return the machine that a remote's URL names: never the URL, which may hold a password."""
    if host := urlsplit(url).hostname:
        return host
    # git's own short form of ssh: `user@host:path`.
    user_and_host, colon, _ = url.partition(":")
    return user_and_host.rpartition("@")[2] if colon else "a folder"
