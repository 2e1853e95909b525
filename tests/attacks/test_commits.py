"""Commits that the data scientist pushes so that another judge, law or pipeline judges them.

All of them stand on the protected ref: who may push there is not what stops them.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.disparity.counts import DecidedRows
from tasks.stages.fairness.measuring import measure_fairness
from tasks.stages.fairness.params import FairnessParams
from tests.attacks.attempts import Kind, Mode, attempt
from tests.attacks.enforced import SCIENTIST, Enforced
from tests.attacks.forging import (
    LINK,
    REPOSITORY,
    Entry,
    Files,
    Forge,
    ask,
    configured,
    forging,
)
from tests.flows.workspace import CASE
from tests.flows.workspace import case as small_case

pytestmark = pytest.mark.integration

Change = Callable[[Forge], Files]
REFUSED = 3
WRONG = 2
OWN_JUDGE = "a commit's judging code is compared with the worker's own, byte for byte"


@pytest.fixture
def forge(service: Enforced) -> Iterator[Forge]:
    """Commits upon the honest one, which is `main` again afterwards."""
    with forging(service) as made:
        yield made


def refuse(mode: Enforced, commit: str, exit_code: int, words: str, *stages: str) -> None:
    """Hold that the worker refuses a commit in these words, and that nothing changed by it."""
    registry, entries = mode.registered(), entries_of(mode)
    done = ask(mode, commit, CASE, *(stages or ("admit",)))
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert words in done.stdout, done.stdout
    assert mode.registered() == registry
    if not stages:
        assert entries_of(mode) == entries


def entries_of(mode: Enforced) -> int:
    """Return how many entries the worker's ledger has."""
    with closing(sqlite3.connect(f"file:{mode.state}/home/ledger.db?mode=ro", uri=True)) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM bodies").fetchone()
    return int(count)


def longer(path: str, addition: bytes = b"\n# mine\n") -> Change:
    """Return the change that adds something to a file."""
    return lambda forge: {path: forge.read(path) + addition}


JUDGING = (
    "tasks/__main__.py",
    "tasks/attestation/dsse.py",
    "tasks/clearance/check.py",
    "tasks/clearance/policy.py",
    "tasks/code_identity/commits.py",
    "tasks/errors.py",
    "tasks/gates/limits.py",
    "tasks/gates/verdict.py",
    "tasks/isolated.py",
    "tasks/ledger/ledger.py",
    "tasks/notary/notary.py",
    "tasks/registry/stored.py",
    "tasks/settings.py",
    "tasks/stages/weighing.py",
    "tasks/system/git.py",
    "tasks/verifier/in_force/objections.py",
    "tasks/worker/confirming.py",
    "tasks/worker/publishing.py",
    "tasks/worker/run_folder.py",
    ".dvc/config",
    "requirements.lock",
)


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "code that judges, or says what it is installed from, changed on `main`",
    stopped_by=OWN_JUDGE,
    cases=JUDGING,
)
@pytest.mark.parametrize("path", JUDGING)
def test_a_commit_that_brings_another_judge(service: Enforced, forge: Forge, path: str) -> None:
    commit = forge.push(forge.commit(longer(path)(forge)))
    refuse(service, commit, WRONG, f"commit, {path}: expected this worker's own")


PIPELINE = {
    "another command": lambda text: text.replace(
        b"cmd: exec python -I -S -X utf8 tasks/isolated.py tasks fairness ${item}", b"cmd: touch x"
    ),
    "a gate less": lambda text: text.replace(b"  fairness:", b"  unfairness:"),
    "a use case that is none": lambda text: text.replace(
        b"[tiny]", b'[tiny, "x;touch pwned;true"]'
    ),
}


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "`dvc.yaml` with other stages on `main`",
    stopped_by="`dvc.yaml` has to be what follows from tasks/path.py",
    cases=tuple(PIPELINE),
)
@pytest.mark.parametrize("case", PIPELINE)
def test_a_commit_with_another_pipeline(service: Enforced, forge: Forge, case: str) -> None:
    text = forge.read("dvc.yaml")
    changed = PIPELINE[case](text)
    assert changed != text
    commit = forge.push(forge.commit({"dvc.yaml": changed}))
    refuse(service, commit, WRONG, "commit, dvc.yaml: expected what follows from tasks/path.py")


EVIL = b"stages: {evil: {cmd: id > %s, outs: [{../../tasks/stages/admit/x: {cache: false}}]}}\n"
FORMS: dict[str, tuple[Change, str]] = {
    "a symbolic link to the worker's ledger": (
        lambda _: {"configs/tiny/suite.yaml": Entry(b"../../../../home/ledger.db", LINK)},
        "found a symbolic link",
    ),
    "a symbolic link in the place of the policy": (
        lambda forge: {
            **dict.fromkeys(forge.paths("configs/policy")),
            "configs/policy": Entry(b"../sources", LINK),
        },
        "found a symbolic link",
    ),
    "another repository": (
        lambda forge: {"tasks/vendored": Entry(forge.honest.encode(), REPOSITORY)},
        "found another repository",
    ),
    "bytecode beside a source": (
        lambda _: {"tasks/stages/train/__pycache__/stage.cpython-311.pyc": b"x"},
        "in a commit: sources alone",
    ),
    "bytecode in the place of a source": (
        lambda _: {"tasks/stages/train/stage.py": None, "tasks/stages/train/stage.pyc": b"x"},
        "in a commit: sources alone",
    ),
    "names that differ in case alone": (
        lambda forge: {"configs/tiny/Case.yaml": forge.read("configs/tiny/case.yaml")},
        "names that differ in more than their case",
    ),
    "a name that turns the direction of writing": (
        lambda _: {"configs/tiny/\u202eyaml.esac": b"x"},
        "a name in UTF-8 of characters that are shown",
    ),
    "a package in the place of a module that judges": (
        lambda forge: {"tasks/clearance/check/__init__.py": forge.read("tasks/clearance/check.py")},
        "in a commit: one module of a name",
    ),
    "a module at the top that is named like our package": (
        lambda _: {"tasks.py": b"import os\n"},
        "in a commit: one module of a name",
    ),
    "a module at the top that is named like a library": (
        lambda _: {"numpy.py": b"import os\n"},
        "commit, dvc.yaml",
    ),
    "a second pipeline whose stage the worker's account would run": (
        lambda forge: {"configs/tiny/dvc.yaml": EVIL % str(forge.mode.folder).encode()},
        "in a commit: one pipeline",
    ),
    "a file of `dvc add` that names a command": (
        lambda _: {"sources/applications.csv.dvc": b"cmd: id\nouts: [{path: applications.csv}]\n"},
        "in a commit: one pipeline",
    ),
}


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "a commit that is read in two ways",
    stopped_by="the worker writes out regular files with one meaning, and no others",
    cases=tuple(FORMS),
)
@pytest.mark.parametrize("case", FORMS)
def test_a_commit_that_could_be_read_in_two_ways(
    service: Enforced, forge: Forge, case: str
) -> None:
    change, words = FORMS[case]
    refuse(service, forge.push(forge.commit(change(forge))), WRONG, words)


# Which commits


def lax(forge: Forge) -> Files:
    """Return limits that nobody fails."""
    return configured(forge, lambda case: case["limits"]["fairness"].update(disparate_impact=0.01))


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "lax limits in a commit that was not pushed",
    stopped_by="the worker knows the commits of its own mirror alone",
)
def test_a_commit_that_was_not_pushed(service: Enforced, forge: Forge) -> None:
    refuse(service, forge.commit(lax(forge)), WRONG, "commit")


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "lax limits in a commit of another ref",
    stopped_by="a commit has to be on a protected ref, or signed by an allowed key",
    cases=("a branch", "a branch whose name ends alike", "a tag named like the branch"),
)
@pytest.mark.parametrize(
    "ref", ["refs/heads/lax", "refs/heads/refs/heads/main", "refs/tags/refs/heads/main"]
)
def test_a_commit_of_another_ref(service: Enforced, forge: Forge, ref: str) -> None:
    commit = forge.push(forge.commit(lax(forge)), ref)
    is_known = ref.startswith("refs/heads/")
    code, words = (REFUSED, "on none of the protected refs") if is_known else (WRONG, "commit")
    refuse(service, commit, code, words)


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "lax limits that stood on the protected ref, which was then forced back",
    stopped_by="the ref is asked anew for each release",
)
def test_a_commit_that_left_the_protected_ref(service: Enforced, forge: Forge) -> None:
    commit = forge.push(forge.commit(lax(forge)))
    assert ask(service, commit, CASE, "admit").returncode == 0
    forge.push(commit, "refs/heads/kept")
    forge.push(forge.honest)
    refuse(service, commit, REFUSED, "on none of the protected refs")


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "something that a person could mistake for a commit",
    stopped_by="a commit is named by all of its digits, and is in the mirror",
    cases=("the branch", "an option", "a path", "an abbreviation", "a commit that is none"),
)
@pytest.mark.parametrize(
    "name", ["main", "--upload-pack=id", "../../../home", "abbreviation", "0" * 40]
)
def test_what_is_no_commit(service: Enforced, forge: Forge, name: str) -> None:
    commit = forge.honest[:12] if name == "abbreviation" else name
    refuse(service, commit, WRONG, "commit")


@attempt(
    Kind.INPUT,
    Mode.ENFORCED,
    "a use case that is named so that something else happens",
    stopped_by="a use case's name has one form, and no folder of all use cases is one",
    cases=("a command", "a folder above", "a shared folder", "an empty name"),
)
@pytest.mark.parametrize("name", ["x;touch pwned;true", "../tiny", "policy", ""])
def test_what_is_no_use_case(service: Enforced, forge: Forge, name: str) -> None:
    before = service.registered()
    done = ask(service, forge.honest, name, "admit")
    assert done.returncode == WRONG
    assert "a use case's name" in done.stdout
    assert service.registered() == before


CASES: dict[str, tuple[Change, str]] = {
    "a folder of use cases named like a shared one": (
        lambda forge: {"configs/records/case.yaml": forge.read("configs/tiny/case.yaml")},
        "a use case's name",
    ),
    "a folder whose name is a command": (
        lambda forge: {"configs/x;id;/case.yaml": forge.read("configs/tiny/case.yaml")},
        "a use case's name",
    ),
    "a resolved copy that is not what the use case comes to": (
        lambda forge: {
            "configs/tiny/resolved.yaml": forge.read("configs/tiny/resolved.yaml").replace(
                b"disparate_impact: 0.8", b"disparate_impact: 0.1"
            )
        },
        "resolved.yaml",
    ),
    "a suite outside of its folder": (
        lambda forge: {
            "configs/tiny/case.yaml": forge.read("configs/tiny/case.yaml").replace(
                b"suite: suite.yaml", b"suite: ../../sources/suite.yaml"
            )
        },
        "suite",
    ),
}


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "a use case that is configured past its own folder",
    stopped_by="a use case is read strictly, and its resolved copy compared, before a stage runs",
    cases=tuple(CASES),
)
@pytest.mark.parametrize("case", CASES)
def test_a_use_case_that_reaches_out(service: Enforced, forge: Forge, case: str) -> None:
    change, words = CASES[case]
    refuse(service, forge.push(forge.commit(change(forge))), WRONG, words)


# What gets in, and changes nothing


CANARY = "import os; open(%r + str(os.getuid()), 'w')\n"
PLANTED = ("sitecustomize.py", "usercustomize.py", "conftest.py", "portcullis.pth")


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "a file at the top of the commit that Python would import",
    stopped_by="only `tasks` is imported from a checkout (`python -I -S`), and what was made "
    "beside a foreign module is not cleared (code.foreign)",
    cases=PLANTED,
)
@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "DVC's own files committed",
    stopped_by="of a commit's `.dvc` and `data` nothing is taken over that was not compared",
    cases=("`.dvc/config.local` with another cache", "`dvc.lock`", "a verdict in `data/`"),
)
@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "`.gitattributes` with a filter, other line ends and another encoding",
    stopped_by="bytes are those of git's objects: no attribute is read",
)
@attempt(
    Kind.INPUT,
    Mode.ENFORCED,
    "`params.yaml` at the top, which DVC reads, with a command as the use case's name",
    stopped_by="`dvc.yaml` lists the use cases, and what it lists goes first",
)
def test_files_that_are_taken_for_something_else_elsewhere(service: Enforced, forge: Forge) -> None:
    touched = service.folder / "touched"
    touched.mkdir(mode=0o777, exist_ok=True)
    touched.chmod(0o777)
    canary = (CANARY % f"{touched}/by-").encode()
    verdict = f"data/{CASE}/fairness/verdict.json"
    files: Files = {
        **dict.fromkeys(PLANTED, canary),
        ".dvc/config.local": f"[cache]\n    dir = {touched}\n".encode(),
        "dvc.lock": b"schema: '2.0'\nstages: {}\n",
        verdict: b'{"forged": true}',
        ".gitattributes": b"* text eol=crlf working-tree-encoding=UTF-16 filter=evil ident\n",
        "params.yaml": b"item: x;id > %s/by-dvc;\n" % str(touched).encode(),
        # Otherwise the workspace is at this code already, and nothing of the commit is written.
        **configured(forge, lambda case: case.update(title="Another title")),
    }
    commit = forge.push(forge.commit(files))
    # `admit` alone, which always runs again: what is made beside foreign modules says so for ever.
    done = ask(service, commit, CASE, "admit")
    assert done.returncode == 0, done.stdout + done.stderr

    assert list(touched.iterdir()) == []
    assert not (service.workspace / ".dvc" / "config.local").exists()
    lock = service.workspace / "dvc.lock"
    assert "admit@tiny" in lock.read_text()
    made = service.workspace / verdict
    assert not made.exists() or b"forged" not in made.read_bytes()
    written = (service.workspace / "configs/tiny/case.yaml").read_bytes()
    assert written == files["configs/tiny/case.yaml"]


REMOTE_SETTINGS = (
    "uploadpack.packObjectsHook",
    "core.alternateRefsCommand",
    "core.fsmonitor",
    "core.sshCommand",
    "core.gitProxy",
)


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "a program named by the configuration of the remote repository, which git would start",
    stopped_by="git takes such settings from its caller's configuration alone, which is empty",
    cases=(*REMOTE_SETTINGS, "hooks"),
)
def test_a_program_that_the_remote_names(service: Enforced, forge: Forge) -> None:
    folder = service.folder / "remote-programs"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    program = service.remote / "hooks" / "post-checkout"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\ntouch {folder}/planted\nexec "$@"\n')
    program.chmod(0o755)
    before = (service.remote / "config").read_bytes()
    try:
        for name in REMOTE_SETTINGS:
            words = ("git", "--git-dir", str(service.remote), "config", name, str(program))
            assert service.run_as(SCIENTIST, *words).returncode == 0
        done = ask(service, forge.push(forge.commit(lax(forge))), CASE, "admit")
    finally:
        (service.remote / "config").write_bytes(before)
    assert done.returncode == 0, done.stdout
    owners = {path.owner() for path in folder.iterdir()}
    assert owners <= {SCIENTIST}


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "a pointer of Git LFS in the place of a source",
    stopped_by="a pointer stays a pointer: the source has no declared column",
)
def test_a_pointer_in_the_place_of_a_source(service: Enforced, forge: Forge) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 9\n" % (b"0" * 64)
    files = configured(forge, lambda case: case.update(title="With a pointer"))
    commit = forge.push(forge.commit({**files, "sources/applications.csv": pointer}))
    try:
        refuse(service, commit, WRONG, "source `applications`", "admit", "ingest")
    finally:
        write_sources_anew(service, forge)


def write_sources_anew(mode: Enforced, forge: Forge) -> None:
    """Have the worker write out the honest sources: it does so where code has changed."""
    for title in ("Restored", "Tiny"):
        files = configured(forge, lambda case, title=title: case.update(title=title))  # type: ignore[misc]
        ask(mode, forge.push(forge.commit(files)), CASE, "admit")


@attempt(
    Kind.CLEAN,
    Mode.ENFORCED,
    "sources of an earlier commit kept under a commit that brings the honest ones back",
    stopped_by="all files of a commit are written out, not its code alone",
)
def test_sources_of_an_earlier_commit(service: Enforced, forge: Forge) -> None:
    name = "sources/applications.csv"
    files = configured(forge, lambda case: case.update(title="With other rows"))
    fewer = b"\n".join(forge.read(name).splitlines()[:-9]) + b"\n"
    first = forge.push(forge.commit({**files, name: fewer}))
    try:
        assert ask(service, first, CASE, "admit").returncode == 0
        second = forge.push(forge.commit({name: forge.read(name)}, parent=first))
        assert ask(service, second, CASE, "admit").returncode == 0
        assert (service.workspace / name).read_bytes() == forge.read(name)
    finally:
        write_sources_anew(service, forge)


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "lax limits in the checkout, not committed, while the commit is released",
    stopped_by="the worker reads a commit, and no checkout",
)
def test_lax_limits_that_are_not_committed(released: Enforced) -> None:
    path = released.checkout / "configs" / CASE / "resolved.yaml"
    before = path.read_bytes()
    try:
        path.write_bytes(before.replace(b"disparate_impact: 0.8", b"disparate_impact: 0.0"))
        assert path.read_bytes() != before
        done = released.release()
    finally:
        path.write_bytes(before)
    assert done.returncode == 0, done.stdout
    assert "fairness did not change" in done.stdout
    assert (
        b"disparate_impact: 0.8"
        in Path(released.workspace, "configs", CASE, "resolved.yaml").read_bytes()
    )


# What the law says of a commit that the worker takes


PERMISSIVE = b"""package portcullis.clearance

import rego.v1

decision := {"allow": true, "refusals": []}
"""
POLICIES: dict[str, Files] = {
    "another policy": {"configs/policy/clearance.rego": PERMISSIVE},
    "a policy beside it that `.gitignore` hides": {
        "configs/policy/more.rego": b"package portcullis.more\n",
        "configs/policy/.gitignore": b"*\n",
    },
    "a policy beside it that `.dvcignore` hides": {
        "configs/policy/more.rego": b"package portcullis.more\n",
        ".dvcignore": b"configs/policy/more.rego\n",
    },
}


@attempt(
    Kind.LAW,
    Mode.ENFORCED,
    "a commit on `main` with another policy",
    stopped_by="the policy's digest is in force by the ledger",
    cases=tuple(POLICIES),
)
@pytest.mark.parametrize("case", POLICIES)
def test_another_policy(released: Enforced, case: str) -> None:
    with forging(released) as forge:
        commit = forge.push(forge.commit(POLICIES[case]))
        refuse(released, commit, REFUSED, "in force is", "train" if "hides" in case else "register")


@attempt(
    Kind.SETTINGS,
    Mode.ENFORCED,
    "lax limits committed on the protected ref itself",
    stopped_by="nothing: who may push to a protected ref decides the limits, and each verdict "
    "names them; a law that fixes the plan (`in-force propose --plan`) refuses them",
    is_stopped=False,
)
def test_lax_limits_on_the_protected_ref(released: Enforced) -> None:
    with forging(released) as forge:
        commit = forge.push(forge.commit(lax(forge)))
        done = released.release(commit=commit)
        assert done.returncode == 0, done.stdout
    # The model is the same, so that the registry has no other version of it.
    assert released.registered() == f"{CASE}/1"
    page = released.workspace / "data" / CASE / "fairness" / "verdict.json"
    assert "0.01" in page.read_text()


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "the only protected attribute taken out of `fairness.privileged`",
    stopped_by="the section asks for at least one attribute",
)
def test_no_attribute_to_be_fair_about() -> None:
    values = small_case()["fairness"]
    FairnessParams.model_validate(values)
    with pytest.raises(ValidationError, match="privileged"):
        FairnessParams.model_validate({**values, "privileged": {}})


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "one of several protected attributes taken out of `fairness.privileged`",
    stopped_by="its column's role: the gate is undecided about it, and the policy asks for it",
)
def test_an_attribute_less() -> None:
    params = FairnessParams.model_validate(small_case()["fairness"])
    protected = pd.DataFrame({"colour": ["blue", "green"] * 50, "shape": ["round", "flat"] * 50})
    decided = DecidedRows.of(np.ones(100), np.ones(100), np.ones(100))
    assert measure_fairness(protected, decided, params).forgotten_attributes == ("shape",)


@attempt(
    Kind.SETTINGS,
    Mode.LOCAL,
    "a protected attribute excused in `fairness.excused`",
    stopped_by="nothing: who may push to a protected ref may excuse, with a name, a reason and a "
    "date that every verdict shows; a policy without the rule `is_excused` excuses nothing",
    is_stopped=False,
)
def test_an_attribute_excused() -> None:
    excuse = {"reason": "none", "by": "nobody", "date": date(2026, 11, 26)}
    values = {**small_case()["fairness"], "excused": {"shape": excuse}}
    params = FairnessParams.model_validate(values)
    protected = pd.DataFrame({"colour": ["blue", "green"] * 50, "shape": ["round", "flat"] * 50})
    decided = DecidedRows.of(np.ones(100), np.ones(100), np.ones(100))
    report = measure_fairness(protected, decided, params)
    assert report.forgotten_attributes == ()
    assert report.excused_attributes[0].by == "nobody"


@attempt(
    Kind.REGISTRY,
    Mode.ENFORCED,
    "`register.model` of a use case set to a name that it does not own",
    stopped_by="the law says which use case owns which name",
)
def test_a_name_of_nobody(released: Enforced) -> None:
    with forging(released) as forge:
        files = configured(forge, lambda case: case["register"].update(model="loan"))
        commit = forge.push(forge.commit(files))
        refuse(released, commit, REFUSED, "belongs to no use case", "register")
