"""A commit from a remote: only a releasable one, and only its own bytes, as regular files."""

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from tasks.checkout.commit_mirror import CommitMirror, Releasable
from tasks.code_identity.tree import read_tree
from tasks.errors import ConfigError, EvidenceError, RefusalKind, RefusedError, ServiceError

MAIN = ("refs/heads/main",)
FILES = {
    "tasks/model.py": "VALUE = 1\n",
    "configs/größe.yaml": "first\r\n",
    "README.md": "text\n",
    "data/rows.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
}


class Remote:
    """A repository with a branch `main`, and keys that sign its commits."""

    def __init__(self, folder: Path, form: str = "sha1") -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main", f"--object-format={form}")
        # As bare repositories of a server are reached: by a file URL.
        self.url = f"file://{folder}"

    def git(self, *words: str, content: bytes | None = None) -> str:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        done = subprocess.run(
            ["git", *who, *words], cwd=self.folder, input=content, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(text.encode())
        self.git("add", "-f", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "Change")
        return self.git("rev-parse", "HEAD")

    def blob(self, text: str = "x") -> str:
        return self.git("hash-object", "-w", "--stdin", content=text.encode())

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """Write a tree object of (mode, name, id) as it is, however wrong."""
        content = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(identifier)
            for mode, name, identifier in entries
        )
        return self.git(
            "hash-object", "-w", "--literally", "-t", "tree", "--stdin", content=content
        )

    def commit_tree(self, tree: str) -> str:
        """Make a commit of a tree object the head of `main`."""
        commit = self.git("commit-tree", tree, "-m", "Forged")
        self.git("update-ref", "refs/heads/main", commit)
        return commit


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path / "remote")
    made.commit(**FILES)
    return made


@pytest.fixture
def mirror(remote: Remote, tmp_path: Path) -> CommitMirror:
    made = CommitMirror(tmp_path / "mirror", remote.url)
    made.fetch()
    return made


def key(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def signed_commit(remote: Remote, private: Path, branch: str = "topic") -> str:
    remote.git("checkout", "-q", "-B", branch)
    remote.git(
        "-c", "gpg.format=ssh", "-c", f"user.signingkey={private}",
        "commit", "-q", "-S", "--allow-empty", "-m", "Signed",
    )  # fmt: skip
    return remote.git("rev-parse", "HEAD")


def allowed(private: Path, principal: str = "ann@bank") -> str:
    return f'{principal} namespaces="git" {private.with_suffix(".pub").read_text()}'


# Which commits


def test_a_commit_on_a_protected_ref_is_releasable(remote: Remote, mirror: CommitMirror) -> None:
    commit = remote.git("rev-parse", "main")
    assert mirror.releasable(commit, MAIN, "") == Releasable(commit, ref="refs/heads/main")


def test_an_ancestor_of_a_protected_ref_is_releasable(remote: Remote, mirror: CommitMirror) -> None:
    ancestor = remote.git("rev-parse", "main")
    remote.commit(more="x")
    mirror.fetch()
    assert mirror.releasable(ancestor, MAIN, "").ref == MAIN[0]


def refused(mirror: CommitMirror, commit: str, signers: str = "") -> None:
    with pytest.raises(RefusedError) as error:
        mirror.releasable(commit, MAIN, signers)
    (refusal,) = error.value.refusals
    assert refusal.kind == RefusalKind.COMMIT_NOT_RELEASABLE


def test_a_commit_on_another_branch_is_refused(remote: Remote, mirror: CommitMirror) -> None:
    remote.git("checkout", "-q", "-b", "topic")
    commit = remote.commit(planted="x")
    mirror.fetch()
    refused(mirror, commit)


def test_a_commit_that_left_the_protected_ref_is_refused(
    remote: Remote, mirror: CommitMirror
) -> None:
    remote.git("checkout", "-q", "-b", "topic")
    commit = remote.commit(planted="x")
    remote.git("branch", "-f", "main", commit)
    mirror.fetch()
    remote.git("branch", "-f", "main", f"{commit}~1")
    mirror.fetch()
    refused(mirror, commit)


def test_a_tag_of_the_name_of_a_protected_branch_does_not_count(
    remote: Remote, mirror: CommitMirror
) -> None:
    remote.git("checkout", "-q", "-b", "topic")
    commit = remote.commit(planted="x")
    remote.git("tag", "main")
    remote.git("tag", "refs/heads/main")
    mirror.fetch()
    refused(mirror, commit)


def test_a_protected_ref_that_is_not_there_protects_nothing(
    remote: Remote, mirror: CommitMirror
) -> None:
    commit = remote.git("rev-parse", "main")
    with pytest.raises(RefusedError):
        mirror.releasable(commit, ("refs/heads/release",), "")
    with pytest.raises(RefusedError):
        mirror.releasable(commit, (), "")


def test_a_commit_that_an_allowed_key_has_signed_is_releasable(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    private = key(tmp_path, "ann")
    commit = signed_commit(remote, private)
    mirror.fetch()
    expected = Releasable(commit, signer="ann@bank")
    assert mirror.releasable(commit, MAIN, allowed(private)) == expected


def test_a_signature_by_a_key_that_is_not_allowed_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    commit = signed_commit(remote, key(tmp_path, "eve"))
    mirror.fetch()
    refused(mirror, commit, allowed(key(tmp_path, "ann")))


@pytest.mark.parametrize("signers", ["", "\n", "# nobody\n"])
def test_without_allowed_keys_no_signature_counts(
    remote: Remote, mirror: CommitMirror, tmp_path: Path, signers: str
) -> None:
    commit = signed_commit(remote, key(tmp_path, "ann"))
    mirror.fetch()
    refused(mirror, commit, signers)


def test_an_unsigned_commit_on_no_ref_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    remote.git("checkout", "-q", "-b", "topic")
    commit = remote.commit(planted="x")
    mirror.fetch()
    refused(mirror, commit, allowed(key(tmp_path, "ann")))


def test_a_signature_of_another_commit_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    private = key(tmp_path, "ann")
    signed = remote.git("cat-file", "commit", signed_commit(remote, private))
    forged = signed.replace("\nSigned", "\nForged").encode() + b"\n"
    commit = remote.git("hash-object", "-w", "-t", "commit", "--stdin", content=forged)
    remote.git("update-ref", "refs/heads/topic", commit)
    mirror.fetch()
    refused(mirror, commit, allowed(private))


def test_a_signature_for_a_file_is_none_of_a_commit(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    private = key(tmp_path, "ann")
    payload = remote.git("cat-file", "commit", "main").encode() + b"\n"
    (tmp_path / "payload").write_bytes(payload)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(private)]
    subprocess.run([*command, str(tmp_path / "payload")], check=True, capture_output=True)
    armour = (tmp_path / "payload.sig").read_text().rstrip().replace("\n", "\n ")
    head, _, message = payload.partition(b"\n\n")
    forged = head + b"\ngpgsig " + armour.encode() + b"\n\n" + message
    commit = remote.git("hash-object", "-w", "-t", "commit", "--stdin", content=forged)
    remote.git("update-ref", "refs/heads/topic", commit)
    mirror.fetch()
    signers = f"ann@bank {private.with_suffix('.pub').read_text()}"
    refused(mirror, commit, signers)


def test_a_key_whose_time_is_over_signs_nothing(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    private = key(tmp_path, "ann")
    commit = signed_commit(remote, private)
    mirror.fetch()
    line = f'ann@bank valid-before="20200101" {private.with_suffix(".pub").read_text()}'
    refused(mirror, commit, line)


@pytest.mark.parametrize(
    "name",
    ["main", "HEAD", "refs/heads/main", "", "--help", "0" * 39, "A" * 40, f"{'0' * 40}\n", "@{1}"],
)
def test_what_is_no_whole_id_is_refused(mirror: CommitMirror, tmp_path: Path, name: str) -> None:
    with pytest.raises(EvidenceError, match="its whole id"):
        mirror.releasable(name, MAIN, "")
    with pytest.raises(EvidenceError, match="its whole id"):
        mirror.write(name, tmp_path / "out")


def test_a_commit_that_is_not_there_is_refused(mirror: CommitMirror, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="found none"):
        mirror.releasable("0" * 40, MAIN, "")
    with pytest.raises(EvidenceError, match="found none"):
        mirror.write("0" * 40, tmp_path / "out")


def test_an_object_that_is_no_commit_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    with pytest.raises(EvidenceError, match="found one of kind tree"):
        mirror.releasable(remote.git("rev-parse", "main^{tree}"), MAIN, "")


@pytest.mark.parametrize(
    "ref",
    ["main", "HEAD", "--all", "refs/heads/", "refs/heads/a..b", "refs/heads/-x", "", "refs/*"],
)
def test_a_protected_ref_is_a_whole_name(remote: Remote, mirror: CommitMirror, ref: str) -> None:
    with pytest.raises(ConfigError, match="whole names"):
        mirror.releasable(remote.git("rev-parse", "main"), (ref,), "")


# The remote


@pytest.mark.parametrize(
    "url",
    [
        "", "/srv/repository", "--upload-pack=touch it-ran", "ext::sh -c touch% it-ran",
        "git://host/x", "http://host/x", "host:path", "ssh://-oProxyCommand=touch/x",
        "ssh://-x@host/x", "https://user:secret@host/x", "file://host/x", "file:///a\nb",
        "file:///a b", "fd::17", "transport::x",
    ],
)  # fmt: skip
def test_another_kind_of_remote_is_refused_and_not_quoted(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as error:
        CommitMirror(tmp_path / "mirror", url)
    assert "secret" not in str(error.value)


def test_a_remote_that_is_not_there_is_said(tmp_path: Path) -> None:
    mirror = CommitMirror(tmp_path / "mirror", f"file://{tmp_path}/nowhere")
    with pytest.raises(ServiceError, match="the mirror of"):
        mirror.fetch()
    assert not (tmp_path / "mirror").exists()


def test_nothing_is_asked_of_a_mirror_that_was_never_fetched(tmp_path: Path) -> None:
    mirror = CommitMirror(tmp_path / "mirror", f"file://{tmp_path}/nowhere")
    with pytest.raises(ServiceError, match="nothing fetched yet"):
        mirror.releasable("0" * 40, MAIN, "")


def test_of_an_empty_repository_nothing_is_releasable(tmp_path: Path) -> None:
    empty = Remote(tmp_path / "empty")
    mirror = CommitMirror(tmp_path / "mirror", empty.url)
    mirror.fetch()
    with pytest.raises(EvidenceError, match="found none"):
        mirror.releasable("0" * 40, MAIN, "")


def test_a_remote_that_goes_away_leaves_the_mirror_as_it_was(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    commit = remote.git("rev-parse", "main")
    remote.folder.rename(tmp_path / "gone")
    with pytest.raises(ServiceError):
        mirror.fetch()
    assert mirror.releasable(commit, MAIN, "").ref


def test_a_repository_of_sha256_is_mirrored(tmp_path: Path) -> None:
    remote = Remote(tmp_path / "remote", "sha256")
    commit = remote.commit(**FILES)
    mirror = CommitMirror(tmp_path / "mirror", remote.url)
    mirror.fetch()
    assert len(mirror.releasable(commit, MAIN, "").commit) == 64
    assert "tasks/model.py" in mirror.write(commit, tmp_path / "out").files


def test_no_program_that_the_caller_s_environment_names_is_run(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/it-ran\n")
    program.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (hooks / name).symlink_to(program)
    (home / ".gitconfig").write_text(
        f"[core]\n\tfsmonitor = {program}\n\thooksPath = {hooks}\n\tsshCommand = {program}\n"
        f"[uploadpack]\n\tpackObjectsHook = {program}\n[credential]\n\thelper = !{program}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    for name in (
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "GIT_EXTERNAL_DIFF",
        "GIT_PROXY_COMMAND",
    ):
        monkeypatch.setenv(name, str(program))
    mirror = CommitMirror(tmp_path / "mirror", remote.url)
    mirror.fetch()
    mirror.write(remote.git("rev-parse", "main"), tmp_path / "out")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another account")
def test_a_remote_of_another_account_is_mirrored(remote: Remote, tmp_path: Path) -> None:
    for path in (remote.folder, *remote.folder.rglob("*")):
        os.chown(path, 65534, 65534)
    CommitMirror(tmp_path / "mirror", remote.url).fetch()


# The files


def test_what_is_written_is_what_was_committed(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    tree = mirror.write(remote.git("rev-parse", "main"), tmp_path / "out")
    written = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert written == {name: text.encode() for name, text in FILES.items()}
    assert tree == read_tree(tmp_path / "out")
    assert set(tree.files) == {"tasks/model.py", "configs/größe.yaml"}


def test_an_older_commit_is_written_with_its_own_bytes(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    older = remote.git("rev-parse", "main")
    remote.commit(**{"tasks/model.py": "VALUE = 2\n"})
    mirror.fetch()
    assert mirror.write(older, tmp_path / "out").files["tasks/model.py"] == b"VALUE = 1\n"


def test_attributes_change_no_byte(remote: Remote, mirror: CommitMirror, tmp_path: Path) -> None:
    attributes = "* text eol=crlf ident filter=x export-ignore\n"
    remote.git("config", "filter.x.smudge", f"touch {tmp_path}/it-ran")
    commit = remote.commit(**{"tasks/ident.py": "# $Id$\n"})
    remote.commit(**{".gitattributes": attributes})
    commit = remote.git("rev-parse", "HEAD")
    mirror.fetch()
    files = mirror.write(commit, tmp_path / "out").files
    assert files["tasks/ident.py"] == b"# $Id$\n"
    assert not (tmp_path / "it-ran").exists()


def test_what_is_written_can_be_read_by_others_and_written_by_nobody(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    mirror.write(remote.git("rev-parse", "main"), tmp_path / "out")
    paths = (tmp_path / "out", *(tmp_path / "out").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o444, 0o555}


def write_refused(mirror: CommitMirror, commit: str, tmp_path: Path, words: str) -> None:
    mirror.fetch()
    with pytest.raises(EvidenceError, match=words) as error:
        mirror.write(commit, tmp_path / "out")
    assert str(error.value).isprintable()
    assert {path.name for path in tmp_path.iterdir()} == {"remote", "mirror"}


def test_a_symbolic_link_is_refused(remote: Remote, mirror: CommitMirror, tmp_path: Path) -> None:
    (remote.folder / "link").symlink_to("/etc/passwd")
    write_refused(mirror, remote.commit(), tmp_path, r"^link: .*found a symbolic link")


def test_another_repository_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    head = remote.git("rev-parse", "HEAD")
    tree = remote.tree(("160000", b"vendored", head))
    write_refused(mirror, remote.commit_tree(tree), tmp_path, "found another repository")


@pytest.mark.parametrize("name", ["tasks/old.pyc", "tasks/__pycache__/model.cpython-311.pyc"])
def test_bytecode_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path, name: str
) -> None:
    write_refused(mirror, remote.commit(**{name: "x"}), tmp_path, "sources alone")


@pytest.mark.parametrize(
    "name",
    ["configs/tiny/dvc.yaml", "sources/a.csv.dvc", "a.dvc", "x/.dvc/config", ".dvc/dvc.yaml"],
)
def test_what_dvc_runs_besides_the_one_pipeline_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path, name: str
) -> None:
    write_refused(mirror, remote.commit(**{name: "x"}), tmp_path, "one pipeline")


def test_the_pipeline_at_the_top_and_its_configuration_are_written(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    commit = remote.commit(**{"dvc.yaml": "stages: {}", ".dvc/config": "[core]"})
    mirror.fetch()
    assert "dvc.yaml" in mirror.write(commit, tmp_path / "written").files


def test_a_package_beside_a_module_of_its_name_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    commit = remote.commit(**{"tasks/model/__init__.py": "VALUE = 2\n"})
    write_refused(mirror, commit, tmp_path, r"^tasks/model/__init__.py: .*one module of a name")


@pytest.mark.parametrize(
    "names",
    [("Tasks/a.py", "tasks/b.py"), ("a.py", "A.py"), ("é.py", "e\u0301.py"), ("ß.py", "SS.py")],
)
def test_names_that_differ_in_case_alone_are_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path, names: tuple[str, str]
) -> None:
    commit = remote.commit(**dict.fromkeys(names, "x"))
    write_refused(mirror, commit, tmp_path, "differ in more than their case")


@pytest.mark.parametrize(
    "name", [b"a\nb", b"b\xff", b"a\\b", b"a\x1b[2J", "\u202egnp".encode(), "a\u200d".encode()]
)
def test_a_name_that_could_be_read_as_another_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path, name: bytes
) -> None:
    tree = remote.tree(("100644", name, remote.blob()))
    write_refused(mirror, remote.commit_tree(tree), tmp_path, "a name in UTF-8")


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b"git~1", b"a/b", b"/etc"])
def test_a_name_that_leads_elsewhere_never_gets_into_the_folder(
    remote: Remote, mirror: CommitMirror, tmp_path: Path, name: bytes
) -> None:
    """The fetch refuses such trees; a mirror that has one all the same is not believed."""
    commit = remote.commit_tree(remote.tree(("100644", name, remote.blob())))
    with pytest.raises(ServiceError):
        mirror.fetch()
    command = ["git", "--git-dir", str(tmp_path / "mirror"), "fetch", "-q", remote.url, "main"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(EvidenceError):
        mirror.write(commit, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"remote", "mirror"}


def test_a_name_that_stands_twice_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    tree = remote.tree(("100644", b"a", remote.blob("x")), ("100644", b"a", remote.blob("y")))
    commit = remote.commit_tree(tree)
    command = ["git", "--git-dir", str(tmp_path / "mirror"), "fetch", "-q", remote.url, "main"]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(EvidenceError, match="each name once"):
        mirror.write(commit, tmp_path / "out")


def test_a_few_listings_that_stand_for_millions_of_files_are_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    tree = remote.tree(*(("100644", b"%02d" % number, remote.blob()) for number in range(10)))
    for _ in range(6):
        tree = remote.tree(*(("40000", b"%02d" % number, tree) for number in range(10)))
    write_refused(mirror, remote.commit_tree(tree), tmp_path, "100000 files at most")


def test_a_forged_blob_in_the_mirror_is_refused(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    """A loose object counts before a packed one; git reads it without looking at its id."""
    identifier = remote.git("rev-parse", "main:tasks/model.py")
    path = tmp_path / "mirror/objects" / identifier[:2] / identifier[2:]
    path.parent.mkdir(exist_ok=True)
    for pack in (tmp_path / "mirror/objects/pack").iterdir():
        pack.chmod(0o600)
    command = ["git", "--git-dir", str(tmp_path / "mirror"), "unpack-objects", "-q"]
    packs = list((tmp_path / "mirror/objects/pack").glob("*.pack"))
    for pack in packs:
        content = pack.read_bytes()
        for file in pack.parent.glob(f"{pack.stem}.*"):
            file.unlink()
        subprocess.run(command, input=content, check=True, capture_output=True)
    path.chmod(0o600)
    path.write_bytes(zlib.compress(b"blob 10\0VALUE = 2\n"))
    with pytest.raises(EvidenceError, match="git object"):
        mirror.write(remote.git("rev-parse", "main"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_written_into(
    remote: Remote, mirror: CommitMirror, tmp_path: Path
) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with pytest.raises(EvidenceError, match="no such folder yet"):
        mirror.write(remote.git("rev-parse", "main"), tmp_path / "out")
