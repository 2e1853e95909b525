"""What a shell completes, and the scripts that make it do so."""

from pathlib import Path

import pytest

from flows.__main__ import declare_commands, main
from flows.cli.base.completing import PROGRAM, VARIABLE, answer_shell, completion_script

CHECKOUT = Path(__file__).parents[4]


def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> str:
    """Return what bash is answered after `line`, whose last word may be begun."""
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.setenv(VARIABLE, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    with pytest.raises(SystemExit) as end:
        answer_shell(declare_commands())
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("./portcullis rel", ["release", "release-hold"]),
        ("./portcullis release l", ["loan", "loan_unmitigated"]),
        ("./portcullis keys ro", ["rotate"]),
        ("./portcullis keys rotate d", ["data", "decision"]),
        ("./portcullis erase --sea", ["--search-texts", "--search-anyway"]),
        ("./portcullis verify clai", ["claims"]),
        ("./portcullis release nobody", []),
    ],
)
def test_commands_actions_options_roles_and_use_cases_are_completed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    words: list[str],
) -> None:
    assert complete(monkeypatch, capsys, line).split() == words


def test_where_no_use_case_can_be_read_none_is_completed_and_nothing_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from flows.cli.base.completing import use_case_names

    monkeypatch.chdir(tmp_path)
    assert use_case_names("") == []


@pytest.mark.parametrize(
    ("shell", "called"),
    [
        ("bash", f"{VARIABLE}=complete_bash $1"),
        ("zsh", f'{VARIABLE}=complete_zsh "${{words[1]}}")'),
        ("fish", "_TYPER_COMPLETE_ARGS=(commandline -cp) (commandline -opc)[1]"),
    ],
)
def test_a_script_calls_the_word_that_was_typed_and_not_a_name_on_the_path(
    shell: str, called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--show-completion", shell]) == 0
    script = capsys.readouterr().out
    assert script.rstrip("\n") == completion_script(shell)
    assert called in script
    assert f"={PROGRAM}" not in script
    assert f") {PROGRAM}" not in script


def test_another_shell_is_refused_by_the_names_of_those_that_are_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--show-completion", "tcsh"]) == 2
    assert "expected one of bash, zsh, fish" in capsys.readouterr().err
