"""Packing of pictures into one file, which goes on where a killed one has stopped."""

import hashlib
import json
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from torch.utils.data import Dataset
from tqdm import tqdm

from gan_lab.data.packed import Packed, Piece, Pieces
from gan_lab.data.parallel import in_order
from gan_lab.data.pictures import Pictures
from gan_lab.data.pixels import Look
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically, writing
from gan_lab.io.reading import read_json

VERSION = 1  # of the plan and what follows from it: raise it where the same plan would give other bytes
PLAN, DATA, JOURNAL = "plan.json", "data", "journal"
OURS = {PLAN, f".{PLAN}.part", DATA, JOURNAL, ".lock"}


class Encoded(NamedTuple):
    """A picture as it is kept; of one that cannot be read, the failure."""

    number: int
    content: bytes
    failure: str = ""


class Encoding(Dataset[Encoded]):
    """The pictures of a source as a file keeps them."""

    def __init__(self, packed: Packed, look: Look) -> None:
        self.packed = packed
        self.pictures = Pictures(packed.source, look, "center", flip=False, seed=0, skip_corrupt=False)

    def __getitem__(self, index: int) -> Encoded:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of what does not matter here
            pixels, _, failures = self.pictures[index, 0]
        if pixels is None:
            return Encoded(index, b"", failures[0])
        return Encoded(index, self.packed.encoded(pixels.permute(1, 2, 0).contiguous().numpy()))


class Work:
    """The unfinished file, and a journal of what is in it: a line for each picture, [number, size, checksum] or
    [number, why it is left out].

    A piece is written before its line, so that a kill leaves at most a piece, or a part of one, without a line. A line
    counts if its piece has the checksum, which after a power failure it may not have.

    Attributes:
        pieces: that are written, in order.
        failures: of the pictures that are left out, in words.
    """

    def __init__(self, packed: Packed, folder: Path) -> None:
        self.packed = packed
        self.data, self.journal = folder / DATA, folder / JOURNAL
        self.pieces = Pieces()
        self.failures: list[str] = []
        self._ends = 0, 0  # of what counts, in the data and in the journal

    @property
    def pictures(self) -> int:
        return len(self.pieces) + len(self.failures)

    def read(self) -> None:
        """What was written before."""
        opening = self.packed.opening()
        if not (self.data.exists() and self.journal.exists()):
            return
        with self.data.open("rb") as data, self.journal.open("rb") as journal:
            data.seek(len(opening))
            for record, line in records(journal):
                if isinstance(record, Piece):
                    size = len(self.packed.header(record)) + record.size
                    if zlib.crc32(data.read(size)[-record.size :]) != record.checksum:
                        return
                    self.pieces.append(record)
                else:
                    size = 0
                    self.failures.append(record)
                start = self._ends[0] or len(opening)
                self._ends = start + size, self._ends[1] + line

    def finished(self) -> None:
        """Read the journal of a file that is in its place already."""
        with self.journal.open("rb") as journal:
            for record, _ in records(journal):
                (self.pieces if isinstance(record, Piece) else self.failures).append(record)  # type: ignore[arg-type]

    def write(self, all_encoded: Iterable[Encoded], skip_corrupt: bool) -> None:
        """All that follows, and then what closes the file. Raises UserError."""
        with _from(self.data, self._ends[0]) as data, _from(self.journal, self._ends[1]) as journal:
            if not self._ends[0]:
                data.write(self.packed.opening())
                data.flush()
            for one in all_encoded:
                if one.failure and not skip_corrupt:
                    raise UserError(f"{one.failure}; skip_corrupt=true leaves it out, and goes on from here")
                if one.failure:
                    self.failures.append(one.failure)
                    record = [one.number, one.failure]
                else:
                    piece = Piece(one.number, len(one.content), zlib.crc32(one.content))
                    data.write(self.packed.header(piece) + one.content)
                    data.flush()
                    self.pieces.append(piece)
                    record = [*piece]
                journal.write(json.dumps(record).encode() + b"\n")
                journal.flush()
            if not self.pieces:
                raise UserError(f"{self.packed.source.root}: no picture is readable")
            self.packed.close(data, self.pieces)
            data.flush()
            os.fsync(data.fileno())


def records(journal: BinaryIO) -> Iterator[tuple[Piece | str, int]]:
    """Each record of a journal, and the bytes of its line, up to the first that is not whole."""
    for expected, line in enumerate(journal):
        try:
            number, *rest = json.loads(line) if line.endswith(b"\n") else [-1]
            record = str(rest[0]) if len(rest) == 1 else Piece(number, *map(int, rest))
        except (ValueError, TypeError):
            return
        if number != expected:
            return
        yield record, len(line)


def _from(path: Path, end: int) -> BinaryIO:
    """The file, made if need be, cut off there and open for more."""
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(end)
    file.seek(end)
    return file


def plan_of(source: Source, look: Look) -> dict[str, Any]:
    """All that the bytes of a packed file follow from."""
    numbers = None if source.labels is None else np.asarray(source.labels).tolist()
    labels = hashlib.sha256(json.dumps([source.classes, numbers]).encode()).hexdigest()
    return {
        "gan_lab pack": VERSION,
        "pictures": len(source.names),
        "digest": source.digest,
        "labels": labels,
        **look._asdict(),
        "shape": list(look.shape),
        "range": None if look.range is None else list(look.range),
    }


def unfinished(out: Path) -> Path:
    """The folder of what is not finished yet: OUT.part."""
    return out.with_name(f"{out.name}.part")


def check_out(packed: Packed, plan: dict[str, Any]) -> None:
    """Raises UserError where something else than the unfinished work of this plan is there already, or no room."""
    folder = unfinished(packed.out)
    begun = begun_plan(folder)
    if begun is not None and begun != plan:
        changed = next((name for name in plan if begun.get(name) != plan[name]), "plan")
        what = "of other pictures" if changed in ("pictures", "digest", "labels") else f"with another {changed}"
        raise UserError(f"{folder}: is unfinished work {what}; remove it (rm -r), or give another OUT")
    if begun is not None and not (folder / DATA).exists() and (folder / JOURNAL).exists():
        return  # killed after the last step but one
    for path in filter(None, (packed.out, None if begun else packed.beside)):
        if os.path.lexists(path):
            raise UserError(f"{path}: is there already; remove it, or give another OUT")
    there = next((parent for parent in packed.out.absolute().parents if parent.exists()), Path("/"))
    data = folder / DATA
    needed = packed.bytes_needed - (data.stat().st_size if data.exists() else 0)
    free = shutil.disk_usage(there).free
    if needed > free:
        raise UserError(
            f"{packed.out}: needs {needed / 1e9:,.1f} GB more, and {free / 1e9:,.1f} GB are free there; "
            "give another place, or a smaller image_size"
        )


def begun_plan(folder: Path) -> dict[str, Any] | None:
    """The plan of the unfinished work there; None where there is none. Raises UserError where something else is."""
    if not os.path.lexists(folder):
        return None
    names = {path.name for path in folder.iterdir()} if folder.is_dir() and not folder.is_symlink() else {""}
    if not names <= OURS:
        raise UserError(f"{folder}: is in the way, and no unfinished work of this command; remove it")
    if PLAN not in names:  # killed in its first moment
        return None
    return read_json(folder / PLAN)


def pack(packed: Packed, look: Look, workers: int, skip_corrupt: bool, again: Callable[[], Source]) -> Work:
    """Write all pictures of the source, in order, and put the file in place when it is whole.

    `again` opens the source once more, at the end. What is written does not depend on `workers`, nor on whether it was
    killed and begun again.

    Raises UserError where something is in the way (`check_out`), a picture cannot be read and `skip_corrupt` does not
    leave it out, the pictures have changed meanwhile, or the disk is full.
    """
    plan = plan_of(packed.source, look)
    check_out(packed, plan)
    folder = unfinished(packed.out)
    work = Work(packed, folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if begun_plan(folder) is None:
            write_atomically(folder / PLAN, lambda path: path.write_text(json.dumps(plan)))
        if packed.out.exists():  # killed after the last step but one
            work.finished()
        else:
            _complete(work, look, workers, skip_corrupt)
            if plan_of(again(), look) != plan:
                begin_anew = f"remove {folder} (rm -r), and pack them again"
                raise UserError(f"{packed.source.root}: has changed while it was read; {begin_anew}")
            if packed.beside is not None:
                listed = packed.listed(work.pieces)
                write_atomically(packed.beside, lambda path: path.write_bytes(listed))
            work.data.replace(packed.out)
        shutil.rmtree(folder)
    return work


def _complete(work: Work, look: Look, workers: int, skip_corrupt: bool) -> None:
    work.read()
    if work.failures and not skip_corrupt:
        raise UserError(f"{work.failures[0]}; skip_corrupt=true, with which this was begun, leaves it out")
    count = len(work.packed.source.names)
    encoded = in_order(Encoding(work.packed, look), range(work.pictures, count), workers)
    work.write(tqdm(encoded, "packing", count, initial=work.pictures, unit=" pictures", disable=None), skip_corrupt)
