"""PDF, and what can only be named: images, encrypted files, formats nobody here can open."""

import re
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from tasks.erasure.searching.unfolding.compression import inflate
from tasks.erasure.searching.unfolding.pieces import (
    BEYOND_BOUNDS,
    BeyondBoundsError,
    Budget,
    OpenedContainer,
)

PDF_MAGIC = b"%PDF-"
# ISO 32000-1, section 7.3.8: the word, a line end, the bytes, and the closing word.
PDF_STREAM_BEGINS = re.compile(rb"stream\r?\n")
PDF_STREAM_ENDS = b"endstream"
# Section 9.4.3: shown texts, of which an array has several with the space between them.
# What was matched is never given back (`++`, `*+`): a row of digits that no bracket closes could be
# divided in more ways than there is time for.
PDF_STRING = rb"\((?:[^()\\]|\\.)*+\)"
PDF_TEXT = rb"%b|<[0-9A-Fa-f\s]*+>" % PDF_STRING
PDF_ARRAY = re.compile(rb"\[((?:\s++|%b|-?[0-9.]++)*+)\]" % PDF_TEXT, re.DOTALL)
PDF_PIECE = re.compile(PDF_TEXT, re.DOTALL)
OCTAL_DIGITS = b"01234567"
# Filters of section 7.4 that are not read; images have theirs.
OTHER_FILTERS = re.compile(rb"/(?:LZWDecode|RunLengthDecode|ASCII85Decode|Crypt)\b")
IMAGE_FILTERS = re.compile(
    rb"/(?:DCTDecode|JPXDecode|CCITTFaxDecode|JBIG2Decode)\b|/Subtype ?/Image"
)
# Fonts of which only a part is embedded write glyphs by number.
OWN_GLYPHS = re.compile(rb"/(?:Identity-H|Identity-V|ToUnicode)\b")

# What a content begins with -> what it is called. Only what hides readable text stands here: a
# binary file that is none of them was searched as bytes.
OPAQUE_MAGICS = (
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"Rar!\x1a\x07", "RAR archive"),
    (b"\x1f\x9d", "file of compress (.Z)"),
    (b"\x1f\xa0", "file of compress (.Z)"),
    (b"LZIP", "lzip file"),
    (b"\x89LZO\x00", "LZO file"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy file"),
    (b"MSCF\x00\x00\x00\x00", "cabinet archive"),
    (b"PARE", "encrypted Parquet"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 file"),
    (b"Obj\x01", "Avro file"),
    (b"ORC", "ORC file"),
    (b"FEA1", "Feather file of version 1"),
    (b"ID3", "audio or video"),
    (b"OggS", "audio or video"),
    (b"fLaC", "audio or video"),
    (b"\x1aE\xdf\xa3", "audio or video"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office document of before 2007"),
)
# Behind a first field: RIFF's size, and the size of the first box of ISO 14496-12.
OPAQUE_INNER_MAGICS = (
    (8, b"WEBP", b"RIFF", "image"),
    (8, b"WAVE", b"RIFF", "audio or video"),
    (8, b"AVI ", b"RIFF", "audio or video"),
    (4, b"ftyp", b"\x00\x00\x00", "audio or video"),
)
ARMOURS = (
    b"Salted__",
    b"age-encryption.org/",
    b"-----BEGIN PGP MESSAGE",
    b"-----BEGIN AGE ENCRYPTED",
)
# Magics of letters begin words, too: a text has no such characters.
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
OPAQUE_SUFFIXES = {".gpg": "encrypted file", ".pgp": "encrypted file", ".enc": "encrypted file"}
ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def name_opaque(name: str, content: bytes) -> str:
    """Return what a content is called that nobody here can look into, or nothing."""
    if content.startswith(ARMOURS):
        return "encrypted file"

    is_binary = CONTROL.search(content[:64]) is not None
    for magic, words in OPAQUE_MAGICS:
        if is_binary and content.startswith(magic):
            return "encrypted office document" if ENCRYPTED_OFFICE in content else words

    for start, magic, first, words in OPAQUE_INNER_MAGICS:
        if content.startswith(first) and content.startswith(magic, start):
            return words

    suffix = PurePosixPath(name).suffix.lower()
    return OPAQUE_SUFFIXES.get(suffix, "") if not content.isascii() else ""


def open_pdf(content: bytes, budget: Budget) -> OpenedContainer:
    """Return the streams of a PDF that Flate compressed, and the texts that its pages show."""
    opened = OpenedContainer()
    bodies = [content]
    for stream in _find_streams(content):
        parts: list[bytes] = []
        try:
            parts.extend(inflate(stream, zlib.decompressobj, budget))
        except BeyondBoundsError:
            opened.unsearched.append(BEYOND_BOUNDS)
            break
        except (zlib.error, EOFError):
            # In another filter, or in none: then its bytes were searched with the file's.
            pass
        if parts:
            bodies.append(b"".join(parts))

    text = b"\n".join(bodies)
    opened.parts += [("stream.txt", body) for body in bodies[1:]]
    opened.parts.append(("page.txt", _read_shown_texts(text)))
    for pattern, words in (
        (re.compile(rb"/Encrypt\b"), "encrypted PDF"),
        (OTHER_FILTERS, "PDF stream in another compression"),
        (IMAGE_FILTERS, "image in a PDF"),
        (OWN_GLYPHS, "PDF text in glyphs of its own font"),
    ):
        if pattern.search(text):
            opened.unsearched.append(words)
    return opened


def _find_streams(content: bytes) -> Iterator[bytes]:
    """Yield what lies in each stream of a PDF; one that no word closes is none."""
    place = 0
    while begin := PDF_STREAM_BEGINS.search(content, place):
        end = content.find(PDF_STREAM_ENDS, begin.end())
        if end < 0:
            return
        yield content[begin.end() : end]
        place = end + len(PDF_STREAM_ENDS)


def _read_shown_texts(content: bytes) -> bytes:
    """Return the strings of a PDF, one a line; those of one array are one text."""
    lines = []
    for array in PDF_ARRAY.finditer(content):
        lines.append(b"".join(_read_string(piece) for piece in PDF_PIECE.findall(array[1])))
    lines += [_read_string(piece) for piece in PDF_PIECE.findall(content)]
    return b"\n".join(lines)


def _read_string(written: bytes) -> bytes:
    """Return a string of a PDF: section 7.3.4; with UTF-16's mark, or in Latin-1's letters."""
    inner = written[1:-1]
    if written[:1] == b"<":
        digits = re.sub(rb"\s", b"", inner)
        text = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    else:
        text = re.sub(rb"\\([0-7]{1,3}|.)", _read_pdf_escape, inner, flags=re.DOTALL)
    charset = "utf-16" if text.startswith((b"\xfe\xff", b"\xff\xfe")) else "latin-1"
    return text.decode(charset, errors="replace").encode(errors="replace")


def _read_pdf_escape(match: "re.Match[bytes]") -> bytes:
    sign = match[1]
    # Of binary data that only looks like a string, any sign may stand here: `8` is no octal digit.
    if sign[0] in OCTAL_DIGITS:
        return bytes([int(sign, 8) & 0xFF])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\n": b""}.get(sign, sign)
