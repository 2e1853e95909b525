"""Time stamps of checkpoints by an authority that others trust (RFC 3161).

They are kept in `anchors/` of this installation, by size: `<size>.tsr`, and the stamped checkpoint
beside it.
"""

import urllib.request
from pathlib import Path

from tasks.anchoring.anchor_files import anchors_folder, keep_anchor, post, service_down
from tasks.errors import ConfigError, EvidenceError
from tasks.ledger.checkpoint import read_checkpoint
from tasks.ledger.ledger import Ledger
from tasks.settings import Settings
from tasks.system.installation import Installation

TSA = "PORTCULLIS_TSA_URL"
TSA_ROOT = "PORTCULLIS_TSA_ROOT"
TIMEOUT_SECONDS = 20
OK = 200


def stamp(ledger: Ledger, installation: Installation) -> None:
    """Have the configured authority stamp the present checkpoint, unless it has (RFC 3161).

    Raises:
        ServiceError: It does not answer with a stamp.
        EvidenceError: Its stamp does not verify.
    """
    url = installation.settings.tsa_url
    if not url:
        return
    # Late, because most installations have no such authority.
    from rfc3161_client import TimestampRequestBuilder, VerificationError, decode_timestamp_response

    note = ledger.store.head() or ""
    path = anchors_folder(installation.home) / f"{read_checkpoint(note)[0].size}.tsr"
    if path.is_file():
        return

    # With a nonce, so that an old answer cannot be played back; with the certificate, so that the
    # stamp verifies by the root certificate alone, years later.
    request = (
        TimestampRequestBuilder()
        .data(note.encode())
        .cert_request(cert_request=True)
        .nonce(nonce=True)
        .build()
    )
    http_request = urllib.request.Request(
        url, request.as_bytes(), {"Content-Type": "application/timestamp-query"}
    )
    try:
        status, data = post(http_request, timeout=TIMEOUT_SECONDS)
        if status != OK:
            raise service_down("time-stamping authority", f"HTTP {status}")
        response = decode_timestamp_response(data)
    except (OSError, ValueError) as error:
        raise service_down("time-stamping authority", type(error).__name__) from error

    # Verified before it is kept: a stamp that only others could check would be found wrong years
    # later.
    verifier = _verifier(request.nonce, installation.settings)
    try:
        verifier.verify_message(response, note.encode())
    except ValueError as error:
        # A refusal is an answer of its own status, without a stamp in it (RFC 3161, 2.4.2).
        refusal = f"status {response.status}, and no stamp"
        raise service_down("time-stamping authority", refusal) from error
    except VerificationError as error:
        raise EvidenceError(
            "time stamp",
            expected="a stamp of the checkpoint that verifies",
            found=str(error)[:120],
            remedy=f"Check ${TSA_ROOT} and ${TSA}.",
        ) from error

    # The stamped note beside its stamp: the head moves on, and a stamp is about these bytes. The
    # stamp last, for where one lies nobody asks again.
    keep_anchor(path.with_suffix(".stamped"), note.encode())
    keep_anchor(path, data)


def stamped_at(installation: Installation, size: int) -> str:
    """Return the time that an authority put on the checkpoint of a size.

    Raises:
        EvidenceError: There is no stamp, or it does not verify.
    """
    from rfc3161_client import VerificationError, decode_timestamp_response

    path = anchors_folder(installation.home) / f"{size}.tsr"
    try:
        response = decode_timestamp_response(path.read_bytes())
        # Without a nonce: the one of the request was for that answer, and is not kept.
        _verifier(None, installation.settings).verify_message(
            response, path.with_suffix(".stamped").read_bytes()
        )
    except (OSError, ValueError, VerificationError) as error:
        raise EvidenceError(
            path.name,
            expected="a time stamp that verifies",
            found=type(error).__name__,
            remedy="Restore it.",
        ) from error
    return str(response.tst_info.gen_time.isoformat())


# A class that its library does not export typed.
def _verifier(nonce: int | None, settings: Settings):  # type: ignore[no-untyped-def]
    """Return a verifier that trusts the configured root certificates and no other."""
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import VerifierBuilder

    path = settings.tsa_root_path
    if not path or not Path(path).is_file():
        raise ConfigError(
            f"${TSA_ROOT}",
            expected="the authority's root certificate, PEM",
            found="none",
            remedy="Set it.",
        )
    try:
        certificates = load_pem_x509_certificates(Path(path).read_bytes())
    except ValueError as error:
        raise ConfigError(
            f"${TSA_ROOT}",
            expected="the authority's root certificate, PEM",
            found="a file of another form",
            remedy="Ask the authority for it.",
        ) from error

    builder = VerifierBuilder()
    for certificate in certificates:
        builder = builder.add_root_certificate(certificate)
    return (builder if nonce is None else builder.nonce(nonce)).build()
