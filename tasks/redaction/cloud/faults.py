"""How a service that does not answer as it should is reported: never with a word of a text."""

import logging

from tasks.errors import ServiceError

# What these libraries log for debugging is whole requests, which are texts about people.
TALKATIVE_LOGGERS = ("botocore", "urllib3", "google.auth", "requests")


def no_answer(name: str, found: str) -> ServiceError:
    """Return the error for a detector or job that has not done its work."""
    return ServiceError(
        name,
        expected="an answer for every text",
        found=found,
        remedy="Nothing was taken from what it answered before. Look at its credentials, quota and "
        "status, then run again; or take it out of the use case.",
    )


def silence_requests() -> None:
    """Keep libraries from logging what is sent, whatever level somebody has set for all."""
    for name in TALKATIVE_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
