"""Verify the SSH signature of a commit against allowed signers, by `ssh-keygen` alone.

The same two calls that `git verify-commit` makes, over the bytes whose id was checked here: what
git's configuration says of programs, formats and trust has no say. Other kinds of signature are
refused, because they would be verified by the keyring of whoever runs this.
"""

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import ConfigError

# The second where ids are SHA-256; a commit of a repository in transition has both, and is nobody's
# here: each signs other bytes.
HEADERS = (b"gpgsig", b"gpgsig-sha256")
ARMOUR = b"-----BEGIN SSH SIGNATURE-----\n"
NAMESPACE = "git"  # a signature made for files or mails is none of a commit
# For a signature of a few hundred bytes.
SECONDS = 20.0


@dataclass(frozen=True)
class SignedCommit:
    """The payload that was signed, and the signature over it."""

    payload: bytes
    signature: bytes


def split_signature(commit: bytes) -> SignedCommit | None:
    """Take the signature out of a commit's bytes; None where there is not exactly one.

    Nor where a line stands among its headers that is none. A header's further lines begin with a
    space (gitformat-signature(5)).
    """
    headers, blank, message = commit.partition(b"\n\n")
    fields = re.findall(rb"(?m)^([^ \n]+) ([^\n]*(?:\n [^\n]*)*)", headers)
    # What is no header would be in the commit's id and not in what is verified: somebody could add
    # it to a commit that another has signed, under that signature.
    if b"\n".join(name + b" " + value for name, value in fields) != headers:
        return None
    signatures = [value.replace(b"\n ", b"\n") for name, value in fields if name in HEADERS]
    if len(signatures) != 1:
        return None

    # Every other header as it stood, in its order: the signature is over these bytes.
    rest = b"\n".join(name + b" " + value for name, value in fields if name not in HEADERS)
    return SignedCommit(rest + blank + message, signatures[0].rstrip(b"\n") + b"\n")


def find_signer(commit: bytes, allowed_signers: str) -> str:
    """Return the principal whose allowed key has signed a commit; empty where there is none.

    A key counts if it is allowed now. The time that the commit names is its author's to choose.

    Args:
        commit: The commit's bytes, held against its id.
        allowed_signers: In the form of ssh-keygen(1), "ALLOWED SIGNERS".

    Raises:
        ConfigError: This machine has no `ssh-keygen`.
    """
    signed = split_signature(commit)
    if signed is None or not signed.signature.startswith(ARMOUR) or not allowed_signers.strip():
        return ""

    with tempfile.TemporaryDirectory(prefix="portcullis-") as folder:
        signers = Path(folder) / "allowed_signers"
        signature = Path(folder) / "commit.sig"
        # In files, since `ssh-keygen` takes both by name; in a folder that nobody else may open.
        signers.write_text(allowed_signers.rstrip("\n") + "\n", encoding="utf-8")
        signature.write_bytes(signed.signature)

        options = ["-f", str(signers), "-s", str(signature)]
        principals = _ask_ssh_keygen(["-Y", "find-principals", *options], b"")
        # All of them: a key may be allowed under several names, one of which is out of its time or
        # of another namespace.
        for principal in (principals or b"").decode("utf-8", "replace").splitlines():
            words = ["-Y", "verify", "-n", NAMESPACE, "-I", principal, *options]
            if _ask_ssh_keygen(words, signed.payload) is not None:
                return principal
    return ""


def _ask_ssh_keygen(words: list[str], content: bytes) -> bytes | None:
    """Return what it prints; None where it says no."""
    # Nothing of the caller's: no agent, no configuration, no other `ssh-keygen`.
    environment = {"PATH": os.defpath, "LC_ALL": "C", "HOME": os.devnull}
    try:
        done = subprocess.run(
            ["ssh-keygen", *words],
            input=content,
            env=environment,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise ConfigError(
            "ssh-keygen",
            expected="the program that verifies signatures of commits, and its answer",
            found="none",
            remedy="Install OpenSSH's client on the worker's machine.",
        ) from error

    return None if done.returncode else done.stdout
