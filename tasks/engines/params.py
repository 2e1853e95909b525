"""The `engine:` section of a use case: where all its heavy stages compute."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from tasks.config.strict import StrictModel


class InOneProcess(StrictModel):
    """Partitions are worked on where the stage runs."""

    kind: Literal["one_process"] = Field(default="one_process", description="which engine it is")


class OnProcesses(StrictModel):
    """Partitions are worked on by worker processes of this machine; redact's need 1 GB each."""

    kind: Literal["processes"] = Field(description="which engine it is")
    workers: int = Field(ge=1, le=256, description="processes, of the cores that the stage may use")


class OnDask(StrictModel):
    """Partitions are worked on by a Dask cluster, which sees them.

    Its machines are processors of personal data then.
    """

    kind: Literal["dask"] = Field(description="which engine it is")
    address: str = Field(min_length=1, description="the scheduler, tls://host:port")
    checked_ratio: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of partitions, one a stage at least, that the stage works on itself, "
        "too: an answer that differs ends it",
    )


class EngineParams(RootModel[Annotated[InOneProcess | OnProcesses | OnDask, Field()]]):
    """The engine of all heavy stages: `{kind: one_process}` where the section is left out."""

    model_config = ConfigDict(frozen=True)

    root: InOneProcess | OnProcesses | OnDask = Field(
        # By `kind`: without it pydantic tries all three, and a misspelt field of one is reported
        # three times.
        default=InOneProcess(),
        discriminator="kind",
        description="where partitions are worked on",
    )
