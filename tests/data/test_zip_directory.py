"""Central directory of a ZIP: what the standard library reads, and nothing else of what is damaged."""

from contextlib import suppress
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
import pytest

from gan_lab.data.sources.zip_directory import Entry, Place, entries


def made(*, comment: bytes = b"", before: bytes = b"", large: bool = False) -> bytes:
    out = BytesIO(before)
    out.seek(len(before))
    with ZipFile(out, "w") as archive:
        archive.comment = comment
        for number, name in enumerate(["a.png", "d/", "d/ünïcödé имя.png", "d/cp437-é.png", "a.png", "empty.png"]):
            with archive.open(entry := ZipInfo(name), "w") as file:
                file.write(bytes(number) if number < 5 else b"")
            entry.compress_type, entry.comment, entry.extra = ZIP_DEFLATED, b"of this", b"\x99\x99\x02\x00ab"
            if large:  # more than 32 bits hold
                entry.header_offset, entry.file_size = entry.header_offset + 2**33, 2**34 + number
    return out.getvalue()


ZIPS: dict[str, dict[str, Any]] = {
    "plain": {},
    "comment": {"comment": b"PK\6\6 and no end"},
    "behind a program": {"before": b"#!/bin/sh\n"},
    "64 bits": {"large": True},
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ZIPS)
def test_entries_are_those_of_the_standard_library(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "64 bits":
        monkeypatch.setattr("zipfile.ZIP_FILECOUNT_LIMIT", 5)  # as if they were more than 65,535
    content = BytesIO(made(**ZIPS[kind]))
    with ZipFile(content) as archive:
        expected = [
            Entry(e.filename, Place(e.header_offset, e.compress_size, e.file_size, e.CRC, e.compress_type), e.flag_bits)
            for e in archive.infolist()
        ]
    assert [*entries(content)] == expected and len(expected) == 6


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_damaged_is_told_or_read_and_never_ends_otherwise() -> None:
    whole = made(comment=b"x")
    random = np.random.default_rng(0)
    for attempt in range(len(whole) + 500):
        damaged = bytearray(whole[:attempt] if attempt < len(whole) else whole)
        if attempt >= len(whole):
            for place in random.integers(0, len(whole), 3):
                damaged[place] = random.integers(256)
        with suppress(BadZipFile):
            assert len([*entries(BytesIO(damaged))]) <= len(damaged) // 46


def test_no_zip_and_an_empty_one() -> None:
    for content in (b"", b"PK\5\6", b"no archive"):
        with pytest.raises(BadZipFile, match="^it has no directory at its end$"):
            [*entries(BytesIO(content))]
    empty = BytesIO()
    ZipFile(empty, "w").close()
    assert [*entries(empty)] == []
