"""What people and machines do by habit says what the README says: workflow, hooks, templates.

And what CI looks for is what the documents say.
"""

import io
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from rich.table import Table

from flows.cli.test import CHECKS
from tasks.path import GATES

WORKSPACE = Path(__file__).parents[2]
README = (WORKSPACE / "README.md").read_text(encoding="utf-8")
GITHUB = WORKSPACE / ".github"
FORMS = sorted(
    path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"
)
INPUTS = {"input", "textarea", "dropdown", "checkboxes"}


def loaded(path: Path) -> Any:
    """Read YAML; `on:` is a truth value in YAML 1.1, and its name is given back."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if name is True else name: value for name, value in values.items()}


WORKFLOW = loaded(GITHUB / "workflows" / "portcullis.yml")
HOOKS = [
    hook
    for repository in loaded(WORKSPACE / ".pre-commit-config.yaml")["repos"]
    for hook in repository["hooks"]
]


# The workflow


def test_the_workflow_runs_the_two_commands_of_the_readme_and_no_other() -> None:
    section = README.partition("## Two commands")[2].partition("```sh\n")[2].partition("```")[0]
    commands = [line.partition("#")[0].strip() for line in section.splitlines()]
    (job,) = WORKFLOW["jobs"].values()
    run = [step["run"] for step in job["steps"] if "run" in step]
    assert [command for command in run if "apt-get" not in command] == commands
    assert len(commands) == 2


def test_the_workflow_installs_what_the_readme_says_a_minimal_machine_lacks() -> None:
    named = re.search(r"`apt install ([^`]+)`", README)
    assert named is not None
    (job,) = WORKFLOW["jobs"].values()
    (line,) = [step["run"] for step in job["steps"] if "apt-get" in step.get("run", "")]
    assert line.partition("install --yes ")[2].split() == named[1].split()


def test_the_workflow_may_write_nothing_and_runs_on_what_is_claimed() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert set(WORKFLOW["on"]) == {"push", "pull_request"}  # never pull_request_target
    (job,) = WORKFLOW["jobs"].values()
    assert job["runs-on"].startswith("ubuntu-")
    assert "secrets." not in (GITHUB / "workflows" / "portcullis.yml").read_text()


def test_an_action_is_pinned_by_its_whole_commit() -> None:
    (job,) = WORKFLOW["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)


# The hooks


def test_hooks_fetch_nothing() -> None:
    repositories = loaded(WORKSPACE / ".pre-commit-config.yaml")["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert {hook["language"] for hook in HOOKS} == {"system", "pygrep"}
    for hook in HOOKS:
        assert hook["language"] == "pygrep" or hook["entry"].startswith((".venv/bin/", "sh -c "))


def test_hooks_run_what_ci_runs() -> None:
    """The steps that take no more than seconds, by the same tools and with the same words."""
    entries = [hook["entry"] for hook in HOOKS]
    for name in ("lint", "format", "types"):
        command = dict(CHECKS)[name]
        words = " ".join(word for word in command if word != ".")
        assert any(entry.startswith(f".venv/bin/python -m {words}") for entry in entries), name


def hook_command(name: str) -> str:
    (hook,) = [hook for hook in HOOKS if hook["id"] == name]
    return str(hook["entry"])


def test_a_large_file_is_refused_and_a_small_one_is_not(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large file"
    small.write_bytes(b"x")
    large.write_bytes(bytes(1024 * 1025))
    for files, code in (([small], 0), ([small, large], 1)):
        words = " ".join(f"'{path}'" for path in files)
        command = ["sh", "-c", f"{hook_command('large-files')} {words}"]
        assert subprocess.run(command, check=False, capture_output=True).returncode == code


def test_no_file_of_git_holds_a_private_key_and_one_would_be_found() -> None:
    pattern = re.compile(hook_command("private-keys"))
    assert pattern.search("-----BEGIN " + "PRIVATE KEY-----")
    assert pattern.search("-----BEGIN EC " + "PRIVATE KEY-----")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=WORKSPACE, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        path = WORKSPACE / name
        if name and path.is_file():
            assert not pattern.search(path.read_text(encoding="utf-8", errors="replace")), name


# The forms


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_what_github_can_show(path: Path) -> None:
    form = loaded(path)
    assert set(form) <= {"name", "description", "labels", "body", "title", "assignees"}
    assert form["name"]
    assert form["description"]
    inputs = [field for field in form["body"] if field["type"] in INPUTS]
    assert {field["type"] for field in form["body"]} <= INPUTS | {"markdown"}
    assert len({field["id"] for field in inputs}) == len(inputs)
    assert all(field["attributes"]["label"] for field in inputs)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_keeps_personal_data_out(path: Path) -> None:
    text = " ".join(path.read_text(encoding="utf-8").split())
    assert re.search(r"[Nn]ever (paste personal data|rows of real people)", text)


def test_what_is_grave_is_reported_privately() -> None:
    config = loaded(GITHUB / "ISSUE_TEMPLATE" / "config.yml")
    assert config["blank_issues_enabled"] is False
    assert "SECURITY.md" in config["contact_links"][0]["about"]
    security = (WORKSPACE / "SECURITY.md").read_text(encoding="utf-8")
    for words in ("Supported versions", "Report a vulnerability", "Never send", "working days"):
        assert words in security


@pytest.mark.parametrize("page", ["SECURITY.md", "CONTRIBUTING.md", "README.md"])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    text = (WORKSPACE / page).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        path = WORKSPACE / target if target else WORKSPACE / page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
            slugs = {
                re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings
            }
            assert anchor in slugs, f"{target}#{anchor}"


# What CI says of the case that is blocked


def stranger_says(function: str, text: str = "") -> str:
    """Return what a function of `.ci/stranger` prints of a text."""
    script = (WORKSPACE / ".ci" / "stranger").read_text(encoding="utf-8")
    body = re.search(rf"^{function}\(\) {{\n.*?^}}\n", script, re.MULTILINE | re.DOTALL)
    assert body is not None
    done = subprocess.run(
        ["bash", "-c", f"{body[0]}{function}"],
        cwd=WORKSPACE,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def printed_table(*rows: tuple[str, ...]) -> str:
    """Return a table as a release prints it."""
    table = Table(title="Gates of loan", title_justify="left")
    for number in range(len(rows[0])):
        table.add_column(f"heading {number}")
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as printed:
        console.print(table)
    return printed.get()


def test_ci_reads_which_gates_block_a_release() -> None:
    gates = printed_table(
        ("redact", "✅ pass", "5"),
        ("train", "⛔ fail", "23"),
        ("alternatives", "⚠️ undecided", "2"),
        ("packages", "— not run", "0"),
    )
    timings = printed_table(("train", "ran", "12.0", "14.1", "166", "377 MiB"))
    printed = f"{gates}BLOCKED: nothing was registered.\n  train: │ fail\n{timings}"
    blocking = "train fail, alternatives undecided, packages not run"
    assert stranger_says("blocking_gates", printed) == blocking
    assert stranger_says("blocking_gates", "Traceback") == ""


def test_ci_knows_from_the_documents_which_gates_block_the_reference_case() -> None:
    gates = dict(gate.split(" ") for gate in stranger_says("documented_gates").split(", "))
    assert set(gates.values()) == {"fail", "undecided"}
    assert list(gates) == [gate.name for gate in GATES if gate.name in gates]
