"""Identity of a data set: what a run stores of its data, to recognise them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class DataIdentity(NamedTuple):
    """What tells data from others, wherever they lie.

    Attributes:
        samples: how many different ones there are; None: they never end.
        classes: how many samples each class has, by its name, in the order of their numbers; None: there are none.
        digest: of what was read; None: nothing was.
        digest_of: of what it is, in words: names and sizes of files, or their content. What it is not of may change
            unseen.
    """

    samples: int | None = None
    classes: Mapping[str, int] | None = None
    digest: str | None = None
    digest_of: str | None = None

    def description(self) -> str:
        """`20 samples in 2 classes: cat 10, dog 10`, at most ten of them."""
        count = "samples without end" if self.samples is None else f"{self.samples:,} samples"
        if self.classes is None:
            return count
        counts = [f"{name} {number:,}" for name, number in self.classes.items()]
        more = ", ..." if len(counts) > 10 else ""
        return f"{count} in {len(counts)} class{'es' * (len(counts) != 1)}: {', '.join(counts[:10])}{more}"

    def difference(self, now: "DataIdentity") -> str | None:
        """How the data `now` differ from these, in words; None where they do not."""
        if self.classes is not None and now.classes is not None and list(self.classes) != list(now.classes):
            return _renamed(list(self.classes), list(now.classes))
        if self.samples != now.samples:
            there_were = self._replace(classes=None).description()
            return f"there were {there_were}, and now there are {now.samples or 'endless ones'}"
        if self.classes != now.classes and self.classes is not None and now.classes is not None:
            name = next(name for name in self.classes if self.classes[name] != now.classes[name])
            return f"class {name} had {self.classes[name]} samples and has {now.classes[name]}"
        if self.classes is None and now.classes is not None:
            return f"there were no classes, and now there are {len(now.classes)}"
        if self.classes is not None and now.classes is None:
            return f"there were {len(self.classes)} classes, and now there are none"
        if self.digest != now.digest:
            return "there are as many samples, and not the same ones (a name, a size or the content is another)"
        return None

    def to_json(self) -> dict[str, Any]:
        """As plain data; the order of the classes is kept."""
        classes = None if self.classes is None else [[name, count] for name, count in self.classes.items()]
        return {"samples": self.samples, "classes": classes, "digest": self.digest, "digest_of": self.digest_of}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "DataIdentity":
        """What `to_json` gave. Raises KeyError, TypeError or ValueError where it is something else."""
        classes = None if plain["classes"] is None else {str(name): int(count) for name, count in plain["classes"]}
        return cls(plain["samples"], classes, plain["digest"], plain.get("digest_of"))


def _renamed(before: list[str], now: list[str]) -> str:
    if len(before) != len(now):
        gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
        names = [f"{name} is gone" for name in gone] + [f"{name} is new" for name in new]
        return f"there were {len(before)} classes, and now there are {len(now)} ({', '.join(names[:5])})"
    number = next(i for i, (one, other) in enumerate(zip(before, now, strict=True)) if one != other)
    return f"class {number} was {before[number]} and is {now[number]}"
