"""No client has more sessions than its share."""

import os
import select
import subprocess
import sys

import pytest

from tasks.service.session_table import SessionTable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfd_open(2) is Linux's")


def start() -> int:
    return os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, PIPE, 0)])


PIPE, HELD = os.pipe()


def end(pid: int, table: SessionTable) -> None:
    subprocess.run(["kill", "-KILL", str(pid)], check=True)
    ready, _, _ = select.select(table.descriptors, [], [], 10)
    for descriptor in ready:
        table.remove_ended(descriptor)


def test_an_account_has_its_share_and_no_more() -> None:
    table = SessionTable(most=3, most_of_account=2)
    pids = []
    for _ in range(2):
        assert table.has_room(1000)
        pids.append(start())
        table.add(pids[-1], 1000)
    assert not table.has_room(1000)
    assert table.has_room(1001)
    for pid in pids:
        end(pid, table)
    assert table.has_room(1000)
    assert table.descriptors == ()


def test_all_accounts_together_have_theirs() -> None:
    table = SessionTable(most=2, most_of_account=2)
    pids = [start(), start()]
    for uid, pid in enumerate(pids):
        table.add(pid, uid)
    assert not table.has_room(7)
    for pid in pids:
        end(pid, table)
    assert table.has_room(7)
