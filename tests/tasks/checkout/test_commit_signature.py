"""A commit's signature: taken out as git puts it in, and nothing else taken for one."""

import pytest

from tasks.checkout.commit_signature import SignedCommit, find_signer, split_signature

HEADERS = b"tree 0\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000"
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----"
PLAIN = b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"


@pytest.mark.parametrize("header", [b"gpgsig", b"gpgsig-sha256"])
def test_a_signature_is_taken_out_of_the_headers(header: bytes) -> None:
    commit = HEADERS + b"\n" + header + b" " + SIGNATURE + b"\n\nmessage\n"
    assert split_signature(commit) == SignedCommit(HEADERS + b"\n\nmessage\n", PLAIN)


@pytest.mark.parametrize("more", [b"encoding latin1", b"mergetag object 0\n type commit\n \n x"])
def test_headers_that_stand_beside_it_are_signed_for(more: bytes) -> None:
    commit = HEADERS + b"\n" + more + b"\ngpgsig " + SIGNATURE + b"\n\nmessage\n"
    assert split_signature(commit) == SignedCommit(HEADERS + b"\n" + more + b"\n\nmessage\n", PLAIN)


@pytest.mark.parametrize(
    "commit",
    [
        HEADERS + b"\n\nmessage\n",
        HEADERS + b"\n\ngpgsig " + SIGNATURE + b"\n",  # in the message
        HEADERS + b"\ngpgsig " + SIGNATURE + b"\ngpgsig " + SIGNATURE + b"\n\nmessage\n",
        b"",
    ],
)
def test_without_exactly_one_signature_there_is_none(commit: bytes) -> None:
    assert split_signature(commit) is None


@pytest.mark.parametrize("line", [b"reviewed", b"", b" tree 1"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_nothing_is_added_to_a_signed_commit(line: bytes, place: int) -> None:
    lines = [*HEADERS.split(b"\n"), b"gpgsig " + SIGNATURE]
    if line != b" tree 1" or place == 0:  # elsewhere it is a part of the header before it
        lines.insert(place, line)
        commit = b"\n".join(lines) + b"\n\nmessage\n"
        assert split_signature(commit) is None


def test_a_signature_of_another_kind_is_nobody_s() -> None:
    other = SIGNATURE.replace(b"SSH", b"PGP")
    commit = HEADERS + b"\ngpgsig " + other + b"\n\nmessage\n"
    assert find_signer(commit, "ann@bank ssh-ed25519 AAAA") == ""


def test_a_signature_that_is_none_is_nobody_s() -> None:
    commit = HEADERS + b"\ngpgsig " + SIGNATURE + b"\n\nmessage\n"
    assert find_signer(commit, "ann@bank ssh-ed25519 AAAA") == ""
