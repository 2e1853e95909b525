"""`./portcullis audit --follow` as a service: a receiver that is away, a rotated file, SIGTERM."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tasks.formats.canonical_json import canonical
from tests.receivers import TOKEN, EventCollector
from tests.tasks.alerts.events_of_servers import NOON_MS, ServerLog

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[4]
MOST_SECONDS = 90


def wait_for(is_so: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + MOST_SECONDS
    while not is_so():
        assert process.poll() is None, process.returncode
        assert time.monotonic() < until
        time.sleep(0.05)


def follow_through(folder: Path, away_seconds: float, burst: int) -> list[int]:
    """Follow over an absence with a rotated file and a rotated token; return what arrived."""
    audit_file = folder / "registry.jsonl"
    log = ServerLog(folder)
    sent = 0

    def write(count: int) -> None:
        nonlocal sent
        with audit_file.open("ab") as stream:
            for _ in range(count):
                stream.write(canonical(log.call(NOON_MS + sent, refusal="role.track")) + b"\n")
                sent += 1

    (folder / "token").write_text(TOKEN)
    secrets = folder / "secrets.yaml"
    secrets.write_text(
        yaml.safe_dump({"secrets": {"PORTCULLIS_HEC_TOKEN": f"file:{folder / 'token'}"}})
    )
    collector = EventCollector(is_acknowledging=False)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PORTCULLIS_HOME": str(folder / "home"),
        "PORTCULLIS_AUDIT_FILES": str(audit_file),
        "PORTCULLIS_HEC_URL": collector.url,
        "PORTCULLIS_SECRETS": str(secrets),
    }
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", "audit", "--follow"],
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=stream,
        )
    try:
        write(burst)
        wait_for(lambda: len(collector.events) == sent, process)

        # Away, and the token that it knew is another one by the time that it is back.
        collector.is_busy = True
        (folder / "token").write_text("another token")
        until = time.monotonic() + away_seconds
        write(burst)
        audit_file.rename(audit_file.with_name("registry.jsonl.1"))
        write(burst)
        while time.monotonic() < until:
            write(1)
            time.sleep(0.1)
        wait_for(lambda: b"it is kept" in output.read_bytes(), process)
        (folder / "token").write_text(TOKEN)
        collector.is_busy = False
        wait_for(lambda: len(collector.events) >= sent, process)
        wait_for(lambda: b"takes it again" in output.read_bytes(), process)

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=MOST_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        collector.close()
    assert TOKEN.encode() not in output.read_bytes()
    assert b"another token" not in output.read_bytes()
    arrived = [values["time"] - NOON_MS for values in collector.events]
    assert set(arrived) == set(range(sent))
    return arrived


def test_nothing_is_lost_while_a_receiver_is_away(tmp_path: Path) -> None:
    arrived = follow_through(tmp_path, away_seconds=2, burst=200)
    assert arrived == sorted(arrived)
    assert len(arrived) == len(set(arrived))
