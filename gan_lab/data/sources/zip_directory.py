"""Central directory of a ZIP, entry by entry."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile

END = struct.Struct("<4s4H2LH")  # what a ZIP ends with, but for a comment
END_64, LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")  # before that, of a large one
ENTRY = struct.Struct("<4s6H3L5H2L")  # followed by a name, extra fields and a comment
FIELD = struct.Struct("<2H")  # before each extra field: its kind and length
LONGEST_COMMENT = 2**16 - 1
IN_FIELD = 2**32 - 1  # in place of a number that needs 64 bits, and stands in an extra field
UTF_8, ENCRYPTED = 1 << 11, 1  # bits of an entry's flags


class Place(NamedTuple):
    """Where the header of a file starts in a ZIP, its sizes packed and unpacked, its CRC-32, and how it is packed."""

    start: int
    packed: int
    size: int
    checksum: int
    method: int


class Entry(NamedTuple):
    """A file in a ZIP."""

    name: str
    place: Place
    flags: int

    @property
    def is_plain(self) -> bool:
        """Whether its content is stored as it is, or deflated, at a place and of a size that can be."""
        possible = all(0 <= number < 2**63 for number in self.place)
        return possible and not self.flags & ENCRYPTED and self.place.method in (ZIP_STORED, ZIP_DEFLATED)


def entries(file: BinaryIO) -> Iterator[Entry]:
    """All entries, in their order. The standard library keeps half a kilobyte for each, this nothing.

    Format: APPNOTE.TXT of PKWARE, 4.3.12 to 4.3.16. Raises BadZipFile.
    """
    start, left, before = _directory(file)
    file.seek(start)
    while left > 0:
        head = file.read(ENTRY.size)
        if len(head) < ENTRY.size or not head.startswith(b"PK\1\2"):
            raise BadZipFile("its directory is damaged")
        _, _, _, flags, method, _, _, checksum, packed, size, *lengths, _, _, _, offset = ENTRY.unpack(head)
        name_length, extra_length, comment_length = lengths
        text = file.read(name_length)
        extra = file.read(extra_length)
        file.seek(comment_length, os.SEEK_CUR)
        left -= ENTRY.size + sum(lengths)
        if IN_FIELD in (size, packed, offset):
            size, packed, offset = _of_64_bits([size, packed, offset], extra)
        try:
            name = text.decode("utf-8" if flags & UTF_8 else "cp437")
        except UnicodeDecodeError as error:
            raise BadZipFile("a name in its directory is no UTF-8") from error
        yield Entry(name.partition("\0")[0], Place(offset + before, packed, size, checksum, method), flags)


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the directory begins, its size, and the bytes before the ZIP itself. Raises BadZipFile."""
    length = file.seek(0, os.SEEK_END)
    tail_length = min(length, LONGEST_COMMENT + END.size + LOCATOR.size + END_64.size)
    file.seek(length - tail_length)
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if not 0 <= end <= len(tail) - END.size:
        raise BadZipFile("it has no directory at its end")
    *_, size, offset, _ = END.unpack_from(tail, end)
    if tail.startswith(b"PK\6\7", max(0, end - LOCATOR.size)) and end >= LOCATOR.size + END_64.size:
        end -= LOCATOR.size + END_64.size
        mark, *_, size, offset = END_64.unpack_from(tail, end)
        if mark != b"PK\6\6":
            raise BadZipFile("its directory is damaged")
    start = length - tail_length + end - size
    if start < 0 or start < offset:
        raise BadZipFile("its directory is not where it says")
    return start, size, start - offset


def _of_64_bits(numbers: list[int], extra: bytes) -> list[int]:
    """These, with those from the extra field of 64 bits (kind 1) that are too large for 32. Raises BadZipFile."""
    while len(extra) >= FIELD.size:
        kind, length = FIELD.unpack_from(extra)
        field, extra = extra[FIELD.size : FIELD.size + length], extra[FIELD.size + length :]
        if kind == 1:
            wanted = [place for place, number in enumerate(numbers) if number == IN_FIELD]
            if len(field) < 8 * len(wanted):
                break
            for place, number in zip(wanted, struct.unpack_from(f"<{len(wanted)}Q", field), strict=True):
                numbers[place] = number
            return numbers
    raise BadZipFile("its directory is damaged")
