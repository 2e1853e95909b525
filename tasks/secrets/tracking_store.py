"""MLflow's store of runs for `portcullis+postgresql://host:port/name`: a URI without a login."""

import atexit
import os
import resource
from functools import cache
from typing import TYPE_CHECKING

from tasks.secrets.provider import Secrets, open_secrets
from tasks.settings import Settings
from tasks.system.database import with_driver
from tasks.system.processes import hide_from_others

if TYPE_CHECKING:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

SCHEME_PREFIX = "portcullis+"


def make_tracking_store(store_uri: str, artifact_uri: str | None = None) -> "SqlAlchemyStore":
    """Return MLflow's own store, whose engine logs in by a leased account.

    MLflow calls it by the entry point `mlflow.tracking_store`, in each of the server's processes.
    """
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    secrets_of_process()
    # Without a login: the listeners put one in when a connection is made, and no URL holds it.
    url = with_driver(store_uri.removeprefix(SCHEME_PREFIX))
    return SqlAlchemyStore(url.render_as_string(hide_password=False), artifact_uri)


@cache
def secrets_of_process() -> Secrets:
    """Return the provider of this process of MLflow's, which calls us without an argument.

    From the first call on, engines log in by it.

    Raises:
        ConfigError: The environment or `$PORTCULLIS_SECRETS` is not valid.
    """
    from tasks.secrets.pools import EngineAccounts

    # No core dump, here or of a child, and no other process of this account looks inside.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hide_from_others()

    environ = dict(os.environ)
    secrets = open_secrets(Settings.from_environment(environ), environ)
    EngineAccounts(secrets).listen()
    atexit.register(secrets.close)
    return secrets
