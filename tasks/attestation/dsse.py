"""DSSE envelopes: a payload, its type, and signatures over both (the pre-authentication encoding).

The bytes are verified before they are believed; `keyid` is a hint; the payload type is part of what
is signed. An envelope has one canonical form here, so that no byte of a stored one can change
unnoticed.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from tasks.attestation.signing_keys import PublicKey, Signer
from tasks.errors import EvidenceError
from tasks.formats.strict_json import parse_json

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Envelope:
    """A signed payload, not yet verified."""

    payload: bytes
    payload_type: str
    keyid: str
    signature: bytes

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        signature = {"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}
        values = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [signature],
        }
        return json.dumps(values, separators=(",", ":")).encode()

    def is_signed_by(self, key: PublicKey) -> bool:
        """Say whether `key` signed this payload as this type."""
        # `keyid` is not a part of what is signed. The key ring looks keys up by it: an envelope has
        # to name the key that signed it, or one role's signature could stand under another role's
        # name.
        return self.keyid == key.keyid and key.verifies(
            self.signature, pae(self.payload_type, self.payload)
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding (DSSE protocol, v1)."""
    # The lengths are of bytes, and stand before both parts, so that no end of a type can be read as
    # the beginning of a payload.
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, signer: Signer, payload_type: str = IN_TOTO) -> Envelope:
    """Sign a payload."""
    return Envelope(
        payload, payload_type, signer.public.keyid, signer.sign(pae(payload_type, payload))
    )


def read_envelope(data: bytes, where: str) -> Envelope:
    """Return the envelope in `data`; verifies no signature.

    Raises:
        EvidenceError: It is not an envelope with one signature in canonical form.
    """
    try:
        values: Any = parse_json(data)
        # The specification allows several. A second one that nobody verifies would be room for
        # bytes that change unnoticed, and an entry has one signer here.
        (signature,) = values["signatures"]
        envelope = Envelope(
            # Without `validate` Python passes over characters that are not base64: two texts, one
            # payload.
            base64.b64decode(values["payload"], validate=True),
            str(values["payloadType"]),
            str(signature["keyid"]),
            base64.b64decode(signature["sig"], validate=True),
        )
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise _altered(where, "a DSSE envelope", type(error).__name__) from error

    # Both are ASCII wherever they mean something, and what is not takes four times its size.
    if not (envelope.payload_type + envelope.keyid).isascii():
        raise _altered(where, "a payload type and a key id in ASCII", "other characters")
    # The ledger's leaf holds the digest of these bytes: with spaces, fields in another order or one
    # field more there would be a second envelope that verifies like the first.
    if envelope.to_bytes() != data:
        raise _altered(where, "an envelope in canonical form", "another form of it")
    return envelope


def _altered(where: str, expected: str, found: str) -> EvidenceError:
    return EvidenceError(
        where, expected=expected, found=found, remedy="It was altered: fetch it from the ledger."
    )
