"""The tree against RFC 6962: its reference implementation's vectors, and its definition."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ledger.merkle import (
    EMPTY,
    Leaves,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
    root_hash_of,
    verify_consistency,
    verify_inclusion,
)

# certificate-transparency's merkle tree tests: eight leaves, and the roots over the first 1 to 8 of
# them
DATA = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
HASHES = [leaf_hash(bytes.fromhex(data)) for data in DATA]
INCLUSION = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): INCLUSION[0, 8],
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}


def hexed(proof: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(step.hex() for step in proof)


def test_the_published_roots() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_hash_of(HASHES[: size + 1]).hex() for size in range(8)] == list(ROOTS)


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_inclusion_proofs(index: int, size: int) -> None:
    assert hexed(inclusion_proof(Leaves(HASHES), index, size)) == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_the_published_consistency_proofs(old: int, new: int) -> None:
    assert hexed(consistency_proof(Leaves(HASHES), old, new)) == CONSISTENCY[old, new]


def defined_root(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else EMPTY
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(defined_root(hashes[:split]), defined_root(hashes[split:]))


@given(st.integers(1, 300), st.data())
@settings(max_examples=200, deadline=None)
def test_every_proof_verifies_and_no_other_root_or_place_does(size: int, data: Any) -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(size)]
    tree, index, old = (
        Leaves(hashes),
        data.draw(st.integers(0, size - 1)),
        data.draw(st.integers(1, size)),
    )
    whole = root_hash(tree, size)
    assert whole == defined_root(hashes)
    proof = inclusion_proof(tree, index, size)
    assert verify_inclusion(hashes[index], index, size, proof, whole)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, whole)
    for wrong in {index - 1, index + 1, index ^ 2} - {index}:
        assert not verify_inclusion(hashes[index], wrong, size, proof, whole)
    for at in range(len(proof)):
        broken = (*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :])
        assert not verify_inclusion(hashes[index], index, size, broken, whole)
    assert not verify_inclusion(hashes[index], index, size, (*proof, EMPTY), whole)
    between = consistency_proof(tree, old, size)
    before = defined_root(hashes[:old])
    assert verify_consistency(old, size, before, whole, between)
    if old < size:
        assert not verify_consistency(old, size, leaf_hash(b"fork"), whole, between)
        assert not verify_consistency(old, size, before, leaf_hash(b"fork"), between)
        assert not verify_consistency(old, size, before, whole, between[:-1])
        assert not verify_consistency(old, size, before, whole, (*between, EMPTY))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_proof(Leaves(HASHES), index, size)
    assert not verify_inclusion(HASHES[0], index, size, (), HASHES[0])


def test_no_consistency_from_nothing() -> None:
    with pytest.raises(ValueError, match="no consistency proof"):
        consistency_proof(Leaves(HASHES), 0, 3)
    assert not verify_consistency(0, 3, EMPTY, root_hash_of(HASHES[:3]), ())
