"""Tiles: what a record is, where a tile begins and ends, and what is said of one that is short."""

from hashlib import sha256

import pytest

from tasks.errors import EvidenceError
from tasks.ledger import merkle, tiles
from tasks.ledger.tiles import Edge, Record, Tiles, missing_tile, tile_hashes
from tests.tasks.small_log import SmallLog

LAST_BUT_ONE = 698


@pytest.fixture
def log(small: SmallLog) -> SmallLog:
    """A log of 700 entries: two full tiles of level 0, one of 188, and one of 2 above them."""
    small.add(700)
    return small


def record(number: int) -> Record:
    return Record.of(b"payload of body %d" % number, b"body %d" % number)


def test_a_leaf_is_the_hash_of_a_tag_of_our_own_and_both_digests() -> None:
    digests = sha256(b"payload").digest() + sha256(b"envelope").digest()
    leaf = sha256(b"\x00portcullis/leaf/v1\n" + digests).digest()
    assert Record.of(b"payload", b"envelope").leaf() == leaf


def test_the_hashes_of_a_tile_of_records_are_their_leaves() -> None:
    records = [record(number) for number in range(3)]
    data = b"".join(b"".join(entry) for entry in records)
    assert tile_hashes(0, data) == [entry.leaf() for entry in records]


@pytest.mark.parametrize("level", [1, 2])
def test_the_hashes_of_a_higher_tile_lie_in_it(level: int) -> None:
    assert tile_hashes(level, bytes(32) + b"\x01" * 32) == [bytes(32), b"\x01" * 32]


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, 699])
def test_a_record_is_read_from_either_side_of_a_tile_s_edge(log: SmallLog, index: int) -> None:
    assert log.ledger.tiles.record(index) == record(index)


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (0, 256), (255, 257), (256, 256), (256, 512), (3, 700), (699, 700), (0, 0)],
)
def test_records_of_a_range_are_those_of_its_entries(log: SmallLog, start: int, end: int) -> None:
    expected = [record(index) for index in range(start, end)]
    assert list(log.ledger.tiles.records(start, end)) == expected


@pytest.mark.parametrize(("index", "tile"), [(700, "0/2"), (768, "0/3")])
def test_a_record_that_is_not_there_is_named_with_its_tile(
    log: SmallLog, index: int, tile: str
) -> None:
    words = rf"^ledger, tile {tile}: expected entry {index}; found less\. "
    with pytest.raises(EvidenceError, match=words):
        log.ledger.tiles.record(index)
    with pytest.raises(EvidenceError, match=words):
        list(log.ledger.tiles.records(index, index + 1))


@pytest.mark.parametrize(("height", "index"), [(0, 0), (0, 699), (1, 349), (7, 4), (8, 1), (9, 0)])
def test_a_node_is_the_root_of_what_it_covers(log: SmallLog, height: int, index: int) -> None:
    covered = range(index << height, (index + 1) << height)
    expected = merkle.root_hash_of([record(number).leaf() for number in covered])
    assert log.ledger.tiles.node(height, index) == expected


@pytest.mark.parametrize(
    ("height", "index", "words"),
    [
        (0, 700, "tile 0/2: expected 189 entries or more; found less"),
        (2, 175, "tile 0/2: expected 192 entries or more; found less"),
        (8, 2, "tile 1/0: expected 3 entries or more; found less"),
        (9, 1, "tile 1/0: expected 4 entries or more; found less"),
    ],
)
def test_a_node_that_is_not_complete_is_named(
    log: SmallLog, height: int, index: int, words: str
) -> None:
    with pytest.raises(EvidenceError, match=words):
        log.ledger.tiles.node(height, index)


def test_a_full_tile_is_read_from_the_store_once(log: SmallLog) -> None:
    fresh = Tiles(log.ledger.store)
    first = fresh.node(0, 3)
    log.ledger.close()
    assert fresh.node(0, 3) == first


def test_the_hashes_of_the_last_tile_are_computed_once(
    log: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []

    def count(level: int, data: bytes) -> list[bytes]:
        computed.append(level)
        return tile_hashes(level, data)

    monkeypatch.setattr(tiles, "tile_hashes", count)
    fresh = Tiles(log.ledger.store)
    assert fresh.node(0, 600) != fresh.node(0, 601)
    assert computed == [0]


def test_records_of_a_range_are_read_from_its_own_tiles_alone(
    log: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[tuple[int, int]] = []
    store = log.ledger.store
    tile_of = store.tile

    def note(level: int, index: int) -> bytes:
        places.append((level, index))
        return tile_of(level, index)

    monkeypatch.setattr(store, "tile", note)
    assert list(Tiles(store).records(512, 513)) == [record(512)]
    assert places == [(0, 2)]


def test_a_tile_that_has_grown_is_read_again(log: SmallLog) -> None:
    reader = Tiles(log.ledger.store)
    assert reader.node(0, LAST_BUT_ONE) == record(LAST_BUT_ONE).leaf()
    log.add(2)
    assert reader.node(0, 701) == record(701).leaf()


def test_memory_of_full_tiles_is_bounded(log: SmallLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "KEPT_TILES", 1)
    fresh = Tiles(log.ledger.store)
    for index in (0, 256, 0, 511):
        assert fresh.node(0, index) == record(index).leaf()
        assert len(fresh._complete) == 1


def test_an_edge_that_grows_twice_writes_the_tiles_of_both(small: SmallLog) -> None:
    records = [record(number) for number in range(300)]
    store = small.ledger.store
    edge = Edge(0, [])
    with store.appending():
        edge.grow(store, records[:200])
        edge.grow(store, records[200:])
    assert edge.root_hash() == merkle.root_hash_of([entry.leaf() for entry in records])
    assert list(Tiles(store).records(0, 300)) == records


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (690, "tile 0/2: expected 178 entries; found 188. "),
        (800, "tile 0/3: expected 32 entries; found 0. "),
        (768, "tile 1/0: expected 3 entries; found 2. "),
    ],
)
def test_an_edge_of_another_size_is_named_by_its_first_tile(
    log: SmallLog, size: int, words: str
) -> None:
    with pytest.raises(EvidenceError) as refusal:
        Edge.read(log.ledger.store, size)
    assert words in str(refusal.value)


def test_a_tile_that_is_not_as_it_has_to_be_says_what_happened_and_what_to_do() -> None:
    assert str(missing_tile(1, 2, "3 entries", "2")) == (
        "ledger, tile 1/2: expected 3 entries; found 2. "
        "Something deleted from the log: restore it from its mirror, and find out who."
    )
