"""A scan says what is altered, forbidden, vulnerable or not known; silence is no pass."""

import json
import os
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import ConfigError
from tasks.gates.outcome import Outcome
from tasks.supply_chain.declaring import read_supply_chain
from tests.tasks.supply_chain.conftest import Shipped, locked

ROOT = Path(__file__).parents[3]
MOUNTED = {"kind": "mounted", "path": "osv.zip", "most_age_days": 7}


def record(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": "GHSA-1",
        "aliases": ["CVE-2026-1"],
        "modified": "2026-11-27T10:00:00Z",
        "database_specific": {"severity": "HIGH"},
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Alpha"},
                "ranges": [
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}
                ],
            }
        ],
    }
    return values | changes


def affecting(*events: dict[str, str]) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": "alpha"}
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}]
    return record(affected=[{"package": package, "ranges": ranges}])


def export(root: Path, *records: Any) -> None:
    with zipfile.ZipFile(root / "osv.zip", "w") as archive:
        for number, each in enumerate(records):
            archive.writestr(f"{number}.json", each if isinstance(each, str) else json.dumps(each))


# What is installed


def test_what_is_as_it_was_locked_passes_and_what_is_not_measured_is_no_pass(
    shipped: Shipped,
) -> None:
    outcomes = {check.id: check.outcome for check in shipped.scan().checks}
    assert outcomes == {
        "vulnerabilities": Outcome.NOT_MEASURED,
        "licences": Outcome.PASS,
        "installed": Outcome.PASS,
        "trivy": Outcome.NOT_MEASURED,
    }
    assert shipped.scan().outcome is Outcome.PASS


def test_a_package_swapped_in_the_environment_is_found(shipped: Shipped) -> None:
    before = shipped.scan().records_sha256
    (shipped.site / "alpha.py").write_text("NAME = 'other'\n")
    outcome, lines = shipped.outcome("installed")
    assert outcome is Outcome.FAIL
    assert lines == ("alpha: 1 of its files are not what was recorded",)
    # With its RECORD forged as well, the digest of all RECORDs is another.
    info = shipped.site / "alpha-1.0.dist-info"
    (info / "RECORD").write_text("alpha.py,sha256=other,1\n")
    assert shipped.scan().records_sha256 != before


@pytest.mark.parametrize(
    "kind", ["missing", "version", "surplus", "no record", "no digest", "starter", "dated"]
)
def test_an_environment_that_differs_from_its_lock_fails(shipped: Shipped, kind: str) -> None:
    lock = shipped.root / "shipped.lock"
    match kind:
        case "missing":
            lock.write_text(lock.read_text() + locked("beta"))
        case "version":
            lock.write_text(locked("alpha", "2.0"))
        case "surplus":
            shipped.install("gamma")
        case "no record":
            (shipped.site / "alpha-1.0.dist-info" / "RECORD").unlink()
        case "no digest":
            (shipped.site / "alpha-1.0.dist-info" / "RECORD").write_text("alpha.py,,\n")
        case "starter":
            (shipped.site / "evil.pth").write_text("import evil\n")
        case "dated":
            (shipped.site / "sitecustomize.py").write_text("")
    assert shipped.outcome("installed")[0] is Outcome.FAIL
    assert shipped.scan().outcome is Outcome.FAIL


def test_a_tool_of_tests_and_a_package_for_other_machines_are_as_they_should_be(
    shipped: Shipped,
) -> None:
    shipped.install("tool")
    lock = shipped.root / "shipped.lock"
    lock.write_text(lock.read_text() + locked("alpha", "3.0", " ; sys_platform == 'win32'"))
    scanned = shipped.scan()
    assert scanned.outcome is Outcome.PASS
    assert [package.version for package in scanned.shipped] == ["1.0", "3.0"]


# Licences


@pytest.mark.parametrize(
    ("licence", "outcome"),
    [
        ("MIT", Outcome.PASS),
        ("MIT OR GPL-3.0-only", Outcome.PASS),
        ("MIT AND GPL-3.0-only", Outcome.FAIL),
        ("GPL-2.0-only WITH GCC-exception-2.0", Outcome.FAIL),
        ("Proprietary, see file", Outcome.UNDECIDED),
        ("", Outcome.UNDECIDED),
    ],
)
def test_a_licence_is_allowed_forbidden_or_not_known(
    shipped: Shipped, licence: str, outcome: Outcome
) -> None:
    (shipped.root / "shipped.lock").write_text(locked("alpha") + locked("beta"))
    shipped.install("beta", licence=licence)
    found, lines = shipped.outcome("licences")
    assert found is outcome
    assert [line.partition(":")[0] for line in lines] == ["beta"] * (outcome is not Outcome.PASS)


def test_a_stated_licence_holds_for_its_version_and_never_against_the_package(
    shipped: Shipped,
) -> None:
    (shipped.root / "shipped.lock").write_text(locked("alpha") + locked("beta"))
    shipped.install("beta", licence="")

    def outcome(version: str) -> Outcome:
        stated = {"version": version, "expression": "MIT", "reason": "its file"}
        licences = {"allowed": ["MIT"], "stated": {"beta": stated}}
        return shipped.outcome("licences", licences=licences)[0]

    assert outcome("1.0") is Outcome.PASS
    assert outcome("0.9") is Outcome.UNDECIDED
    metadata = shipped.site / "beta-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text() + "License-Expression: GPL-3.0-only\n")
    assert outcome("1.0") is Outcome.FAIL


# Vulnerabilities


def test_a_vulnerability_blocks_until_somebody_answers_for_it_and_not_longer(
    shipped: Shipped,
) -> None:
    export(shipped.root, record())
    outcome, (line,) = shipped.outcome("vulnerabilities", database=MOUNTED)
    assert outcome is Outcome.FAIL
    assert line == "alpha 1.0: GHSA-1, high: not allowed"

    accepted = {"id": "CVE-2026-1", "package": "alpha", "reason": "not reached", "owner": "u1"}
    for expires, expected in (("2026-11-28", Outcome.PASS), ("2026-11-27", Outcome.FAIL)):
        exceptions = [accepted | {"expires": expires}]
        outcome, (line,) = shipped.outcome("vulnerabilities", database=MOUNTED, accepted=exceptions)
        assert outcome is expected
        assert expires in line
    exceptions = [accepted | {"expires": "2026-12-01", "package": "beta"}]
    outcome, lines = shipped.outcome("vulnerabilities", database=MOUNTED, accepted=exceptions)
    assert outcome is Outcome.FAIL
    assert "beta: the exception CVE-2026-1 fits nothing" in lines


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (record(database_specific={"severity": "LOW"}), Outcome.PASS),
        (record(database_specific={}), Outcome.FAIL),
        (record(withdrawn="2026-11-01T00:00:00Z"), Outcome.PASS),
        (affecting({"introduced": "1.1"}), Outcome.PASS),
        (affecting({"introduced": "0"}, {"last_affected": "1.0"}), Outcome.FAIL),
        (affecting({"introduced": "0"}, {"last_affected": "0.9"}), Outcome.PASS),
        (affecting({"introduced": "0"}, {"fixed": "1.0"}), Outcome.PASS),
        (affecting({"fixed": "0.5"}, {"introduced": "0"}, {"introduced": "0.9"}), Outcome.FAIL),
        (affecting({"introduced": "no version"}), Outcome.FAIL),
        (affecting({"fixed": "2.0"}), Outcome.FAIL),
        (affecting(), Outcome.FAIL),
        (record(withdrawn=None), Outcome.FAIL),
        (record(withdrawn="2026-11-29T00:00:00Z"), Outcome.FAIL),
        (record(withdrawn=True), Outcome.UNDECIDED),
        (record(modified="0001-01-01T00:00:00+14:00"), Outcome.UNDECIDED),
    ],
)
def test_a_version_is_affected_as_osv_s_schema_says(
    shipped: Shipped, given: dict[str, Any], outcome: Outcome
) -> None:
    export(shipped.root, given)
    assert shipped.outcome("vulnerabilities", database=MOUNTED)[0] is outcome


ELSEWHERE = [{"package": {"ecosystem": "npm", "name": "alpha"}, "versions": ["1.0"]}]


@pytest.mark.parametrize(
    ("records", "line"),
    [
        (None, "is not there, or cannot be read"),
        ((), "holds no record"),
        (("not JSON",), "none of OSV's"),
        (("[]",), "none of OSV's"),
        ((record(modified="2026-11-01T00:00:00Z"),), "27 days old, and may be 7"),
        ((record(modified="2027-01-01T00:00:00Z"),), "a day that is still to come"),
        ((record(affected=ELSEWHERE), record(affected=[])), "holds no record about PyPI"),
    ],
    ids=["absent", "empty", "broken", "foreign", "old", "to come", "of another index"],
)
def test_a_database_that_gives_no_answer_is_undecided_and_blocks(
    shipped: Shipped, records: tuple[Any, ...] | None, line: str
) -> None:
    if records is not None:
        export(shipped.root, *records)
    outcome, lines = shipped.outcome("vulnerabilities", database=MOUNTED)
    assert outcome is Outcome.UNDECIDED
    assert len(lines) == 1
    assert lines[0].endswith(line)
    assert shipped.scan(database=MOUNTED).outcome is Outcome.UNDECIDED


def test_a_damaged_archive_is_undecided(shipped: Shipped) -> None:
    path = shipped.root / "osv.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.json", json.dumps(record()))
    content = bytearray(path.read_bytes())
    content[60:90] = bytes([0xFF] * 30)
    path.write_bytes(content)
    outcome, (line,) = shipped.outcome("vulnerabilities", database=MOUNTED)
    assert outcome is Outcome.UNDECIDED
    assert "cannot be read" in line


def test_a_folder_with_a_pipe_for_a_record_holds_nobody_up(shipped: Shipped) -> None:
    (shipped.root / "osv").mkdir()
    os.mkfifo(shipped.root / "osv" / "0.json")
    outcome, _ = shipped.outcome("vulnerabilities", database=MOUNTED | {"path": "osv"})
    assert outcome is Outcome.UNDECIDED


def test_an_emptied_lock_is_no_clean_one(shipped: Shipped) -> None:
    (shipped.root / "shipped.lock").write_text("--only-binary :all:\n")
    with pytest.raises(ConfigError, match="expected the packages that are shipped; found none"):
        shipped.scan()


def test_a_licence_of_what_is_not_installed_is_not_known(shipped: Shipped) -> None:
    (shipped.root / "shipped.lock").write_text(
        locked("alpha") + locked("beta") + locked("gamma", marker="; sys_platform == 'none'")
    )
    outcome, lines = shipped.outcome("licences")
    assert outcome is Outcome.UNDECIDED
    assert lines == ("beta: it is not installed, so its licence is not known",)


def test_a_folder_of_records_is_the_same_database_as_its_archive(shipped: Shipped) -> None:
    export(shipped.root, record())
    first = shipped.scan(database=MOUNTED)
    with zipfile.ZipFile(shipped.root / "osv.zip") as archive:
        archive.extractall(shipped.root / "osv")
    second = shipped.scan(database=MOUNTED | {"path": "osv"})
    assert first == second
    assert len(first.database_sha256) == 64


@contextmanager
def osv(answer: dict[str, Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: Any, **_named: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_service_is_asked_by_pip_audit_and_its_silence_is_undecided(shipped: Shipped) -> None:
    with osv({"vulns": [record(summary="s", details="d")]}) as url:
        database = {"kind": "osv", "url": url, "timeout_seconds": 5}
        outcome, lines = shipped.outcome("vulnerabilities", database=database)
        assert outcome is Outcome.FAIL
        assert "CVE-2026-1" in lines[0] or "GHSA-1" in lines[0]
    outcome, lines = shipped.outcome("vulnerabilities", database=database)
    assert outcome is Outcome.UNDECIDED
    assert lines == ("the database could not be reached",)


# Trivy


def trivy_report(*vulnerabilities: dict[str, str], target: str = "0/requirements.txt") -> str:
    """Return a report of Trivy's about the one package that is shipped."""
    packages = [{"ID": "alpha@1.0", "Name": "alpha", "Version": "1.0"}]
    result = {"Target": target, "Class": "lang-pkgs", "Type": "pip", "Packages": packages}
    # In versions of 2024 packages and vulnerabilities are two results of one target.
    found = {"Target": target, "Vulnerabilities": list(vulnerabilities)}
    return json.dumps({"Results": [result, found]})


MEDIUM = {
    "VulnerabilityID": "CVE-1",
    "PkgName": "alpha",
    "InstalledVersion": "1.0",
    "Severity": "MEDIUM",
}


def run_trivy(shipped: Shipped, script: str) -> tuple[Outcome, tuple[str, ...]]:
    program = shipped.root / "bin" / "trivy"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return shipped.outcome("trivy")


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("exit 1", Outcome.UNDECIDED),
        ("echo nothing", Outcome.UNDECIDED),
        (f"echo '{trivy_report()}'", Outcome.PASS),
        # It knows a lock by pip's name alone; it is given a folder that holds nothing else.
        (
            "for folder; do :; done; test -f $folder/0/requirements.txt"
            f" && test $PWD = $folder && echo '{trivy_report()}'",
            Outcome.PASS,
        ),
        # Else a lock without a finding is in no result of many versions.
        (f"""case "$*" in *--list-all-pkgs*) echo '{trivy_report()}';; esac""", Outcome.PASS),
        (f"echo '{trivy_report(MEDIUM)}'", Outcome.FAIL),
    ],
)
def test_trivy_is_weighed_where_it_is_installed(
    shipped: Shipped, script: str, outcome: Outcome
) -> None:
    assert run_trivy(shipped, script)[0] is outcome


@pytest.mark.parametrize(
    ("report", "line"),
    [
        ({}, "Trivy looked at nothing"),
        ({"Results": None}, "Trivy looked at nothing"),
        ({"Results": []}, "Trivy looked at nothing"),
        ({"Results": [{}]}, "Trivy looked at nothing"),
        ({"Results": [{"Target": "0/requirements.txt"}]}, "Trivy looked at nothing"),
        ({"Results": [{"Packages": []}]}, "Trivy looked at nothing"),
        (
            {"Results": [{"Packages": [{"Name": "beta", "Version": "1.0"}]}]},
            "Trivy did not look at 1 packages",
        ),
        (
            {"Results": [{"Packages": [{"Name": "alpha", "Version": "0.9"}]}]},
            "Trivy did not look at 1 packages",
        ),
        ({"Results": "none"}, "Trivy gave no report"),
        ({"Results": [{"Packages": [{"Name": "alpha"}]}]}, "Trivy gave no report"),
        ([], "Trivy gave no report"),
    ],
)
def test_a_scan_by_trivy_that_has_not_looked_at_every_package_is_no_pass(
    shipped: Shipped, report: object, line: str
) -> None:
    assert run_trivy(shipped, f"echo '{json.dumps(report)}'") == (Outcome.UNDECIDED, (line,))


# What is declared


def test_what_is_shipped_is_declared_without_a_default_of_what_is_allowed(tmp_path: Path) -> None:
    path = ROOT / "configs" / "supply-chain.yaml"
    assert read_supply_chain(path).database.kind == "none"
    for field in ("allowed_severities", "database", "licences", "locks"):
        lines = path.read_text().splitlines()
        kept = [line for line in lines if not line.startswith(field)]
        other = tmp_path / "supply-chain.yaml"
        other.write_text("\n".join(kept))
        with pytest.raises(ConfigError):
            read_supply_chain(other)


@pytest.mark.parametrize(
    "url",
    [
        "http://osv.example",
        "http://127.0.0.1.osv.example",
        "http://localhost@osv.example",
        "http://osv.example\\@localhost",
        "http://[::1",
        "https://",
        "osv.example",
        "",
    ],
)
def test_a_database_without_tls_is_refused_but_for_this_machine(tmp_path: Path, url: str) -> None:
    text = (ROOT / "configs" / "supply-chain.yaml").read_text()
    values = yaml.safe_load(text)
    path = tmp_path / "supply-chain.yaml"

    path.write_text(yaml.safe_dump(values | {"database": {"kind": "osv", "url": url}}))
    with pytest.raises(ConfigError, match="an address without TLS") as error:
        read_supply_chain(path)
    assert "osv.example" not in str(error.value)

    for allowed in ("https://osv.example", "http://localhost:1", "http://[::1]:1/v1/query"):
        path.write_text(yaml.safe_dump(values | {"database": {"kind": "osv", "url": allowed}}))
        assert read_supply_chain(path).database.kind == "osv"
