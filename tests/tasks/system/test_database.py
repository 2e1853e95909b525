"""Databases of others by a driver that is installed here; files of our own for one user."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError

from tasks.system.database import open_database, with_driver


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://db/bank", "postgresql+psycopg"),
        ("postgresql+asyncpg://db/prefect", "postgresql+psycopg"),
        ("postgresql+psycopg://db/bank", "postgresql+psycopg"),
        ("sqlite+aiosqlite:///prefect.db", "sqlite"),
        ("sqlite:///mlflow.db", "sqlite"),
    ],
)
def test_a_driver_that_is_not_installed_here_is_replaced(url: str, driver: str) -> None:
    assert with_driver(url).drivername == driver


def test_a_driver_that_a_person_chose_stays() -> None:
    assert with_driver("mysql+pymysql://db/bank").drivername == "mysql+pymysql"


def test_all_but_the_driver_stays() -> None:
    changed = with_driver("postgresql://ann:secret@db:5433/bank?sslmode=require")
    shown = changed.render_as_string(hide_password=False)
    assert shown == "postgresql+psycopg://ann:secret@db:5433/bank?sslmode=require"


def test_what_is_no_url_is_an_argument_error() -> None:
    with pytest.raises(ArgumentError):
        with_driver("bank.db")


def test_no_connection_stays_open_between_two_uses(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    with open_database(f"sqlite+aiosqlite:///{path}") as engine:
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        open_files = {Path(link).resolve() for link in Path("/proc/self/fd").iterdir()}
        assert path.resolve() not in open_files
