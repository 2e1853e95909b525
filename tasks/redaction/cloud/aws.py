"""Clients of Amazon's services, for the adapters of this room."""

from typing import Any

from tasks.errors import ConfigError
from tasks.formats.shown import kind_of_error
from tasks.redaction.cloud.faults import silence_requests
from tasks.redaction.cloud.params import ComprehendParams, MacieParams


def open_client(service: str, params: ComprehendParams | MacieParams) -> Any:
    """Return a client that signs requests, asks again with growing pauses, and gives up.

    Credentials are those of the environment, or of the machine; the region is the use case's.

    Raises:
        ConfigError: The service is not there in that region, or there are no credentials.
    """
    import botocore.session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    silence_requests()
    session = botocore.session.get_session()
    try:
        # Asked before the first request: botocore would look for them in the middle of the stage.
        if session.get_credentials() is None:
            raise ConfigError(
                f"redact, {service}",
                expected="Amazon's credentials in the worker's environment",
                found="none",
                remedy="Give the machine a role, or set AWS_ACCESS_KEY_ID and what belongs to it.",
            )
        return session.create_client(
            service,
            region_name=params.region,
            endpoint_url=params.endpoint,
            config=Config(
                connect_timeout=params.timeout_seconds,
                read_timeout=params.timeout_seconds,
                # "standard": throttling, 5xx and lost connections, after growing random pauses
                retries={"mode": "standard", "total_max_attempts": params.attempts},
                # An address in the environment or in a file of AWS's must not take the texts away.
                ignore_configured_endpoint_urls=True,
            ),
        )
    except BotoCoreError as error:
        raise ConfigError(
            f"redact, {service}",
            expected=f"the service in {params.region}, and credentials for it",
            found=kind_of_error(error),
            remedy="Mend the region in the use case, or the worker's AWS settings.",
        ) from None
