"""MLflow's registry store for `portcullis+postgresql://…`, which asks for evidence by itself.

Whatever reaches MLflow's registry in this process goes through here: REST, the pages' API, GraphQL,
a job. It is told the arguments that MLflow has parsed, so that there is no second reading of a
request that could differ.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    PERMISSION_DENIED,
    RESOURCE_ALREADY_EXISTS,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from tasks.errors import ConfigError, EvidenceError, PortcullisError, ServiceError
from tasks.formats.digests import sha256_of
from tasks.registry.client import CLEARANCE_FILE, ENTRY_TAG, MODEL_TAG, PROMOTION_FILE
from tasks.registry.loading import model_data_in
from tasks.registry.stored import require_judged_bytes
from tasks.registry_store.configuring import StoreConfig, read_store_config
from tasks.registry_store.methods import DESCRIBE, METHODS, READ
from tasks.registry_store.runs import ReleasedRun, find_released_run
from tasks.registry_store.tags import (
    UNSIGNED,
    is_ours,
    require_model_tags,
    require_version_tag,
    require_version_tags,
)
from tasks.registry_store.verifying import Cleared, require_trusted, verify_clearance
from tasks.secrets.tracking_store import SCHEME_PREFIX, secrets_of_process
from tasks.settings import Settings
from tasks.system.database import with_driver

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

LOG = logging.getLogger("portcullis.registry_store")
DELETED = "Deleted_Internal"  # the stage by which MLflow marks a version as deleted


def make_registry_store(store_uri: str, tracking_uri: str | None = None) -> AbstractStore:  # noqa: ARG001 - MLflow's signature
    """Return the store; MLflow calls it by the entry point `mlflow.model_registry_store`.

    Raises:
        ConfigError: The environment, or the configuration, is not valid: no server starts.
    """
    settings = Settings.from_environment(os.environ)
    if not settings.store_config:
        raise ConfigError(
            "$PORTCULLIS_STORE_CONFIG",
            expected="what the registry store trusts, a YAML file",
            found="nothing",
            remedy="Set it; docs/registry-server.md shows one.",
        )
    config = read_store_config(Path(settings.store_config))

    # A line for each file that is read, and the packing of each comparison, say nothing to anybody.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ["MLFLOW_UV_AUTO_DETECT"] = "false"  # it packs a `uv.lock` of wherever one stands
    logging.getLogger("mlflow.pyfunc").setLevel(logging.ERROR)

    # From here on engines log in by leased accounts, where some are declared.
    secrets_of_process()

    url = with_driver(store_uri.removeprefix(SCHEME_PREFIX))
    inner = CheckedSessions(url.render_as_string(hide_password=False))
    return EvidenceStore(inner, config, _tracking_store)


def _tracking_store() -> Any:
    from mlflow.server.handlers import _get_tracking_store

    return _get_tracking_store()


class CheckedSessions(SqlAlchemyStore):  # type: ignore[misc] # MLflow has no types
    """MLflow's own store, whose next change is looked at once more before it is committed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._checks = local()
        self._make_session: Any = self.ManagedSessionMaker  # type: ignore[has-type]
        self.ManagedSessionMaker = self._checked_session

    @contextmanager
    def checked(self, check: Callable[[Any], None]) -> Iterator[None]:
        """Call `check` with the session of each change of this thread, before its commit."""
        self._checks.check = check
        try:
            yield
        finally:
            self._checks.check = None

    @contextmanager
    def _checked_session(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        with self._make_session(*arguments, **options) as session:
            yield session
            check = getattr(self._checks, "check", None)
            if check is not None and not options.get("read_only", True):
                # Flushed, so that the row stands, and holds its lock, while the check looks.
                session.flush()
                check(session)


class EvidenceStore(AbstractStore):  # type: ignore[misc] # MLflow has no types
    """Lets through what changes nothing; of what changes something, what the evidence says.

    Args:
        inner: MLflow's own store.
        config: What is pinned.
        tracking_store: Gives MLflow's store of runs, which exists once the server has started.
    """

    def __init__(
        self, inner: CheckedSessions, config: StoreConfig, tracking_store: Callable[[], Any]
    ) -> None:
        super().__init__()
        self._inner = inner
        self._config = config
        self._tracking_store = tracking_store
        self._one_at_a_time = Lock()

    # Registered models.

    def create_registered_model(
        self,
        name: str,
        tags: Any = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> Any:
        """Make a name that is pinned, with the owner that is pinned."""
        with _refusals():
            trusted = require_trusted(name, self._config)
            require_model_tags(_values_of(tags), trusted.names[name], trusted.origin)
            _require_absent("deployment job", deployment_job_id)

        # Nothing that MLflow writes stands before all has been verified.
        return self._inner.create_registered_model(name, tags, description)

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set a tag that means nothing to a program, or says what is pinned."""
        with _refusals():
            trusted = require_trusted(name, self._config)
            require_model_tags({tag.key: tag.value}, trusted.names[name], trusted.origin)
        self._inner.set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Take a tag away that means nothing to a program."""
        with _refusals():
            _require_free(key)
        self._inner.delete_registered_model_tag(name, key)

    # Versions.

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> Any:
        """Make a version of a model that evidence of a moment ago clears, by its bytes.

        They are read into a private folder and judged there. Once the version's row stands, and
        before it is committed, they are read again: a version whose bytes were exchanged meanwhile
        never comes to be. Nor does a second version of one model.
        """
        with _refusals(), self._one_at_a_time:
            _require_absent("run link", run_link)
            _require_absent("local path", local_model_path)
            _require_absent("logged model", model_id)
            run = find_released_run(self._tracking_store(), run_id, source, self._config)
            values = _values_of(tags)
            entry = _entry_in(values)
            cleared, bytes_sha256 = self._cleared_by_bytes(run, entry, name, is_new=True)
            require_version_tags(values, cleared)

            def check(session: Any) -> None:
                _require_only_version(session, name, values[MODEL_TAG])
                if run.digest(self._config) != bytes_sha256:
                    raise _denied(_exchanged())

            with self._inner.checked(check):
                return self._inner.create_model_version(
                    name, source, run.run_id, tags, description=description
                )

    def set_model_version_tag(self, name: str, version: str, tag: Any) -> None:
        """Set a tag that means nothing to a program, or says what the evidence says."""
        with _refusals():
            if is_ours(tag.key):
                run = self._run_of(name, version)
                entry = _newest(run)

                is_new = tag.key in UNSIGNED
                with run.clearance(entry) as archive:
                    cleared = verify_clearance(archive, entry, name, self._config, is_new=is_new)

                require_version_tag(tag.key, tag.value, cleared)
                _require_same_model(self._inner.get_model_version(name, version), cleared)

        self._inner.set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Take a tag away that means nothing to a program."""
        with _refusals():
            _require_free(key)
        self._inner.delete_model_version_tag(name, version, key)

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete a version that does not stand; one that evidence clears stays."""
        try:
            self._require_standing(name, version)
        except EvidenceError:
            # Judged, and not cleared. What could not be judged (below) stays.
            self._inner.delete_model_version(name, version)
            return
        except PortcullisError as error:
            raise _denied(error) from error
        raise _denied(_refused("version", "one that its evidence does not clear", "a cleared one"))

    # Aliases.

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Give an alias to a version that stands, by its bytes and by the newest evidence."""
        with _refusals():
            self._require_standing(name, version, self._serving(alias))
        self._inner.set_registered_model_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Take an alias from a version that does not stand."""
        version = self._inner.get_model_version_by_alias(name, alias).version
        try:
            self._require_standing(name, version, self._serving(alias))
        except EvidenceError:
            # Judged, and not cleared. What could not be judged (below) stays.
            self._inner.delete_registered_model_alias(name, alias)
            return
        except PortcullisError as error:
            raise _denied(error) from error

        raise _denied(_refused("alias", "one of a version that is not cleared", "a cleared one"))

    # How they are asked.

    def _serving(self, alias: str) -> str:
        """Return an alias by which models serve as the log names it; empty for any other."""
        served = {item.casefold() for item in self._config.serving_aliases}
        return alias if alias.casefold() in served else ""

    def _run_of(self, name: str, version: str) -> ReleasedRun:
        """Return the run of a version that is loaded from where people see that it lies."""
        model_version: ModelVersion = self._inner.get_model_version(name, version)
        place = self._inner.get_model_version_download_uri(name, version)
        if place != model_version.source:
            raise _refused("version", "one that is loaded from its source", "from elsewhere")
        return find_released_run(
            self._tracking_store(), model_version.run_id, model_version.source, self._config
        )

    def _require_standing(self, name: str, version: str, serving_alias: str = "") -> None:
        """Refuse a version whose bytes, or newest evidence, do not clear it today."""
        run = self._run_of(name, version)
        entry = _latest_promotion(run) if serving_alias else _newest(run)
        cleared, _ = self._cleared_by_bytes(
            run, entry, name, is_new=False, serving_alias=serving_alias
        )
        _require_same_model(self._inner.get_model_version(name, version), cleared)

    def _cleared_by_bytes(
        self, run: ReleasedRun, entry: int, name: str, *, is_new: bool, serving_alias: str = ""
    ) -> tuple[Cleared, str]:
        """Return what clears the bytes that lie there, and the digest of all of them."""
        file = PROMOTION_FILE if serving_alias else CLEARANCE_FILE

        with run.fetched(self._config) as stored, run.clearance(entry, file) as archive:
            # 1. By names alone: texts and the model's own package, nothing that may hold code.
            data = model_data_in(stored)
            model_sha256 = sha256_of(data)

            # 2. Whether those bytes were cleared.
            cleared = verify_clearance(
                archive,
                entry,
                name,
                self._config,
                model_sha256=model_sha256,
                is_new=is_new,
                serving_alias=serving_alias,
            )

            # 3. Only now are they read: all that steers the model follows from them.
            require_judged_bytes(stored, data, model_sha256)

            return cleared, sha256_of(stored)


def _reading(name: str) -> Callable[..., Any]:
    def call(self: EvidenceStore, *arguments: Any, **options: Any) -> Any:
        return getattr(self._inner, name)(*arguments, **options)

    call.__name__ = name
    call.__doc__ = f"Call MLflow's own `{name}`, which is let through."
    return call


def _refusing(name: str) -> Callable[..., Any]:
    def call(_self: EvidenceStore, *_: Any, **__: Any) -> Any:
        raise _denied(_refused("method", "one that is let through here", f"`{name}`"))

    call.__name__ = name
    call.__doc__ = f"Refuse `{name}`."
    return call


def _classify() -> None:
    """Give the store every method of MLflow's, by its class; one that has none is refused.

    Also what MLflow implements by other methods (prompts, copies): those are not ours.
    """
    own = {name for name in vars(EvidenceStore) if not name.startswith("_")}
    for name in dir(AbstractStore):
        if name.startswith("_") or name in own:
            continue

        kind = METHODS.get(name)
        if name == "supports_workspaces":
            EvidenceStore.supports_workspaces = False
        elif kind in (READ, DESCRIBE):
            setattr(EvidenceStore, name, _reading(name))
        else:
            setattr(EvidenceStore, name, _refusing(name))

    # What was abstract has a body now.
    EvidenceStore.__abstractmethods__ = frozenset()


_classify()


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what is refused into MLflow's answer; whatever else goes wrong refuses, too."""
    try:
        yield
    except PortcullisError as error:
        raise _denied(error) from error

    # What MLflow refuses by itself (no such version, a name that is taken) stays its answer.
    except MlflowException:
        raise

    # Anything else is a fault of ours or a server that is away: it must not pass as "verified".
    except Exception as error:
        LOG.exception("a change of the registry could not be verified")
        raise MlflowException(
            f"Nothing was changed: it could not be verified ({type(error).__name__}).",
            INTERNAL_ERROR,
        ) from error


def _denied(error: PortcullisError) -> MlflowException:
    is_away = isinstance(error, ServiceError)
    code = TEMPORARILY_UNAVAILABLE if is_away else PERMISSION_DENIED
    return MlflowException(str(error), code)


def _refused(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        f"registry store, {where}",
        expected=expected,
        found=found,
        remedy="Nothing was changed.",
    )


def _exchanged() -> EvidenceError:
    return _refused("model version", "the bytes that were verified", "others, a moment later")


def _values_of(tags: Any) -> dict[str, str]:
    return {tag.key: tag.value for tag in tags or ()}


def _require_free(key: str) -> None:
    if is_ours(key):
        raise _refused("tag", "one that means nothing to a program", "one of ours")


def _require_absent(what: str, value: str | None) -> None:
    if value:
        raise _refused(what, "none", "one")


def _entry_in(tags: Mapping[str, str]) -> int:
    text = tags.get(ENTRY_TAG, "")
    # 18 digits fit into the 64 bits of a database's integer.
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise _refused("tag", f"`{ENTRY_TAG}`, the entry of the decision", "none")
    return int(text)


def _newest(run: ReleasedRun) -> int:
    entries = run.clearances()
    if not entries:
        raise _refused("run", "evidence beside the model", "none")
    return entries[-1]


def _latest_promotion(run: ReleasedRun) -> int:
    entries = run.promotions()
    if not entries:
        raise _refused("alias", "a promotion's evidence beside the model", "none")
    return entries[-1]


def _require_same_model(model_version: "ModelVersion", cleared: Cleared) -> None:
    if model_version.tags.get(MODEL_TAG) != cleared.chain.model_sha256:
        raise _refused("version", "evidence about the model that it names", "about another")


def _require_only_version(session: Any, name: str, model_sha256: str) -> None:
    """Refuse a second version of a model; the row of the name is locked by now."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag

    versions = (
        session.query(SqlModelVersion.version)
        .join(SqlModelVersion.model_version_tags)
        .filter(
            SqlModelVersion.name == name,
            SqlModelVersion.current_stage != DELETED,
            SqlModelVersionTag.key == MODEL_TAG,
            SqlModelVersionTag.value == model_sha256,
        )
        .count()
    )
    if versions > 1:
        raise MlflowException("This model has a version already.", RESOURCE_ALREADY_EXISTS)
