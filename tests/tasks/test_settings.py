"""The table of environment variables.

True against the code, against the document, and against what a stage gets.
"""

import ast
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.settings import (
    DOCUMENT,
    PREFIX,
    VARIABLES,
    Reader,
    Settings,
    Variable,
    environment_of_stage,
    known_names,
)

WORKSPACE = Path(__file__).parents[2]


def documented_row(variable: Variable) -> str:
    names = f"{variable.name}<NAME>" if variable.suffixes else variable.name
    secret = "secret" if variable.is_secret else ""
    cells = (
        f"`{names}`",
        variable.purpose,
        variable.unset,
        ", ".join(variable.readers),
        secret,
        variable.owner,
    )
    return f"| {' | '.join(cells)} |"


def test_the_document_shows_the_table() -> None:
    document = (WORKSPACE / DOCUMENT).read_text(encoding="utf-8")
    rows = [line for line in document.splitlines() if line.startswith("| `")]
    assert rows == [documented_row(variable) for variable in VARIABLES]


def test_the_document_names_every_member_of_a_family() -> None:
    document = (WORKSPACE / DOCUMENT).read_text(encoding="utf-8")
    suffixes = {suffix for variable in VARIABLES for suffix in variable.suffixes}
    assert {suffix for suffix in suffixes if f"`{suffix}`" not in document} == set()


def test_every_field_of_the_settings_is_in_the_table() -> None:
    listed = [variable.field for variable in VARIABLES if variable.field]
    assert len(listed) == len(set(listed))
    assert set(listed) | {"others"} == {item.name for item in fields(Settings)}


def test_what_the_tree_calls_ours_is_in_the_table() -> None:
    """Every name in code, tests, documents and configuration is in the table.

    Any command would refuse a name that the table lacks.
    """
    # A level of SLSA's vocabulary, in predicates; and two attempts that docs/threats.md tells of.
    not_variables = {"PORTCULLIS_EVERY_GATE", "PORTCULLIS_NO_GATES", "PORTCULLIS_TODAYS"}
    name_of_ours = re.compile(r"(?<!_)PORTCULLIS_[A-Z0-9_]*[A-Z0-9]")  # not the shells' own
    named: set[str] = set()
    for folder in ("tasks", "flows", "docs", "benchmarks", ".ci", "configs"):
        for path in (WORKSPACE / folder).rglob("*"):
            is_text = path.suffix in (".py", ".md", ".yaml", ".sh", "")
            if path.is_file() and is_text and path.parent.name != "adr":
                named |= set(name_of_ours.findall(path.read_text()))
    for name in ("portcullis", "prefect.yaml", "README.md", "dvc.yaml", "CONTRIBUTING.md"):
        named |= set(name_of_ours.findall((WORKSPACE / name).read_text()))

    families = {variable.name.rstrip("_") for variable in VARIABLES if variable.suffixes}
    assert named - not_variables - families <= known_names()


def test_every_secret_that_the_code_asks_for_may_be_set() -> None:
    asked: set[str] = {"custodian-first", "custodian-second"}
    for path in [*(WORKSPACE / "tasks").rglob("*.py"), *(WORKSPACE / "flows").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id="secret") | ast.Attribute(attr="secret"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    asked.add(name)
    asked -= {"root.next"}  # lies beside `root` while that rotates, in files alone
    names = {f"PORTCULLIS_SECRET_{name.upper().replace('-', '_')}" for name in asked}
    assert names == {name for name in known_names() if name.startswith("PORTCULLIS_SECRET_")}


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match=r"^\$PORTCULLIS_LEDGER_ULR: .* PORTCULLIS_LEDGER_URL\?$"):
        Settings.from_environment({"PORTCULLIS_LEDGER_ULR": "postgresql://db"})


def test_a_misspelt_secret_is_refused_and_its_value_is_not_shown() -> None:
    with pytest.raises(ConfigError) as refusal:
        Settings.from_environment({"PORTCULLIS_SECRET_PSEUDONIM": "ab" * 32})
    assert "did you mean PORTCULLIS_SECRET_PSEUDONYM?" in str(refusal.value)
    assert "abab" not in str(refusal.value)


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "flows", "sync", "--check"],
        ["-m", "tasks", "admit", "loan"],
        ["-m", "tasks.stages.process", "admit", "loan"],
    ],
)
def test_every_process_refuses_an_unknown_name_in_one_line(
    command: list[str], tmp_path: Path
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PORTCULLIS_HOME": str(tmp_path),
        "PORTCULLIS_TODAI": "2026-01-01",
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=WORKSPACE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "PORTCULLIS_TODAI" in line]
    assert len(lines) == 1
    assert lines[0].endswith("did you mean PORTCULLIS_TODAY?")
    assert "Traceback" not in done.stderr


def test_no_secret_is_shown() -> None:
    environ = {
        name: f"value-of-{name}"
        for variable in VARIABLES
        for name in variable.names
        if variable.is_secret
    }
    settings = Settings.from_environment(environ | {"BANK_URL": "value-of-a-source"})
    assert "value-of" not in repr(settings)
    assert "keys_url=…" in repr(settings)


def test_unset_is_empty_or_the_default() -> None:
    settings = Settings.from_environment({})
    assert settings.signing_prefix == "portcullis-"
    assert {
        getattr(settings, variable.field)
        for variable in VARIABLES
        if variable.field not in ("", "secrets", "signing_prefix")
    } == {""}


def test_a_stage_gets_what_it_reads_and_nothing_else_of_ours() -> None:
    environ = {name: f"value of {name}" for name in known_names()} | {"PATH": "/bin"}
    environment = environment_of_stage(environ)
    read = {
        name
        for variable in VARIABLES
        if Reader.STAGE in variable.readers
        for name in variable.names
    }
    assert set(environment) == read | {"PATH"}


def test_a_stage_gets_no_credential_that_signs_writes_publishes_or_ships() -> None:
    names = known_names() | {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}
    environment = environment_of_stage(dict.fromkeys(names, "x"))
    assert not {
        name
        for name in environment
        if any(
            part in name for part in ("SIGNING", "HEC", "APPROVER", "LEDGER_URL", "MLFLOW_TRACKING")
        )
    }


def test_settings_cost_no_import_of_a_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import tasks.settings;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(new - sys.stdlib_module_names - {'tasks'})"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=WORKSPACE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_the_prefix_is_the_house_s() -> None:
    ours = {variable.name for variable in VARIABLES if variable.name.startswith(PREFIX)}
    assert len(ours) > len(VARIABLES) / 2
