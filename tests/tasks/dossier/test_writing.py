"""A dossier is written whole, the same for the same evidence, small, and without personal data."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.dossier import writing
from tasks.dossier.composing import compose_dossier
from tasks.dossier.indexing import INDEX
from tasks.dossier.writing import write_dossier
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.gates import Outcome
from tests.tasks.dossier.making import GOVERNANCE, SOURCES, SmallDossier

CANARIES = ("jane.doe@example.org", "078-05-1120", "DE89 3704 0044 0532 0130 00", "10.11.12.13")
MOST_BYTES = 5 << 20


class Links(HTMLParser):
    """Every address of a page, and every place that one can lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if href := values.get("href"):
            self.hrefs.append(href)
        if source := values.get("src"):
            self.loaded.append(source)
        if values.get("id"):
            self.ids.add(str(values["id"]))


@pytest.mark.parametrize("profile", GOVERNANCE.profiles)
def test_the_same_evidence_gives_the_same_bytes(small: SmallDossier, profile: str) -> None:
    first = small.dossier(profile=profile)
    assert small.dossier(profile=profile).files == first.files
    assert first.size_bytes < MOST_BYTES


@pytest.mark.parametrize("canary", CANARIES)
def test_a_planted_value_stops_the_dossier(tmp_path: Path, canary: str) -> None:
    planted = {**SOURCES, "files": {**SOURCES["files"], "owner": f"Bank of {canary}"}}
    with pytest.raises(EvidenceError) as error:
        SmallDossier(tmp_path, planted).dossier()
    assert canary not in str(error.value)


@pytest.mark.parametrize("place", ["title", "purpose", "label"])
@pytest.mark.parametrize("canary", CANARIES)
def test_a_value_in_the_case_s_own_words_stops_it_too(
    declared: SmallDossier, canary: str, place: str
) -> None:
    label = {"words": {"columns": {"sex": {"label": canary}}}}
    values = label if place == "label" else {place: f"About {canary}"}
    with pytest.raises(EvidenceError) as error:
        declared.dossier(**values)
    assert canary not in str(error.value)


def test_every_link_leads_somewhere_and_nothing_is_loaded(small: SmallDossier) -> None:
    files = small.dossier().files
    pages: dict[str, Links] = {}
    for name, content in files.items():
        if name.endswith(".html"):
            pages[name] = Links()
            pages[name].feed(content.decode())
    for name, links in pages.items():
        assert links.loaded == []
        for href in links.hrefs:
            target, _, anchor = href.partition("#")
            assert (target or name) in files, (name, href)
            if anchor:
                page = pages[target or name]
                assert anchor in page.ids | {"main"}, (name, href)


def test_every_claim_for_programs_has_a_reference(small: SmallDossier) -> None:
    values = json.loads(small.dossier().files[INDEX])
    rows = [row for rows in values["pages"].values() for row in rows]
    assert rows
    for row in rows:
        is_claim = row["standing"] in ("answered", "evidence against")
        assert not is_claim or row["references"]
        assert is_claim or not row["figures"]


def test_readiness_is_a_number_for_programs(small: SmallDossier) -> None:
    dossier = small.dossier()
    values = json.loads(dossier.files[INDEX])["readiness"]
    assert values["ratio"] == round(values["answered"] / values["required"], 3)
    assert f"{values['answered']} of {values['required']}" in dossier.files["index.html"].decode()


def test_no_page_has_a_script_or_an_address(small: SmallDossier) -> None:
    for name, content in small.dossier().files.items():
        if name.endswith(".html"):
            text = content.decode()
            assert "<script" not in text
            assert not re.search(r"""(?:src|href)=["']\w+:""", text), name


def test_what_people_wrote_is_text_and_no_markup(tmp_path: Path) -> None:
    planted = {**SOURCES, "files": {**SOURCES["files"], "owner": "<b>Bank</b>"}}
    files = SmallDossier(tmp_path, planted).dossier().files
    assert b"<b>Bank</b>" not in files["agreements.html"]
    assert b"&lt;b&gt;Bank&lt;/b&gt;" in files["impact-assessment.html"]


def test_it_is_registered_by_what_verify_says(fresh: SmallDossier) -> None:
    assert fresh.subject().evidence.is_let_in
    fresh.signed_log.say_judged("fairness", Outcome.FAIL)  # a later verdict
    assert not fresh.subject().evidence.is_let_in


def test_a_model_that_was_let_in_leads_to_its_version_by_the_decision(
    fresh: SmallDossier,
) -> None:
    decision = fresh.subject().evidence.decision
    assert decision is not None
    tag = f"portcullis.log_entry = {decision.index}"
    assert tag in fresh.dossier().files["index.html"].decode()
    fresh.signed_log.say_judged("fairness", Outcome.FAIL)
    assert tag not in fresh.dossier().files["index.html"].decode()


def test_a_gate_that_broke_down_is_said_to_have_no_verdict(fresh: SmallDossier) -> None:
    verdict = fresh.subject().evidence.chain.verdicts["explain"]
    log = fresh.read(without=verdict.signed.index)
    values = json.loads(fresh.dossier(log=log).files[INDEX])
    (row,) = (row for row in values["pages"]["index"] if row["labels"] == ["Gate explain"])
    assert row["standing"] == "MISSING"
    assert "no verdict of gate explain about this model" in row["text"]


def test_an_agreement_that_has_lapsed_is_said_to_have(small: SmallDossier) -> None:
    values = json.loads(small.dossier().files[INDEX])["pages"]["agreements"]
    states = {row["labels"][0]: row["text"] for row in values if row["figures"]}
    assert states == {
        "files": "in force, every clause in place",
        "hosting": "in force on 2025-12-31, expired on the day of the release",
    }


def test_a_folder_of_something_else_is_left_alone(small: SmallDossier, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="something else"):
        write_dossier(small.dossier(), folder)
    assert (folder / "letter.txt").read_text() == "dear"


def test_a_dossier_is_replaced_whole(small: SmallDossier, tmp_path: Path) -> None:
    folder = tmp_path / "dossier"
    dossier = small.dossier()
    write_dossier(dossier, folder)
    (folder / "part-old.html").write_text("of an earlier profile")
    write_dossier(dossier, folder)
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == set(dossier.files)
    assert [path.name for path in tmp_path.iterdir()] == ["dossier"]


def test_what_a_killed_writer_left_goes_and_what_another_writes_stays(
    small: SmallDossier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dossier = small.dossier()

    def killed(*_: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tasks.dossier.writing.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            write_dossier(dossier, tmp_path / "dossier")
    (left,) = tmp_path.glob(".draft-*")
    (tmp_path / ".draft-link").symlink_to(tmp_path / "dossier")

    with writing._draft_folder(tmp_path) as other:
        assert not left.exists()
        write_dossier(dossier, tmp_path / "dossier")
        assert other.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"dossier", ".draft-link"}
    assert (tmp_path / "dossier" / INDEX).is_file()


@pytest.mark.parametrize("leads_to", ["dossier", "nowhere"])
def test_a_link_in_its_place_is_left_alone(
    small: SmallDossier, tmp_path: Path, leads_to: str
) -> None:
    dossier = small.dossier()
    write_dossier(dossier, tmp_path / "dossier")
    (tmp_path / "link").symlink_to(tmp_path / leads_to)
    with pytest.raises(ConfigError, match="something else"):
        write_dossier(dossier, tmp_path / "link")
    assert (tmp_path / "dossier" / INDEX).is_file()


def test_the_old_one_is_whole_until_the_new_one_is_there(
    small: SmallDossier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dossier"
    dossier = small.dossier()
    write_dossier(dossier, folder)
    seen = []
    rename = Path.rename

    def watched(path: Path, target: Path) -> Path:
        seen.append(sum(1 for item in folder.rglob("*") if item.is_file()))
        if len(seen) == 2:
            raise OSError("no room")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", watched)
    with pytest.raises(ServiceError, match="a folder with room"):
        write_dossier(dossier, folder)
    assert seen == [len(dossier.files), 0, 0]
    assert (folder / INDEX).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["dossier"]


def test_the_next_command_answers_what_a_person_can_answer(small: SmallDossier) -> None:
    # What evidence answers stands first, and most of it is missing from so small a release.
    ordered = sorted(
        GOVERNANCE.requirements, key=lambda row: ("fact", "draft", "person").index(row.kind)
    )
    governance = replace(GOVERNANCE, requirements=tuple(ordered))
    subject = small.subject(governance=governance)
    assert any(row.requirement.kind == "fact" and not row.claims for row in subject.required)
    opening = compose_dossier(subject)[0]
    command = opening.chapters[-1].commands[-1]
    row = GOVERNANCE.requirement(command.split()[3])
    assert command.startswith("./portcullis answer ")
    assert row.kind != "fact"


def test_checks_that_failed_and_have_no_room_on_the_first_page_are_counted(
    fresh: SmallDossier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.dossier.pages.opening.MOST_REASONS", 1)
    fresh.signed_log.say_judged("fairness", Outcome.FAIL)
    assert b"1 of 2 checks that failed" not in fresh.dossier().files["index.html"]
    fresh.signed_log.say_judged("explain", Outcome.FAIL)
    assert b"1 of 2 checks that failed" in fresh.dossier().files["index.html"]
