"""Runs are the same, whichever of two engines finds them."""

import base64
import random

import pytest

from tasks.erasure.searching.unfolding import base_runs
from tasks.erasure.searching.unfolding.base_runs import decode_runs

ALPHABETS = (b"abcXYZ0189+/_- \n:.\\r,0x\xff", b"0123456789abcdefABCDEF :-\n,=x")


def drawn_content(draw: random.Random) -> bytes:
    alphabet = draw.choice(ALPHABETS)
    noise = bytes(draw.choice(alphabet) for _ in range(draw.randrange(200)))
    secret = draw.randbytes(draw.randrange(40))
    return noise + draw.choice((base64.b64encode(secret), secret.hex().encode(), b""))


@pytest.mark.parametrize("seed", range(20))
def test_many_hits_and_few_give_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    contents = [drawn_content(draw) for _ in range(20)]
    few = [list(decode_runs(content)) for content in contents]
    monkeypatch.setattr(base_runs, "MOST_FAST_HITS", 1)

    assert [list(decode_runs(content)) for content in contents] == few


def test_hexadecimal_is_found_without_a_word_around_it() -> None:
    (runs,) = decode_runs(b"x 616e6e40 at 616e6e4071 y")

    assert runs.all_bytes == b"ann@q"
