"""What the operator pins on the server: whose evidence opens which name, in one YAML file.

Nothing of it comes from a caller, from a run or from a bundle, and nothing of it is secret.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from tasks.attestation.artefacts import artefact
from tasks.clearance.configuration import POLICY
from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml

KeyId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
PLACE = r"^(mlflow-artifacts:/|s3://[a-z0-9.-]+/)([^/\s]\S*)?$"
Root = Annotated[str, StringConstraints(pattern=PLACE)]
Name = Annotated[str, StringConstraints(min_length=1)]


class TrustedLog(BaseModel):
    """One log, and what its decisions may open.

    Attributes:
        origin: Its name, as its checkpoints have it.
        root_key: The id of its root key: sha256 of the public key in DER.
        decision_keys: The ids of the keys that may have signed the decision of `register`. A key
            that is taken out here opens nothing any more, whatever a copy of the log leaves out.
        names: Registered model -> the use case that owns the name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Name
    root_key: KeyId
    decision_keys: tuple[KeyId, ...] = Field(min_length=1)
    names: dict[Name, Name] = Field(min_length=1)


class StoreConfig(BaseModel):
    """The configuration of the registry store.

    Attributes:
        logs: Whose evidence is taken.
        policies: The digests of the policies by which a model may have been decided on.
        policy_workspace: The folder whose `configs/policy` the server asks itself; its digest is
            one of `policies`.
        least_mode: In which mode, at the least, it was decided.
        artifact_roots: How the artifact root of a released run has to begin.
        decision_seconds: How old a decision may be when a version is made by it.
        clock_skew_seconds: By how much the worker's clock may be ahead.
        serving_aliases: Aliases that decide about people: they ask for a second person's approval.
        most_model_bytes: How large a packed model may be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    logs: tuple[TrustedLog, ...] = Field(min_length=1)
    policies: tuple[Sha256, ...] = Field(min_length=1)
    policy_workspace: Path
    least_mode: Literal["local", "enforced"]
    artifact_roots: tuple[Root, ...] = Field(min_length=1)
    decision_seconds: int = Field(gt=0, le=24 * 3600)
    clock_skew_seconds: int = Field(ge=0, le=300)
    serving_aliases: tuple[Name, ...]
    most_model_bytes: int = Field(gt=0)

    @model_validator(mode="after")
    def _names_belong_to_one(self) -> Self:
        names = [name for log in self.logs for name in log.names]
        if len(names) != len(set(names)):
            raise ValueError("logs: a registered model's name belongs to one use case of one log")
        return self

    def log_of(self, name: str) -> TrustedLog | None:
        """Return the log whose evidence opens a name; None where nobody's does."""
        return next((log for log in self.logs if name in log.names), None)


def read_store_config(path: Path) -> StoreConfig:
    """Read the configuration.

    Raises:
        ConfigError: It is not there or not valid, or the policy that would be asked is none of
            those that are pinned.
    """
    try:
        config = StoreConfig.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "the whole"
        raise ConfigError(
            f"{path}, {field}",
            expected="what docs/registry-server.md lists",
            found=str(first["msg"]),
            remedy="Mend the field; the server does not start without it.",
        ) from error

    policy = config.policy_workspace / POLICY
    if (
        not policy.is_dir()
        or artefact(config.policy_workspace, POLICY).sha256 not in config.policies
    ):
        raise ConfigError(
            f"{path}, policy_workspace",
            expected="a folder whose configs/policy has one of the digests in `policies`",
            found="another policy" if policy.is_dir() else "none",
            remedy="Copy configs/policy there, or pin its digest.",
        )
    return config
