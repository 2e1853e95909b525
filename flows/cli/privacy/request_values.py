"""A data subject's request as JSON values, which name nobody."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.erasure.request import ErasureRequest


def request_values(request: "ErasureRequest") -> dict[str, Any]:
    """Return a request: how it stands, why it failed, and what is kept and until when."""
    failure = request.failure
    deferral = request.deferral

    # Nothing here says whose request it is: not the pseudonym, which whoever has the key can match.
    return {
        "request": request.request_id,
        "useCase": request.use_case,
        "received": request.received.isoformat(),
        "state": str(request.state),
        "closed": request.closed.isoformat() if request.closed else None,
        "failure": {"step": str(failure.step), "reason": failure.reason} if failure else None,
        "kept": None
        if deferral is None
        else {
            "retention": str(deferral.retention),
            "until": deferral.review.isoformat(),
            "isHeld": deferral.is_held,
            "basis": deferral.basis,
            "custody": str(deferral.custody),
        },
    }
