"""Engines that log in by leased accounts: nothing fails while accounts come and go."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tasks.secrets.pools import EngineAccounts
from tasks.secrets.provider import Secrets
from tasks.secrets.setting_up import REGISTRY
from tests.tasks.secrets.conftest import LEASE_SECONDS, Vaulted

Opened = Callable[..., Secrets]


@pytest.fixture
def engine(vaulted: Vaulted, opened: Opened) -> Iterator[Engine]:
    """Return an engine as MLflow makes them: an address without a login, and a ping before use."""
    account = f"bao:database/creds/{REGISTRY}"
    secrets = opened({"bao": vaulted.section(), "databases": {vaulted.place: account}})
    accounts = EngineAccounts(secrets)
    accounts.listen()
    engine = create_engine(f"postgresql+psycopg://{vaulted.place}", pool_pre_ping=True)
    try:
        yield engine
    finally:
        engine.dispose()
        accounts.stop()
        secrets.close()


def current_user(engine: Engine) -> str:
    with engine.connect() as link:
        return str(link.execute(text("SELECT current_user")).scalar_one())


def test_no_call_fails_while_accounts_are_replaced_and_the_old_ones_are_dropped(
    vaulted: Vaulted, engine: Engine
) -> None:
    faults: list[BaseException] = []
    users: set[str] = set()
    until = time.monotonic() + 2.5 * LEASE_SECONDS

    def call() -> None:
        while time.monotonic() < until and not faults:
            try:
                with engine.begin() as link:
                    users.add(str(link.execute(text("SELECT current_user")).scalar_one()))
                    link.execute(text("SELECT count(*) FROM runs"))
                    time.sleep(0.05)
            except BaseException as error:
                faults.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(users) >= 3
    assert all(user.startswith("v-") for user in users)

    # OpenBao drops an account when its lease ends.
    latest = current_user(engine)
    deadline = time.monotonic() + 3 * LEASE_SECONDS
    while (users - {latest}) & vaulted.users():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_lease_that_somebody_revoked_is_replaced_at_the_next_call(
    vaulted: Vaulted, engine: Engine
) -> None:
    before = current_user(engine)
    vaulted.bao.ask("sys/leases/revoke-prefix/database/creds")
    assert before not in vaulted.users()
    assert current_user(engine) != before


def test_at_stop_the_account_is_gone(vaulted: Vaulted, opened: Opened) -> None:
    account = f"bao:database/creds/{REGISTRY}"
    secrets = opened({"bao": vaulted.section(), "databases": {vaulted.place: account}})
    leased = secrets.account(vaulted.place)
    assert leased is not None
    assert leased.current().name in vaulted.users()
    name = leased.current().name
    secrets.close()
    assert name not in vaulted.users()


def test_an_engine_s_errors_show_no_login(engine: Engine) -> None:
    with pytest.raises(Exception, match="no_such_table") as failure, engine.connect() as link:
        link.execute(text("SELECT * FROM no_such_table"))
    assert "password" not in str(failure.value)


def test_a_login_in_the_url_is_replaced_and_other_databases_are_left_alone(
    engine: Engine, vaulted: Vaulted
) -> None:
    other: Any = create_engine(vaulted.owner_url.replace("postgresql:", "postgresql+psycopg:"))
    assert current_user(other).startswith("v-")
    memory = create_engine("sqlite://")
    with memory.connect() as link:
        assert link.execute(text("SELECT 1")).scalar_one() == 1
    other.dispose()
    memory.dispose()
    assert current_user(engine)
