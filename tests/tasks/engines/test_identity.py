"""What a worker has to be like: another version is told by what differs."""

from tasks.engines.identity import COMPUTING, UNKNOWN, WorkerIdentity, identity_of_process


def test_a_process_is_like_itself_and_says_what_computes_in_it() -> None:
    mine = identity_of_process()
    assert mine.differing(mine) == ()
    assert {"code", "python", "machine", *COMPUTING} == dict(mine.parts).keys()


def test_what_differs_is_named_also_where_one_side_lacks_it() -> None:
    one = WorkerIdentity((("code", "a"), ("numpy", "1"), ("pandas", "3")))
    other = WorkerIdentity((("code", "b"), ("numpy", "1"), ("scipy", "1")))
    assert one.differing(other) == ("code", "pandas", UNKNOWN)
    assert "scipy" not in str(one.differing(other))
