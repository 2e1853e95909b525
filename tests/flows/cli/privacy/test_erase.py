"""`erase`: whom it takes, what it prints, and that it never repeats an identifier."""

import io
from pathlib import Path

import pytest

from flows.cli.privacy.erase import AskedPerson, read_identifiers, read_people
from tasks.erasure.request import RequestState
from tasks.erasure.sinks.git import GitSink
from tasks.errors import ConfigError, DataError, EvidenceError, ServiceError
from tests.flows.cli.privacy.running import run
from tests.tasks.erasure.small_installation import CASE, LAW, SmallInstallation, email


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_one_identifier_is_taken_as_it_was_given() -> None:
    assert read_identifiers(" ann@example.org ", None) == ["ann@example.org"]


def test_one_line_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "ann@example.org\nbob@example.org\n")

    assert read_identifiers("-", None) == ["ann@example.org"]


def test_at_a_terminal_the_identifier_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("ann@example.org\n"))
    assert read_identifiers("-", None) == ["ann@example.org"]
    assert capsys.readouterr().err == "Identifier of the person: "


def test_a_list_is_one_a_line_without_empty_ones_and_without_its_byte_order_mark(
    tmp_path: Path,
) -> None:
    path = tmp_path / "people.txt"
    path.write_text("ann@example.org\r\n\n  \nbob@example.org", encoding="utf-8-sig")

    assert read_identifiers(None, path) == ["ann@example.org", "bob@example.org"]


def test_a_line_of_a_list_is_one_person_with_a_tab_between_their_identifiers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "people.txt"
    path.write_text("ann@example.org\tcustomer 17\n\nbob@example.org\t\n")

    assert read_people(None, (), path) == [
        AskedPerson(1, ("ann@example.org", "customer 17")),
        AskedPerson(3, ("bob@example.org",)),
    ]


def test_further_identifiers_belong_to_the_one_person() -> None:
    people = read_people("ann@example.org", [" customer 17 ", " "], None)

    assert people == [AskedPerson(1, ("ann@example.org", "customer 17"))]


def test_further_identifiers_of_a_list_stand_in_the_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--also"):
        read_people(None, ["customer 17"], tmp_path / "people.txt")


def test_a_list_of_nobody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.txt"
    path.write_text("\n\t\n")
    with pytest.raises(ConfigError, match="an identifier"):
        read_people(None, (), path)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nobody_is_no_identifier(text: str) -> None:
    with pytest.raises(ConfigError, match="an identifier"):
        read_identifiers(text, None)


def test_a_list_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a file of identifiers"):
        read_identifiers(None, tmp_path / "none.txt")


def test_a_list_in_another_encoding_is_said_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "people.txt"
    path.write_bytes("zoë@example.org\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="a file of identifiers in UTF-8") as refused:
        read_identifiers(None, path)
    assert "example.org" not in str(refused.value)


def test_it_prints_how_each_request_ended_and_where_the_receipt_lies(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "erase", CASE, "--subject", email(1)) == 0

    output, progress = capsys.readouterr()
    (request,) = small_installation.journal.requests()
    assert f"{request.request_id}: erased" in output
    assert str(small_installation.receipts[0]) in output
    assert "./portcullis release" in output
    assert email(1) not in output + progress


def test_it_prints_what_is_kept_why_and_who_can_open_it(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.keep_decision_records(25)

    run(small_installation, "erase", CASE, "--subject", email(1))

    kept = f"deferred; decision-record kept until 2028-12-24: {LAW} (two keys of this installation)"
    assert kept in capsys.readouterr().out


def test_what_waits_for_a_hold_is_reviewed_and_has_no_end(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.hold(1)

    run(small_installation, "erase", CASE, "--subject", email(1))

    assert "kept until the hold is released, reviewed 2027-06-01" in capsys.readouterr().out


def test_what_was_left_and_what_was_not_searched_is_listed(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (small_installation.home / "letter.txt").write_text(email(1))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    assert run(small_installation, "erase", CASE, "--subject", email(1)) == 0

    output = capsys.readouterr().out
    assert "left to a person: state: letter.txt" in output
    assert "could not be searched: MLflow's database" in output


def test_a_request_for_later_erases_nobody_and_promises_no_release(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    run(small_installation, "erase", CASE, "--subject", email(1), "--later")

    output = capsys.readouterr().out
    assert ": running" in output
    assert "./portcullis release" not in output
    assert 1 in small_installation.readable_copies()


def test_resume_carries_out_what_was_put_off(small_installation: SmallInstallation) -> None:
    small_installation.erase(1, later=True)

    assert run(small_installation, "erase", "--resume") == 0

    (request,) = small_installation.journal.requests()
    assert request.state is RequestState.ERASED


def test_the_day_of_receipt_is_written_down(small_installation: SmallInstallation) -> None:
    run(small_installation, "erase", CASE, "--subject", email(1), "--received", "2026-11-01")

    (request,) = small_installation.journal.requests()
    assert request.received.isoformat() == "2026-11-01"


def test_a_day_of_receipt_to_come_is_refused(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError, match="--received"):
        run(small_installation, "erase", CASE, "--subject", email(1), "--received", "2026-11-25")
    assert 1 in small_installation.readable_copies()


def test_without_a_use_case_nobody_is_erased(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError, match="a use case"):
        run(small_installation, "erase", "--subject", email(1))
    assert 1 in small_installation.readable_copies()


def test_its_person_can_show_a_receipt(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_installation.erase(1)
    type_in(monkeypatch, f"{email(1)}\n")

    assert (
        run(small_installation, "erase", "--check-receipt", str(small_installation.receipts[0]))
        == 0
    )

    output = capsys.readouterr().out
    assert '"state": "erased"' in output
    assert "The receipt is this person's" in output


def test_nobody_else_can_show_it(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.erase(1)
    type_in(monkeypatch, f"{email(2)}\n")

    with pytest.raises(EvidenceError, match="another's"):
        run(small_installation, "erase", "--check-receipt", str(small_installation.receipts[0]))


def test_a_receipt_that_is_not_there_is_said(small_installation: SmallInstallation) -> None:
    with pytest.raises(ConfigError, match="a receipt"):
        run(small_installation, "erase", "--check-receipt", "none.json")


def test_a_tombstone_is_lifted_for_a_reason_that_is_audited(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.erase(1)

    code = run(small_installation, "erase", CASE, "--lift", email(1), "--why", "a new contract")

    assert code == 0
    assert "lifted" in capsys.readouterr().out
    assert not small_installation.keys.tombstones().is_out(small_installation.subject(1))
    audit = "".join(path.read_text() for path in small_installation.home.glob("audit/*.jsonl"))
    assert "people:lift tombstone" in audit
    assert "a new contract" in audit


@pytest.mark.parametrize("why", [(), ("--why", "  ")])
def test_a_tombstone_is_not_lifted_without_a_reason(
    small_installation: SmallInstallation, why: tuple[str, ...]
) -> None:
    small_installation.erase(1)

    with pytest.raises(ConfigError, match="--why"):
        run(small_installation, "erase", CASE, "--lift", email(1), *why)
    assert small_installation.keys.tombstones().is_out(small_installation.subject(1))


def test_a_tombstone_stays_where_its_lifting_cannot_be_recorded(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_installation.erase(1)

    def unrecorded(*_: object, **__: object) -> None:
        raise EvidenceError("ledger", expected="a", found="b", remedy="c.")

    monkeypatch.setattr("tasks.notary.audit.audit", unrecorded)
    with pytest.raises(EvidenceError):
        run(small_installation, "erase", CASE, "--lift", email(1), "--why", "a new contract")
    assert small_installation.keys.tombstones().is_out(small_installation.subject(1))


def test_lifting_what_is_not_there_is_no_success(small_installation: SmallInstallation) -> None:
    assert run(small_installation, "erase", CASE, "--lift", email(1), "--why", "a mistake") == 2


NOBODY = "nobody@example.org"


class Terminal(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(GitSink, "purge", failing)


def test_a_request_that_was_set_aside_is_shown_and_tried_again(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.MonkeyPatch.context() as patch:
        fail(patch, RuntimeError(email(1)))
        assert run(small_installation, "erase", CASE, "--subject", email(1)) == 2

    (request,) = small_installation.journal.requests()
    output, progress = capsys.readouterr()
    assert (
        f"{request.request_id}: set aside, at `purge git`: RuntimeError "
        f"(again: ./portcullis erase --retry {request.request_id})"
    ) in output
    assert email(1) not in output + progress
    assert run(small_installation, "requests") == 0
    assert "set aside at" in " ".join(capsys.readouterr().out.split())

    assert run(small_installation, "erase", "--retry", request.request_id) == 0
    assert f"{request.request_id}: erased" in capsys.readouterr().out


def test_a_request_that_waits_for_a_store_is_a_failed_service(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail(monkeypatch, ServiceError("git", expected="a", found="b", remedy="c."))

    assert run(small_installation, "erase", CASE, "--subject", email(1)) == 4

    assert "running, at `purge git`: git: expected a; found b. c." in capsys.readouterr().out


def test_what_is_not_in_the_audit_log_is_not_ended(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("tasks.erasure.journal.Journal.empty_log", broken)

    assert run(small_installation, "erase", CASE, "--subject", email(1)) == 2

    assert "not ended: " in capsys.readouterr().out


def test_an_id_that_is_no_request_s_is_refused(small_installation: SmallInstallation) -> None:
    with pytest.raises(DataError, match="none of this id"):
        run(small_installation, "erase", "--retry", "E1")


def test_nothing_held_is_said_and_nothing_is_done_where_nobody_can_be_asked(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    type_in(monkeypatch, "")

    assert run(small_installation, "erase", CASE, "--subject", NOBODY) == 2

    output = capsys.readouterr().out
    assert "Nothing is held under this identifier" in output
    assert "--search-anyway" in output
    assert NOBODY not in output
    assert small_installation.journal.requests() == []
    assert len(small_installation.keys.tombstones()) == 0


@pytest.mark.parametrize(("answer", "requests"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_somebody_at_a_terminal_is_asked(
    small_installation: SmallInstallation,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    requests: int,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))

    assert run(small_installation, "erase", CASE, "--subject", NOBODY) == 0

    assert len(small_installation.journal.requests()) == requests


def test_searched_for_anyway_nobody_is_called_erased(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(small_installation, "erase", CASE, "--subject", NOBODY, "--search-anyway") == 0

    output = capsys.readouterr().out
    assert ": nothing was held" in output
    assert ": erased" not in output


def test_of_a_list_the_unknown_are_named_by_their_lines_and_the_others_erased(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    type_in(monkeypatch, "")
    path = tmp_path / "people.txt"
    path.write_text(f"{email(1)}\n\n{NOBODY}\nno.one@example.org\n")

    assert run(small_installation, "erase", CASE, "--list", str(path)) == 2

    output = capsys.readouterr().out
    assert "Nothing is held of 2 people of the list, in lines 3, 4." in output
    assert ": erased" in output
    assert 1 not in small_installation.readable_copies()


def test_all_identifiers_of_one_person_are_one_request(
    small_installation: SmallInstallation,
) -> None:
    assert run(small_installation, "erase", CASE, "--subject", email(1), "--also", email(2)) == 0

    assert len(small_installation.journal.requests()) == 1
    assert not {1, 2} & small_installation.readable_copies().keys()


def test_a_dry_run_lists_and_changes_nothing(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.plant(1)
    small_installation.keep_decision_records(25)
    (small_installation.home / "letter.txt").write_text(email(1))

    assert run(small_installation, "erase", CASE, "--subject", email(1), "--dry-run") == 0

    output, progress = capsys.readouterr()
    assert "1 person: 9 rows in 9 versions" in output
    assert "1 decision-record, 1 training" in output
    assert f"would be kept: until 2028-12-24: {LAW}" in output
    assert "would change: " in output
    assert "would be left to a person: " in output
    assert "Nothing was changed." in output
    assert email(1) not in output + progress
    assert 1 in small_installation.readable_copies()
    assert small_installation.journal.requests() == []


def test_what_is_allowed_is_written_down_with_the_request(
    small_installation: SmallInstallation,
) -> None:
    flags = ("--later", "--remove-files", "--search-texts")
    run(small_installation, "erase", CASE, "--subject", email(1), *flags)

    (request,) = small_installation.journal.requests()
    assert request.options.removes_files
    assert request.options.searches_texts


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["erase", "dry run"])
def test_of_several_identifiers_the_one_nobody_knows_is_told(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    is_dry_run: bool,
) -> None:
    path = tmp_path / "people.txt"
    path.write_text(f"{email(1)}\n{email(2)}\t{NOBODY}\n{email(3)}\t{email(4)}\n")
    more = ["--dry-run"] if is_dry_run else []

    assert run(small_installation, "erase", CASE, "--list", str(path), *more) == 0

    output = capsys.readouterr().out
    assert "Nothing is held under identifier 2 of the 2 of the person in line 2" in output
    assert output.count("Nothing is held") == 1
    assert NOBODY not in output


@pytest.mark.parametrize(("more", "code"), [([], 2), (["--search-anyway"], 0)])
def test_a_dry_run_says_that_nothing_is_held(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
) -> None:
    arguments = ("--subject", NOBODY, "--also", "no.one@example.org", "--dry-run", *more)

    assert run(small_installation, "erase", CASE, *arguments) == code

    output = capsys.readouterr().out
    assert "Nothing is held under this identifier" in output
    assert "misspelt" not in output
    assert small_installation.journal.requests() == []


@pytest.mark.parametrize(
    "way",
    [["--resume"], ["--retry", "E1"], [CASE, "--lift", email(1)], ["--check-receipt", "x.json"]],
    ids=["resume", "retry", "lift", "check"],
)
@pytest.mark.parametrize(
    "option",
    [["--dry-run"], ["--later"], ["--also", email(2)], ["--search-anyway"], ["--remove-files"],
     ["--search-texts"], ["--received", "2026-11-01"]],
    ids=lambda option: option[0],
)  # fmt: skip
def test_an_option_that_would_be_passed_over_is_refused(
    small_installation: SmallInstallation, way: list[str], option: list[str]
) -> None:
    with pytest.raises(ConfigError, match=f"{option[0]}: expected --subject or --list"):
        run(small_installation, "erase", *way, *option)


@pytest.mark.parametrize("way", [["--resume"], ["--retry", "E1"], ["--check-receipt", "x.json"]])
def test_a_use_case_that_would_be_passed_over_is_refused(
    small_installation: SmallInstallation, way: list[str]
) -> None:
    small_installation.erase(1, later=True)

    with pytest.raises(ConfigError, match="without a use case; found one"):
        run(small_installation, "erase", CASE, *way)
    assert 1 in small_installation.readable_copies()


@pytest.mark.parametrize("way", [["--resume"], [CASE, "--subject", email(1)]])
def test_a_reason_that_nobody_would_read_is_refused(
    small_installation: SmallInstallation, way: list[str]
) -> None:
    with pytest.raises(ConfigError, match="--why: expected --lift"):
        run(small_installation, "erase", *way, "--why", "a new contract")
    assert 1 in small_installation.readable_copies()


def test_a_dry_run_of_a_retry_erases_nobody(small_installation: SmallInstallation) -> None:
    (request,) = small_installation.erase(1, later=True).requests

    with pytest.raises(ConfigError, match="Nothing was done"):
        run(small_installation, "erase", "--retry", request.request_id, "--dry-run")

    assert 1 in small_installation.readable_copies()


def test_a_request_that_is_done_is_not_called_unknown(
    small_installation: SmallInstallation,
) -> None:
    (request,) = small_installation.erase(1).requests

    with pytest.raises(DataError, match="one that is done"):
        run(small_installation, "erase", "--retry", request.request_id)


def test_an_empty_id_is_that_of_no_request(small_installation: SmallInstallation) -> None:
    with pytest.raises(DataError, match="none of this id"):
        run(small_installation, "erase", "--retry", "")


@pytest.mark.parametrize(
    "arguments",
    [["--subject", "\udcff"], ["--subject", email(1), "--also", "m\udce4x"], ["--subject", "-"]],
    ids=["subject", "also", "standard input"],
)
def test_an_identifier_in_another_encoding_is_refused(
    small_installation: SmallInstallation, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    type_in(monkeypatch, "m\udce4x@example.org\n")
    with pytest.raises(ConfigError, match="an identifier in UTF-8"):
        run(small_installation, "erase", CASE, *arguments)


def test_an_address_with_a_tag_is_nobody_unknown_where_tags_are_ignored(
    small_installation: SmallInstallation, capsys: pytest.CaptureFixture[str]
) -> None:
    small_installation.ignore_plus_tags()
    tagged = ("--subject", "person1+x@example.org", "--also", "person2+y@example.org")

    assert run(small_installation, "erase", CASE, *tagged, "--dry-run") == 0
    assert "Nothing is held" not in capsys.readouterr().out
    assert run(small_installation, "erase", CASE, *tagged) == 0
    assert "Nothing is held" not in capsys.readouterr().out


def test_who_is_let_in_again_by_an_address_with_a_tag_is_let_in_by_the_address(
    small_installation: SmallInstallation,
) -> None:
    small_installation.ignore_plus_tags()
    small_installation.erase(1)
    arguments = ("--lift", "person1+x@example.org", "--why", "a new contract")

    assert run(small_installation, "erase", CASE, *arguments) == 0

    assert small_installation.keys.tombstones().get(small_installation.subject(1)) is None


@pytest.mark.parametrize("identifier", ["\u200bperson1@example.org", "person1@exam\u00adple.org"])
@pytest.mark.parametrize("command", [("erase", "--dry-run"), ("export",)])
def test_characters_that_nobody_sees_are_told_where_nothing_is_held(
    small_installation: SmallInstallation,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    identifier: str,
) -> None:
    name, *more = command
    run(small_installation, name, CASE, "--subject", identifier, *more)
    output, progress = capsys.readouterr()
    assert "characters that nobody sees" in output + progress

    run(small_installation, name, CASE, "--subject", "nobody@example.org", *more)
    output, progress = capsys.readouterr()
    assert "characters that nobody sees" not in output + progress


def test_an_identifier_of_a_list_ends_where_its_line_does(tmp_path: Path) -> None:
    path = tmp_path / "people.txt"
    path.write_bytes("customer 1\u2028 7\r\ncustomer 2\x85\rcustomer 3\n".encode())

    assert [person.identifiers for person in read_people(None, (), path)] == [
        ("customer 1\u2028 7",),
        ("customer 2",),
        ("customer 3",),
    ]
