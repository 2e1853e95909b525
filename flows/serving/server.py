"""Prefect's own server as `./portcullis ui` starts it, with one change for SQLite.

Started as `python -m flows.serving.server <arguments of prefect>`. The change: a transaction that
may write begins as a writer.

Prefect opens most of its write transactions deferred (`prefect/server/api/flow_runs.py`,
`resume_flow_run`, in 3.8.8: `db.session_context(begin_transaction=True)`), reads, and then writes.
If anybody else has written in between, SQLite refuses at once with SQLITE_BUSY_SNAPSHOT, whatever
its time-out, and the server answers 503. Prefect's own client asks again; a browser does not, so
that a person's click on "Resume" or "Run" fails whenever a run happens to be writing its log. If it
begins `IMMEDIATE`, such a transaction waits for its turn, as the comment on WAL in `setup_sqlite`
(`prefect/server/database/configurations.py`) itself advises.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import MODELS_DEPENDENCIES
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WaitingSqlite(AioSqliteConfiguration):
    """Prefect's SQLite database, whose write transactions wait for one another."""

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,  # noqa: ARG002  # every transaction is treated as a writer
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction that nobody else's write can make fail."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def use_waiting_sqlite() -> None:
    """Let this process's server use `WaitingSqlite` if its database is SQLite."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if url.startswith("sqlite"):
        MODELS_DEPENDENCIES["database_config"] = WaitingSqlite(connection_url=url)


if __name__ == "__main__":
    from prefect.cli import app

    use_waiting_sqlite()
    app()
