"""Data sets of the Hugging Face `datasets` library, from the disk or by name."""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lab.data.listing import SPLITS, TRAINING, readable
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError

HUB = "hf://"
PICTURES = ("image", "img", "picture")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
WAIT = 10.0  # seconds for the Hub's first answer
LABELS = ("label", "labels", "fine_label", "class")


class HuggingFace(Source):
    """The pictures of a data set: a folder of .parquet or .arrow files (as `save_to_disk` writes), or hf://NAME.

    `hf://OWNER/NAME` is the part train of a set on the Hub, `hf://OWNER/NAME:PART` another part. The pictures are in
    the column of images, the classes in that of class labels (or `label`). Pictures whose bytes lie outside the files
    are refused, and no code of the set is run.

    Raises UserError where the library cannot load it, or it has no column of pictures.
    """

    kind = "Hugging Face data set"

    def __init__(self, root: str, with_classes: bool = True) -> None:
        self.root = root
        self.passed_over: dict[str, list[str]] = {}
        try:
            self._data = self._from_hub() if root.startswith(HUB) else self._from_disk()
        except UserError:
            raise
        except Exception as error:  # of its own, of Arrow, of the network
            why = " ".join(str(error).split())[:200]
            raise UserError(f"data.root={root}: the datasets library cannot load it ({why})") from error
        features = self._data.features
        self._pictures = self._column(features, PICTURES, "Image", (dict, "binary"))
        if self._pictures is None or not len(self._data):
            raise UserError(f"data.root={root}: has no column of pictures, but {', '.join(features) or 'nothing'}")
        if type(features[self._pictures]).__name__ == "Image":
            self._data = self._data.cast_column(self._pictures, _datasets().Image(decode=False))
        self.names = [str(index) for index in range(len(self._data))]
        self.classes, self.labels = [], None
        column = self._column(features, LABELS, "ClassLabel", INTEGERS) if with_classes else None
        if column is not None:
            self._take_labels(column, getattr(features[column], "names", None))

    def _from_hub(self) -> Any:
        name, _, part = self.root.removeprefix(HUB).partition(":")
        _check_reachable(self.root, name)
        return _datasets().load_dataset(name, split=part or "train", keep_in_memory=False)

    def _from_disk(self) -> Any:
        root = Path(self.root)
        files = sorted(root.iterdir()) if root.is_dir() else [root]
        arrow, parquet = ([str(file) for file in files if file.suffix == e] for e in (".arrow", ".parquet"))
        if arrow:
            return _datasets().concatenate_datasets([_datasets().Dataset.from_file(file) for file in arrow])
        return _datasets().Dataset.from_parquet(self._of_training(parquet))

    def _of_training(self, files: list[str]) -> list[str]:
        """Of train-00000-of-00002.parquet and test-... the first; else all."""
        parts = {file: Path(file).name.partition("-")[0].partition(".")[0].lower() for file in files}
        if {*parts.values()} <= SPLITS and len({*parts.values()}) > 1:
            taken = next((part for part in TRAINING if part in parts.values()), min(parts.values()))
            self.passed_over["of other parts of the data set"] = [f for f in files if parts[f] != taken]
            return [file for file in files if parts[file] == taken]
        return files

    @staticmethod
    def _column(features: Any, names: tuple[str, ...], kind: str, plain: tuple[Any, ...]) -> str | None:
        """The column of this kind of feature (one of the names before others), else a plain one of these names."""
        found = [name for name, feature in features.items() if type(feature).__name__ == kind]
        if not found:
            kinds = {name: (type(feature), getattr(feature, "dtype", None)) for name, feature in features.items()}
            found = [name for name in names if {*kinds.get(name, ())} & {*plain}]
        return next((name for name in names if name in found), next(iter(found), None))

    def _take_labels(self, column: str, names: list[str] | None) -> None:
        labels = self._data.data.column(column).to_numpy()
        if labels.dtype.kind in "iu" and (labels == -1).all():
            return  # a test set that keeps its labels to itself
        if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < (len(names) if names else 2**20):
            what = f"its {column} must be numbers of classes, from 0 on"
            raise UserError(f"data.root={self.root}: {what}; data.labels=none ignores it")
        self.labels = labels.astype(np.int64)
        self.classes = names or [str(number) for number in range(int(labels.max()) + 1)]

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        """The number of bytes of each picture; 0: they are not here."""
        import pyarrow.compute as pc

        column = self._data.data.column(self._pictures)
        if hasattr(column.type, "fields"):
            column = pc.struct_field(column, "bytes")
        sizes: NDArray[Any] = pc.fill_null(pc.binary_length(column), 0).to_numpy()
        return sizes.astype(np.int64)

    @property
    def digest(self) -> str:
        """Of the numbers of bytes of all pictures, in their order."""
        return hashlib.sha256(self._sizes.tobytes()).hexdigest()

    @property
    def digest_of(self) -> str:
        return "sizes"

    def unhashed_files(self) -> Iterable[str]:
        return [file["filename"] for file in self._data.cache_files]

    def open(self, index: int) -> Image.Image:
        self.check_size(int(self._sizes[index]))
        found = self._data[index][self._pictures]
        content = found.get("bytes") if isinstance(found, dict) else found
        if not isinstance(content, bytes):
            raise ValueError("its bytes are not in the data set")
        return Image.open(BytesIO(content), formats=readable())

    def path(self, index: int) -> str:
        return f"{self.root}[{index}]"


def _check_reachable(root: str, name: str) -> None:
    """Raise a UserError where the Hub does not answer: `datasets` would try again for half a minute, aloud."""
    offline = _datasets().config.HF_HUB_OFFLINE  # HF_DATASETS_OFFLINE=1 sets this one alone
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    if constants.HF_HUB_OFFLINE or offline:
        return
    try:
        HfApi().dataset_info(name, timeout=WAIT)
    except (HfHubHTTPError, ValueError):
        pass  # an answer, or no name: `datasets` says what is wrong
    except Exception as error:  # whose class depends on the HTTP library below
        why = " ".join(str(error).split())[:200] or type(error).__name__
        cached = "HF_HUB_OFFLINE=1 in the environment takes what was fetched before"
        raise UserError(f"data.root={root}: {constants.ENDPOINT} cannot be reached ({why}); {cached}") from error


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserError("data sets of Hugging Face need datasets: pip install 'gan_lab[huggingface]'") from error
    return datasets
