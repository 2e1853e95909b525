"""Leased accounts for SQLAlchemy's engines, which know only an address without a login."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool

from tasks.secrets.leases import DatabaseLogin, LeasedAccount
from tasks.secrets.provider import POSTGRESQL_PORT, Secrets

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

LOGIN = "portcullis_login"


class EngineAccounts:
    """Log every engine of this process in, to the databases for which an account is declared.

    MLflow makes an engine for its runs, one for its registry and more, each in a place of its own;
    the listeners are therefore those of all engines. A connection that was made under an earlier
    account is replaced when it is next taken from its pool; whoever holds one keeps it until done.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def listen(self) -> None:
        """Begin; engines that are there already log in so from their next connection on."""
        event.listen(Engine, "do_connect", self.connect)
        event.listen(Pool, "checkout", self.require_current)

    def stop(self) -> None:
        """End it."""
        event.remove(Engine, "do_connect", self.connect)
        event.remove(Pool, "checkout", self.require_current)

    def connect(
        self, dialect: "Dialect", record: Any, arguments: Any, parameters: dict[str, Any]
    ) -> Any:
        """Return a connection under the account of now; None leaves it to SQLAlchemy."""
        leased = self._leased(dialect, parameters)
        if leased is None:
            return None

        account = leased.current()
        try:
            connection = _connected(dialect, arguments, parameters, account)
        # Once: where the server itself is away the second try says so.
        except dialect.loaded_dbapi.OperationalError:
            # Whoever revoked the lease early has dropped the account: another one may live.
            account = leased.replace(account)
            connection = _connected(dialect, arguments, parameters, account)
        if record is not None:
            record.info[LOGIN] = (leased, account)
        return connection

    def require_current(self, _connection: Any, record: Any, _proxy: Any) -> None:
        """Have the pool connect anew where the account has changed.

        Raises:
            DisconnectionError: The pool's own sign that this connection is done.
        """
        leased, account = record.info.get(LOGIN, (None, None))
        if leased is not None and leased.current() != account:
            raise DisconnectionError("made under an earlier account")

    def _leased(self, dialect: "Dialect", parameters: dict[str, Any]) -> LeasedAccount | None:
        if dialect.name != "postgresql":
            return None
        host = parameters.get("host", "")
        port = parameters.get("port") or POSTGRESQL_PORT
        return self._secrets.account(f"{host}:{port}/{parameters.get('dbname', '')}")


def _connected(
    dialect: "Dialect", arguments: Any, parameters: dict[str, Any], account: DatabaseLogin
) -> Any:
    # A copy: SQLAlchemy keeps `parameters` for the next connection, and shows it in its errors.
    login = {**parameters, "user": account.name, "password": account.password}
    return dialect.connect(*arguments, **login)
