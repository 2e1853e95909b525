"""A workspace holds what one commit holds, for one release at a time; nobody else's judge."""

import fcntl
import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tasks.code_identity.tree import Tree, read_tree
from tasks.errors import ConfigError, EvidenceError, RefusalKind, RefusedError
from tasks.formats.import_graph import reached_files
from tasks.pipeline.dvc_file import dvc_text
from tasks.service import workspace as workspace_module
from tasks.service.service_config import ServiceConfig
from tasks.service.workspace import Release, open_release, require_own_judge
from tasks.worker.mandate import Mandate, Mode

SERVICE = Path(__file__).parents[3]
CASE = "loan"
MAIN = "refs/heads/main"
STAGE_CODE = "tasks/stages/train/stage.py"
SOURCE = "data/people.csv"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def commit_to(remote: Path, branch: str, **files: str) -> str:
    """Commit changed files to a branch that starts at `main`, and return the commit's id."""
    git(remote, "checkout", "-q", "-B", branch, "main")
    for name, text in files.items():
        (remote / name).parent.mkdir(parents=True, exist_ok=True)
        (remote / name).write_text(text, encoding="utf-8")
    git(remote, "add", "-f", "-A")
    git(remote, "commit", "-q", "--allow-empty", "-m", "Change")
    return git(remote, "rev-parse", "HEAD")


@pytest.fixture(scope="module", autouse=True)
def imports_read_once() -> Iterator[None]:
    """Keep what follows from equal bytes: to parse all of the code for each release takes seconds.

    Both functions are pure, and give here what they give elsewhere.
    """
    texts: dict[tuple[str, ...], str] = {}

    def text_of(workspace: Path, cases: tuple[str, ...]) -> str:
        key = (read_tree(workspace).sha256, *cases)
        if key not in texts:
            texts[key] = dvc_text(workspace, cases)
        return texts[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace_module, "dvc_text", text_of)
        patch.setattr(workspace_module, "reached_files", cache(reached_files))
        yield


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose branch `main` has the code of these tests, and a source."""
    remote = tmp_path_factory.mktemp("remote") / "models"
    remote.mkdir()
    git(remote, "init", "-q", "-b", "main")
    git(remote, "commit", "-q", "--allow-empty", "-m", "Begin")

    # What decides what runs is all that a judge compares: docs and tests would take time alone.
    files = {name: text.decode() for name, text in read_tree(SERVICE).files.items()}
    commit_to(remote, "main", **files, **{SOURCE: "a,b\n", "README.md": "Models.\n"})
    return remote


def make_folders(folder: Path) -> Path:
    """Make the folders that the daemon makes, and return the one that they lie in."""
    state = folder / "state"
    for name in ("home", "mirrors", "trees", "workspaces"):
        (state / name).mkdir(parents=True)
    return state


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's folders. The process stands elsewhere again, without a mandate, afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTCULLIS_MANDATE", "")
    monkeypatch.setattr(workspace_module, "TRY_SECONDS", 0.01)
    return make_folders(tmp_path)


class Waiting:
    """A client that waits for its turn: the lines that it reads, and for how long it stays."""

    def __init__(self, most_looks: int = 0) -> None:
        self.lines: list[str] = []
        self.looks = 0
        self.most_looks = most_looks

    def is_there(self) -> bool:
        self.looks += 1
        return self.looks <= self.most_looks


def config_of(state: Path, remote: Path, *refs: str, signers: Path | None = None) -> ServiceConfig:
    return ServiceConfig.model_validate(
        {
            "accounts": {"worker": "worker", "stage": "stage", "clients": "users"},
            "places": {"state": state, "socket": state / "worker.sock"},
            "code": {"remote": f"file://{remote}", "refs": refs, "allowed_signers": signers},
        }
    )


def released(
    config: ServiceConfig, commit: str, case: str = CASE, waiting: Waiting | None = None
) -> Release:
    """Open a release as this account's, and end it at once."""
    waiting = waiting or Waiting()
    with open_release(
        case, commit, os.getuid(), config, waiting.lines.append, waiting.is_there
    ) as release:
        assert Path.cwd() == release.installation.workspace
        return release


# Names


@pytest.mark.parametrize(
    ("case", "commit"),
    [("../loan", "0" * 40), ("policy", "0" * 40), (CASE, "main"), (CASE, "0" * 12)],
    ids=["a path", "a reserved name", "a branch", "a short id"],
)
def test_what_is_no_name_is_refused_before_anything_is_made(
    state: Path, tmp_path: Path, case: str, commit: str
) -> None:
    config = config_of(state, tmp_path / "nowhere", MAIN)
    with pytest.raises(ConfigError, match="a use case's name and a whole commit id") as error:
        released(config, commit, case)
    assert case not in str(error.value)
    assert [path for path in state.rglob("*") if path.is_file()] == []


# The checkout


def test_a_release_stands_in_a_checkout_of_its_commit_with_a_mandate(
    state: Path, remote: Path
) -> None:
    commit = git(remote, "rev-parse", "main")
    release = released(config_of(state, remote, MAIN), commit)
    workspace = release.installation.workspace

    assert workspace == state / "workspaces" / CASE
    assert release.installation.home == state / "home"
    assert read_tree(workspace).sha256 == read_tree(SERVICE).sha256
    assert (workspace / SOURCE).read_text() == "a,b\n"
    # DVC and provenance ask git for the commit in the workspace itself.
    assert git(workspace, "rev-parse", "HEAD") == commit
    assert (workspace / ".dvc").stat().st_mode & 0o777 == 0o700

    me = pwd.getpwuid(os.getuid()).pw_name
    launcher = state / "home" / "launcher.sock"
    expected = Mandate(Mode.ENFORCED, me, state / "trees", ref=MAIN, launcher=launcher)
    assert release.mandate == expected
    assert Mandate.of(release.installation) == expected


def test_a_release_of_the_same_commit_replaces_no_file(state: Path, remote: Path) -> None:
    config = config_of(state, remote, MAIN)
    commit = git(remote, "rev-parse", "main")
    workspace = released(config, commit).installation.workspace
    names = (STAGE_CODE, SOURCE, "README.md")
    inodes = [(workspace / name).stat().st_ino for name in names]
    (workspace / "dvc.lock").write_text("lock")

    released(config, commit)
    assert [(workspace / name).stat().st_ino for name in names] == inodes
    assert (workspace / "dvc.lock").read_text() == "lock"
    assert not (state / "workspaces" / f".{CASE}.draft").exists()


def test_another_commit_replaces_code_and_sources_and_keeps_what_stages_made(
    state: Path, remote: Path
) -> None:
    changed_code = f"{(SERVICE / STAGE_CODE).read_text()}\n# Changed.\n"
    files = {STAGE_CODE: changed_code, SOURCE: "a,b\n1,2\n", "data/made/report.json": "{}"}
    changed = commit_to(remote, "changed", **files)
    config = config_of(state, remote, MAIN, "refs/heads/changed")
    workspace = released(config, git(remote, "rev-parse", "main")).installation.workspace

    kept = ("dvc.lock", ".dvc/cache/files", f"data/{CASE}/train/report.json")
    for name in kept:
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text("kept")
    released(config, changed)

    assert (workspace / STAGE_CODE).read_text() == changed_code
    assert (workspace / SOURCE).read_text() == "a,b\n1,2\n"
    assert [(workspace / name).read_text() for name in kept] == ["kept"] * 3
    # A client could commit what a stage is to have made.
    assert not (workspace / "data" / "made").exists()
    assert git(workspace, "rev-parse", "HEAD") == changed


@pytest.fixture(scope="module")
def earlier_state(tmp_path_factory: pytest.TempPathFactory, remote: Path) -> Path:
    """The service's folders after a release of `main`."""
    state = make_folders(tmp_path_factory.mktemp("earlier"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(state)
        patch.setenv("PORTCULLIS_MANDATE", "")
        released(config_of(state, remote, MAIN), git(remote, "rev-parse", "main"))
    return state


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("name", [STAGE_CODE, "README.md", SOURCE])
@pytest.mark.parametrize("is_removed", [False, True], ids=["changed", "removed"])
def test_a_file_of_the_commit_is_written_anew(
    earlier_state: Path, remote: Path, name: str, is_removed: bool
) -> None:
    path = earlier_state / "workspaces" / CASE / name
    content = path.read_bytes()
    path.unlink()
    if not is_removed:
        path.write_bytes(content + b"\n")

    released(config_of(earlier_state, remote, MAIN), git(remote, "rev-parse", "main"))
    assert path.read_bytes() == content


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("name", ["planted.py", "planted/tool.py", "tasks/planted.pyc"])
def test_a_file_that_is_not_the_commit_s_is_removed(
    earlier_state: Path, remote: Path, name: str
) -> None:
    path = earlier_state / "workspaces" / CASE / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("planted")

    released(config_of(earlier_state, remote, MAIN), git(remote, "rev-parse", "main"))
    assert not path.exists()


def test_a_draft_of_a_session_that_was_killed_is_in_nobody_s_way(state: Path, remote: Path) -> None:
    left = state / "workspaces" / f".{CASE}.draft" / "tasks"
    left.mkdir(parents=True)
    (left / "planted.py").write_text("")
    left.chmod(0o555)

    release = released(config_of(state, remote, MAIN), git(remote, "rev-parse", "main"))
    assert not (release.installation.workspace / "tasks" / "planted.py").exists()
    assert not left.exists()


# Commits that are refused


def test_a_commit_of_no_protected_ref_is_refused(state: Path, remote: Path) -> None:
    commit = commit_to(remote, "topic")
    with pytest.raises(RefusedError) as error:
        released(config_of(state, remote, MAIN), commit)
    assert error.value.refusals[0].kind == RefusalKind.COMMIT_NOT_RELEASABLE
    assert list((state / "workspaces").iterdir()) == []


def test_a_commit_that_an_allowed_key_has_signed_names_its_signer_in_the_mandate(
    state: Path, remote: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True)
    signers = tmp_path / "allowed_signers"
    public = key.with_suffix(".pub").read_text()
    signers.write_text(f'ann@bank namespaces="git" {public}')
    git(remote, "checkout", "-q", "-B", "signed", "main")
    git(
        remote, "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}",
        "commit", "-q", "-S", "--allow-empty", "-m", "Signed",
    )  # fmt: skip

    config = config_of(state, remote, signers=signers)
    mandate = released(config, git(remote, "rev-parse", "signed")).mandate
    assert (mandate.ref, mandate.signer) == ("", "ann@bank")


def test_a_use_case_that_is_not_in_the_commit_gets_no_checkout(state: Path, remote: Path) -> None:
    commit = git(remote, "rev-parse", "main")
    with pytest.raises(ConfigError, match="a use case of the commit; found another name"):
        released(config_of(state, remote, MAIN), commit, "mortgage")
    assert list((state / "workspaces").iterdir()) == []


def test_a_commit_with_another_pipeline_is_refused(state: Path, remote: Path) -> None:
    text = (SERVICE / "dvc.yaml").read_text().replace("exec python", "exec ./own", 1)
    commit = commit_to(remote, "pipeline", **{"dvc.yaml": text})
    with pytest.raises(EvidenceError, match=r"commit, dvc\.yaml"):
        released(config_of(state, remote, "refs/heads/pipeline"), commit)
    assert list((state / "workspaces").iterdir()) == []


def test_a_commit_with_another_judge_is_refused(state: Path, remote: Path) -> None:
    commit = commit_to(remote, "judge", **{"tasks/clearance/check.py": "REFUSALS = ()\n"})
    with pytest.raises(EvidenceError, match=r"commit, tasks/clearance/check\.py"):
        released(config_of(state, remote, "refs/heads/judge"), commit)
    assert list((state / "workspaces").iterdir()) == []


def test_a_commit_whose_resolved_copy_is_stale_is_refused(state: Path, remote: Path) -> None:
    name = f"configs/{CASE}/resolved.yaml"
    text = (SERVICE / name).read_text() + "planted: 1\n"
    commit = commit_to(remote, "stale", **{name: text})
    with pytest.raises(ConfigError, match=name):
        released(config_of(state, remote, "refs/heads/stale"), commit)


# The judge


@pytest.fixture(scope="module")
def own_tree() -> Tree:
    return read_tree(SERVICE)


@pytest.mark.parametrize(
    "name", ["tasks/isolated.py", ".dvc/config", "requirements.lock", "tasks/worker/running.py"]
)
def test_a_judge_that_lacks_a_file_or_a_byte_of_it_is_another(own_tree: Tree, name: str) -> None:
    without = {path: content for path, content in own_tree.files.items() if path != name}
    for files in (without, without | {name: own_tree.files[name] + b"\n"}):
        with pytest.raises(EvidenceError, match=f"commit, {name}: .*other code, or none"):
            require_own_judge(Tree(files), SERVICE)


def test_code_of_stages_may_differ_from_the_service_s(own_tree: Tree) -> None:
    require_own_judge(Tree({**own_tree.files, STAGE_CODE: b"VALUE = 1\n"}), SERVICE)


# Turns


def test_a_release_waits_for_another_of_its_case_and_is_told_once(
    state: Path, remote: Path
) -> None:
    waiting = Waiting(most_looks=3)
    with (state / "home" / f"release-{CASE}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConnectionResetError):
            released(config_of(state, remote, MAIN), "0" * 40, waiting=waiting)
    assert waiting.lines == [f"{CASE}: another release runs; this one waits for it"]
    assert waiting.looks == 4
    assert list((state / "mirrors").iterdir()) == []


def test_a_release_goes_on_when_the_one_before_it_has_ended(state: Path, remote: Path) -> None:
    other = (state / "home" / f"release-{CASE}.lock").open("w")
    fcntl.flock(other, fcntl.LOCK_EX)

    class Patient(Waiting):
        def is_there(self) -> bool:
            other.close()
            return True

    waiting = Patient()
    released(config_of(state, remote, MAIN), git(remote, "rev-parse", "main"), waiting=waiting)
    assert len(waiting.lines) == 1


def test_two_cases_are_released_at_once(state: Path, remote: Path) -> None:
    config = config_of(state, remote, MAIN)
    commit = git(remote, "rev-parse", "main")
    waiting = Waiting()
    with open_release("claims", commit, os.getuid(), config, waiting.lines.append, lambda: False):
        released(config, commit, waiting=waiting)
    assert waiting.lines == []


def test_a_use_case_is_free_again_after_a_release_that_failed(state: Path, remote: Path) -> None:
    config = config_of(state, remote, MAIN)
    for _ in range(2):
        with pytest.raises(EvidenceError, match="found none"):
            released(config, "0" * 40)


# Accounts


def test_an_account_without_a_name_is_named_by_its_number(state: Path, remote: Path) -> None:
    config = config_of(state, remote, MAIN)
    commit = git(remote, "rev-parse", "main")
    with open_release(CASE, commit, 4_000_000_001, config, lambda _: None, lambda: True) as release:
        assert release.mandate.actor == "uid 4000000001"
    written = json.loads((state / "home" / f"mandate-{CASE}.json").read_text())
    assert written["actor"] == "uid 4000000001"
