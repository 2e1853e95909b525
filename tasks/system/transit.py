"""Ask the Transit secrets engine of Vault or OpenBao: for signing, and for the store's root key."""

from typing import Any

from tasks.system.bao import BaoServer, DeniedError, ask_bao, no_answer

__all__ = ["DeniedError", "ask_transit"]


def ask_transit(
    server: BaoServer,
    token: str,
    path: str,
    body: dict[str, Any] | None,
    *,
    seconds: float,
    remedy: str,
) -> dict[str, Any]:
    """Return the `data` of an answer, empty where there is none; `body` makes it a POST.

    Args:
        server: Whom to ask.
        token: What the server knows the caller by.
        path: Below `transit/`.
        body: What is posted; None asks with GET.
        seconds: How long an answer may take.
        remedy: What a person should do where the server does not answer.

    Raises:
        DeniedError: The server refuses.
        ServiceError: The server does not answer, or not in its own format.
    """
    answer = ask_bao(server, token, f"transit/{path}", body, seconds=seconds, remedy=remedy)
    try:
        # Nothing to say is 204 and no body, or `data: null`.
        return dict(answer["data"] or {}) if answer else {}
    except (KeyError, TypeError, ValueError) as error:
        raise no_answer(server.address, type(error).__name__, remedy) from error
