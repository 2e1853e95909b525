"""Archives: one for its contents, whoever writes it and wherever."""

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from tasks.verifier.archives import EPOCH, archive

NAMES = st.text("abc/", min_size=1, max_size=9)


@given(st.dictionaries(NAMES, st.binary(max_size=99)))
def test_what_is_put_in_comes_out(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(files))) as source:
        assert {info.filename: source.read(info) for info in source.infolist()} == files


def test_the_order_in_which_files_come_does_not_matter() -> None:
    assert archive({"a": b"1", "b": b"2"}) == archive({"b": b"2", "a": b"1"})


def test_nothing_in_it_depends_on_the_machine_or_the_day() -> None:
    with zipfile.ZipFile(io.BytesIO(archive({"a": b"1"}))) as source:
        (info,) = source.infolist()
    assert info.date_time == EPOCH
    assert info.create_system == 3
    assert info.external_attr == 0o644 << 16
    assert info.compress_type == zipfile.ZIP_STORED
