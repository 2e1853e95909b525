"""An identity provider of the house's own, in the place of the one that the stack brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import ConfigError
from tasks.formats.yaml_file import read_yaml
from tasks.registry_server.configuring import check_config

# What only whoever runs the provider knows; all else of a server's configuration is the stack's.
FIELDS = (
    "issuer",
    "audience",
    "client_id",
    "algorithms",
    "groups",
    "services",
    "groups_claim",
    "longest_token_seconds",
    "clock_skew_seconds",
)
SECRET = "PORTCULLIS_SERVER_CLIENT_SECRET"


@dataclass(frozen=True)
class OwnProvider:
    """What the registry's server is told of it.

    Attributes:
        values: Fields of the server's configuration.
        client_secret: The server's, at the provider.
    """

    values: Mapping[str, object]
    client_secret: str

    @property
    def issuer(self) -> str:
        """Its address, as its tokens name it."""
        return str(self.values["issuer"])


def read_own_provider(
    path: Path, client_secret: str, stack_values: Mapping[str, object]
) -> OwnProvider:
    """Read the file that describes a provider; `stack_values` are the rest of a configuration.

    Raises:
        ConfigError: It is not there or not valid, or there is no client's secret.
    """
    values = read_yaml(path)

    # Refused and not ignored: whoever writes `origin` there means something that would not come
    # true.
    if not set(values) <= {*FIELDS}:
        raise ConfigError(
            str(path),
            expected=f"fields among {', '.join(FIELDS)}",
            found="another field",
            remedy="Take it out: the stack sets it.",
        )

    # Judged as a whole, as the server will judge it, before anything is started.
    check_config({**stack_values, **values}, path)

    if not client_secret:
        raise ConfigError(
            f"${SECRET}",
            expected="the secret of `client_id` at the provider",
            found="nothing",
            remedy="Set it in the environment of the command.",
        )

    return OwnProvider(values, client_secret)
