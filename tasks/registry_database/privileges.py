"""Who may do what in the registry's database: four roles, every table of MLflow's, every trigger.

Declared here once. `installing` makes the database so, and `checking` says what is otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DatabaseRole(StrEnum):
    """The roles. None of them can log in; the accounts that can are members of one each."""

    OWNER = "portcullis_owner"  # owns every table and function
    SERVER = "portcullis_server"  # MLflow serves as a member of it
    GATEKEEPER = "portcullis_gatekeeper"  # inserts evidence, approvals and withdrawals
    AUDITOR = "portcullis_auditor"  # reads
    AUDITED = "portcullis_audited"  # has no members: pgaudit notes what its privileges are used for


ACCOUNT_ROLES = (DatabaseRole.SERVER, DatabaseRole.GATEKEEPER, DatabaseRole.AUDITOR)
# OpenBao's account, which makes others (`tasks.secrets.accounts`); a database need not have it.
ACCOUNT_MAKER = "portcullis_openbao"
SCHEMA = "portcullis"
SERVING_ALIAS = "champion"
MLFLOW_FUNCTIONS = frozenset({"prevent_secrets_aad_mutation"})  # each with a trigger of its name

READ = frozenset({"SELECT"})
APPEND = frozenset({"SELECT", "INSERT"})
REWRITE = frozenset({"SELECT", "INSERT", "UPDATE"})
REPLACE = frozenset({"SELECT", "INSERT", "DELETE"})
FREE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


@dataclass(frozen=True)
class Grant:
    """What a role may do with a table: with all of it, and with some columns only."""

    table: frozenset[str] = frozenset()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _updating(*columns: str, table: frozenset[str] = APPEND) -> Grant:
    return Grant(table, {"UPDATE": columns})


# Every table of MLflow 3.17, and what its server does there. A table that is not listed is granted
# to nobody, and `checking` names it. Hard deletion of runs and experiments is `mlflow gc`, which
# the owner runs; `secrets`, jobs, gateway, webhooks and the like are routes that nobody may call.
SERVER_GRANTS: Mapping[str, Grant] = {
    "registered_models": _updating("description", "last_updated_time"),
    "model_versions": _updating(
        "description", "last_updated_time", "current_stage", "source", "run_id", "run_link",
        "user_id", "status_message",
    ),
    "registered_model_tags": _updating("value", table=REPLACE),
    "model_version_tags": _updating("value", table=REPLACE),
    "registered_model_aliases": _updating("version", table=REPLACE),
    "experiments": _updating("name", "artifact_location", "lifecycle_stage", "last_update_time"),
    "runs": _updating(
        "name", "source_type", "source_name", "entry_point_name", "user_id", "status", "start_time",
        "end_time", "source_version", "lifecycle_stage", "deleted_time",
    ),
    "logged_models": _updating(
        "name", "last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type",
        "status_message",
    ),
    **dict.fromkeys(("params", "metrics", "datasets", "logged_model_metrics"), Grant(APPEND)),
    **dict.fromkeys(("inputs", "input_tags", "logged_model_params"), Grant(REWRITE)),
    **dict.fromkeys(
        (
            "assessments", "entity_associations", "evaluation_dataset_records",
            "evaluation_dataset_tags", "evaluation_datasets", "experiment_tags", "issues",
            "label_schemas", "latest_metrics", "logged_model_tags", "review_queue_items",
            "review_queue_label_schemas", "review_queue_users", "review_queues", "span_metrics",
            "spans", "sql_assessment_daily_rollups", "sql_span_cost_daily_rollups",
            "sql_trace_metric_daily_rollups", "sql_trace_rollup_rebuild_queue", "tags",
            "trace_info", "trace_metrics", "trace_request_metadata", "trace_tags",
        ),
        Grant(FREE),
    ),
    **dict.fromkeys(
        (
            "alembic_version", "budget_policies", "endpoint_bindings", "endpoint_model_mappings",
            "endpoint_tags", "endpoints", "guardrail_configs", "guardrails", "mcp_access_endpoints",
            "mcp_server_aliases", "mcp_server_tags", "mcp_server_version_tags",
            "mcp_server_versions", "mcp_servers", "model_definitions", "online_scoring_configs",
            "scorer_versions", "scorers", "webhook_events", "webhooks", "workspaces",
        ),
        Grant(READ),
    ),
    **dict.fromkeys(("job_locks", "jobs", "scheduler_leases", "secrets"), Grant()),
}  # fmt: skip
REGISTRY_TABLES = (
    "registered_models", "model_versions", "registered_model_tags", "model_version_tags",
    "registered_model_aliases",
)  # fmt: skip

# Columns that the gatekeeper fills; the database adds who and when.
_GIVEN = {
    "names": ("name", "use_case", "log_origin"),
    "evidence": (
        "name", "use_case", "log_origin", "log_entry", "run_id", "source", "model_sha256",
        "decision_sha256", "alias", "tags", "version", "valid_until",
    ),
    "approvals": (
        "name", "version", "alias", "requested_by", "approved_by", "log_entry", "valid_until",
    ),
    "withdrawals": ("name", "version", "log_entry"),
}  # fmt: skip
EVIDENCE_TABLES = (*_GIVEN, "versions", "inherited", "serving_aliases")


def grants_of(role: DatabaseRole) -> dict[tuple[str, str], Grant]:
    """Return what a role may do, by (schema, table); what is not listed it may not."""
    evidence = {(SCHEMA, table): Grant(READ) for table in EVIDENCE_TABLES}
    read_in_mlflow = {
        ("public", table): Grant(READ) for table in (*REGISTRY_TABLES, "runs", "experiments")
    }

    match role:
        case DatabaseRole.SERVER:
            return evidence | {("public", name): grant for name, grant in SERVER_GRANTS.items()}

        case DatabaseRole.GATEKEEPER:
            inserts = {
                (SCHEMA, name): Grant(READ, {"INSERT": columns}) for name, columns in _GIVEN.items()
            }
            return evidence | inserts | read_in_mlflow

        case DatabaseRole.AUDITOR:
            return evidence | read_in_mlflow

        # Nobody is a member of it: pgaudit writes down whatever its privileges are used for.
        case DatabaseRole.AUDITED:
            written = frozenset({"INSERT", "UPDATE", "DELETE"})
            return {
                **{("public", table): Grant(written) for table in REGISTRY_TABLES},
                **{(SCHEMA, table): Grant(written) for table in EVIDENCE_TABLES},
            }

        # The owner's right is ownership, which no grant states.
        case DatabaseRole.OWNER:
            return {}


@dataclass(frozen=True)
class Guard:
    """One trigger: on which table, when, what it calls."""

    schema: str
    table: str
    when: str
    function: str
    arguments: tuple[str, ...] = ()
    is_row: bool = True

    @property
    def name(self) -> str:
        """The trigger's name; at most two of a function lie on one table."""
        kind = "" if self.is_row else "_all"
        return f"portcullis_{self.function}{kind}"


CHANGE = "BEFORE INSERT OR UPDATE OR DELETE"
_RUN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "params": ("run_uuid",),
    "metrics": ("run_uuid",),
    "latest_metrics": ("run_uuid",),
    "tags": ("run_uuid",),
    "inputs": ("source_id", "destination_id"),
    "logged_models": ("source_run_id",),
    "logged_model_metrics": ("run_id", "model_id"),
    "logged_model_params": ("model_id",),
    "logged_model_tags": ("model_id",),
}
GUARDS: tuple[Guard, ...] = (
    Guard("public", "registered_models", "BEFORE INSERT OR UPDATE", "guard_name"),
    # AFTER: it judges the row as it was stored, and no ON CONFLICT gets past it (ADR 94).
    Guard("public", "model_versions", "AFTER INSERT", "make_version"),
    Guard("public", "model_versions", "BEFORE UPDATE", "keep_version"),
    Guard("public", "model_version_tags", CHANGE, "guard_version_tag"),
    Guard("public", "registered_model_tags", CHANGE, "guard_name_tag"),
    Guard("public", "registered_model_aliases", "AFTER INSERT OR UPDATE", "guard_alias"),
    Guard("public", "registered_model_aliases", "BEFORE DELETE", "keep_serving_alias"),
    *(
        Guard("public", table, "BEFORE DELETE", "refuse_change")
        for table in ("registered_models", "model_versions")
    ),
    *(
        # TRUNCATE fires no trigger of a row.
        Guard("public", table, "BEFORE TRUNCATE", "refuse_change", is_row=False)
        for table in REGISTRY_TABLES
    ),
    *(
        Guard("public", table, CHANGE, "require_open_run", columns)
        for table, columns in _RUN_COLUMNS.items()
    ),
    Guard("public", "runs", "BEFORE UPDATE OR DELETE", "require_open_run", ("run_uuid",)),
    Guard("public", "experiments", "BEFORE UPDATE OR DELETE", "guard_experiment"),
    Guard(SCHEMA, "evidence", "BEFORE INSERT", "check_evidence"),
    Guard(SCHEMA, "approvals", "BEFORE INSERT", "check_approval"),
    *(
        Guard(SCHEMA, table, "BEFORE UPDATE OR DELETE", "refuse_change")
        for table in (*_GIVEN, "versions", "inherited")
    ),
    *(
        Guard(SCHEMA, table, "BEFORE TRUNCATE", "refuse_change", is_row=False)
        for table in EVIDENCE_TABLES
    ),
)
