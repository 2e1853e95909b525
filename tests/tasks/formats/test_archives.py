"""Archives: one for its contents, whoever writes it and wherever; every other one is refused."""

import io
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigError, EvidenceError
from tasks.formats.archives import (
    CENTRAL_RECORD,
    END_RECORD,
    EPOCH,
    LOCAL_HEADER,
    MOST_FILES,
    archive,
    open_archive,
)

NAMES = st.text("abc/", min_size=1, max_size=9)
FILES = {"a": b"first", "b/c.json": b"second", "d": b""}
MEBIBYTE = 1 << 20


@given(st.dictionaries(NAMES, st.binary(max_size=99)))
def test_what_is_put_in_comes_out(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(files))) as source:
        assert {info.filename: source.read(info) for info in source.infolist()} == files


@given(st.dictionaries(NAMES, st.binary(max_size=99)))
def test_it_is_what_the_standard_library_writes(files: dict[str, bytes]) -> None:
    assert archive(files) == zipped(sorted(files.items()))


def test_the_order_in_which_files_come_does_not_matter() -> None:
    assert archive({"a": b"1", "b": b"2"}) == archive({"b": b"2", "a": b"1"})


def test_nothing_in_it_depends_on_the_machine_or_the_day() -> None:
    with zipfile.ZipFile(io.BytesIO(archive({"a": b"1"}))) as source:
        (info,) = source.infolist()
    assert info.date_time == EPOCH
    assert info.create_system == 3
    assert info.external_attr == 0o644 << 16
    assert info.compress_type == zipfile.ZIP_STORED


def zipped(
    files: list[tuple[str, bytes]],
    change: Callable[[zipfile.ZipInfo], None] = lambda _: None,
    comment: bytes = b"",
) -> bytes:
    """Return an archive by the standard library, with `change` made to each of its entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, body in files:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            change(info)
            target.writestr(info, body)
        target.comment = comment
    return stream.getvalue()


def read(data: bytes, folder: Path, most_bytes: int = MEBIBYTE) -> dict[str, bytes]:
    """Read every file of an archive as the verifier does."""
    path = folder / "archive.zip"
    path.write_bytes(data)
    with open_archive(path, most_bytes) as source:
        return {name: source.take(name, most_bytes) or b"" for name in source.names}


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read(archive(FILES), tmp_path) == FILES


def test_an_archive_of_nothing_is_one(tmp_path: Path) -> None:
    assert read(archive({}), tmp_path) == {}


def test_a_file_is_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive(FILES))
    with open_archive(path, MEBIBYTE) as source:
        assert source.take("a", 9) == b"first"
        assert source.take("a", 9) is None
        assert source.names == ("b/c.json", "d")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(archive(FILES))
    with (
        open_archive(path, MEBIBYTE) as source,
        pytest.raises(EvidenceError, match="a: expected at most 4 bytes; found 5"),
    ):
        source.take("a", 4)


def test_an_archive_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"at most 1 MiB.*--max-mib"):
        read(archive({"a": bytes(MEBIBYTE)}), tmp_path)


def test_a_file_that_may_not_be_read_is_no_broken_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "an.zip"
    path.write_bytes(archive({}))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with (
        pytest.raises(ConfigError, match="may be read; found PermissionError"),
        open_archive(path, 9),
    ):
        pass


def test_a_file_that_is_not_there_is_no_broken_archive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"), open_archive(tmp_path / "none.zip", 9):
        pass


def set_attributes(value: int) -> Callable[[zipfile.ZipInfo], None]:
    return lambda info: setattr(info, "external_attr", value)


def set_field(name: str, value: object) -> Callable[[zipfile.ZipInfo], None]:
    return lambda info: setattr(info, name, value)


@pytest.mark.parametrize(
    "change",
    [
        set_field("compress_type", zipfile.ZIP_DEFLATED),
        set_field("date_time", (2026, 1, 1, 0, 0, 0)),
        set_field("create_system", 0),
        set_field("comment", b"trust me"),
        set_field("extra", struct.pack("<2H4s", 0x7075, 4, b"name")),
        set_field("extra", struct.pack("<2HQ", 1, 8, 1)),
        set_field("internal_attr", 1),
        set_attributes(0o120777 << 16),
        set_attributes(0o040755 << 16),
        set_attributes(0o755 << 16),
    ],
    ids=[
        "deflated",
        "day",
        "system",
        "comment",
        "unicode-path",
        "zip64",
        "text",
        "link",
        "folder",
        "program",
    ],
)
def test_an_entry_that_we_would_not_write(
    tmp_path: Path, change: Callable[[zipfile.ZipInfo], None]
) -> None:
    with pytest.raises(EvidenceError, match="changed or packed again"):
        read(zipped(sorted(FILES.items()), change), tmp_path)


def test_a_comment(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="changed or packed again"):
        read(zipped(sorted(FILES.items()), comment=b"trust me"), tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "/etc/passwd", "C:\\a", "a\\b", ".", "..", "a//b", "a/", "é", "a" * 201],
)
def test_a_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(EvidenceError, match="names of letters"):
        read(zipped([(name, b"x")]), tmp_path)


def test_a_name_with_a_zero_byte(tmp_path: Path) -> None:
    data = archive({"abc": b"x"}).replace(b"abc", b"a\0c")
    with pytest.raises(EvidenceError, match="names of letters"):
        read(data, tmp_path)


def test_files_in_another_order(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="in order"):
        read(zipped([("b", b"1"), ("a", b"2")]), tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="each once"):
        read(zipped([("a", b"1"), ("a", b"2")]), tmp_path)


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_bytes_that_belong_to_no_file(tmp_path: Path, place: str) -> None:
    body, directory, end = parts(archive(FILES))
    data = {
        "before": b"MZ" + body + directory + end,
        "between": body + b"??" + directory + end,
        "after": body + directory + end + b"??",
    }[place]
    with pytest.raises(EvidenceError, match="changed or packed again"):
        read(data, tmp_path)


def parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return an archive's files, its directory and its end."""
    _, _, _, _, _, size, start, _ = END_RECORD.unpack(data[-END_RECORD.size :])
    return data[:start], data[start : start + size], data[start + size :]


def end_of(count: int, directory_bytes: int, start: int) -> bytes:
    return END_RECORD.pack(b"PK\x05\x06", 0, 0, count, count, directory_bytes, start, 0)


def test_a_second_directory_behind_the_first(tmp_path: Path) -> None:
    body, directory, _ = parts(archive({"a": b"1"}))
    other = parts(archive({"b": b"1"}))[1]
    data = body + directory + other + end_of(1, len(other), len(body) + len(directory))
    with pytest.raises(EvidenceError, match="packed again"):
        read(data, tmp_path)


@pytest.mark.parametrize("field", range(1, len(CENTRAL_RECORD.unpack(bytes(46)))))
def test_every_field_of_the_directory_is_compared(tmp_path: Path, field: int) -> None:
    body, directory, end = parts(archive({"a": b"first"}))
    values = list(CENTRAL_RECORD.unpack(directory[: CENTRAL_RECORD.size]))
    values[field] += 1
    directory = CENTRAL_RECORD.pack(*values) + directory[CENTRAL_RECORD.size :]
    with pytest.raises(EvidenceError):
        read(body + directory + end, tmp_path)


@pytest.mark.parametrize("field", range(1, len(LOCAL_HEADER.unpack(bytes(30)))))
def test_every_field_of_a_header_is_compared(tmp_path: Path, field: int) -> None:
    data = archive({"a": b"first"})
    values = list(LOCAL_HEADER.unpack(data[: LOCAL_HEADER.size]))
    values[field] += 1
    with pytest.raises(EvidenceError, match="the header of a"):
        read(LOCAL_HEADER.pack(*values) + data[LOCAL_HEADER.size :], tmp_path)


@pytest.mark.parametrize("field", range(1, len(END_RECORD.unpack(bytes(22)))))
def test_every_field_of_the_end_is_compared(tmp_path: Path, field: int) -> None:
    data = archive(FILES)
    values = list(END_RECORD.unpack(data[-END_RECORD.size :]))
    values[field] += 1
    with pytest.raises(EvidenceError):
        read(data[: -END_RECORD.size] + END_RECORD.pack(*values), tmp_path)


def test_bytes_that_are_not_what_the_checksum_says(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="a: expected the bytes that its checksum is of"):
        read(archive(FILES).replace(b"first", b"fIrst"), tmp_path)


def test_more_files_than_any_bundle_has(tmp_path: Path) -> None:
    files = {f"{number:05d}": b"" for number in range(MOST_FILES + 1)}
    with pytest.raises(EvidenceError, match="at most 16,384 files"):
        read(archive(files), tmp_path, 8 * MEBIBYTE)


@pytest.mark.parametrize("size", [0, 1, 21, 22, 40])
def test_what_is_too_short_to_be_an_archive(tmp_path: Path, size: int) -> None:
    with pytest.raises(EvidenceError):
        read(archive(FILES)[-22:].rjust(size, b"\0")[:size], tmp_path)


def overlapping(size_bytes: int, count: int) -> bytes:
    """Return an archive whose directory names the same bytes again and again."""
    whole = archive({"statements/0000000000.json": bytes(size_bytes)})
    body, directory, _ = parts(whole)
    fixed = directory[: CENTRAL_RECORD.size]
    names = [b"statements/%010d.json" % number for number in range(count)]
    again = b"".join(fixed + name for name in names)
    return body + again + end_of(count, len(again), len(body))


def lying(size_bytes: int) -> bytes:
    """Return an archive whose only file claims to have four gigabytes."""
    body, directory, end = parts(archive({"a": bytes(size_bytes)}))
    values = list(CENTRAL_RECORD.unpack(directory[: CENTRAL_RECORD.size]))
    values[8] = values[9] = 0xFFFFFFF0
    return body + CENTRAL_RECORD.pack(*values) + b"a" + end


def bomb(size_bytes: int) -> bytes:
    """Return an archive that is unpacked to a thousand times its size."""
    return zipped(
        [("format.txt", bytes(size_bytes))], set_field("compress_type", zipfile.ZIP_DEFLATED)
    )


# The peak of this very process: `ru_maxrss` would begin at that of the process that started it.
MEASURE = """
import re, sys
from pathlib import Path
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
start = peak()
from tasks.verifier.__main__ import main
code = main([*sys.argv[1:], "--unpinned"])
print(code, peak() - start)
"""
CHECKOUT = Path(__file__).parents[3]


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak is read of Linux")
@pytest.mark.parametrize(
    "data",
    [
        overlapping(4 * MEBIBYTE, 600),
        lying(1000),
        bomb(256 * MEBIBYTE),
        archive({"report.json": bytes(15 * MEBIBYTE)}),
        archive({"format.txt": bytes(15 * MEBIBYTE)}),
        archive({f"statements/{number:010d}.json": b"{}" for number in range(MOST_FILES)}),
    ],
    ids=["overlapping", "lying", "bomb", "report", "format", "many"],
)
def test_no_archive_makes_the_verifier_take_more_than_64_mib(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    code, kibibytes = map(int, done.stdout.splitlines()[-1].split())
    assert code == 6, done.stderr
    assert 0 < kibibytes < 64 << 10
