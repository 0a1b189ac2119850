"""A package of parts that can only be read: what the configuration check does is tested on it."""

import sys
from typing import Any

import pytest

PARTS = """
from dataclasses import dataclass, field, InitVar
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, Optional, Protocol, Sequence
from typing import TypeVar, overload
from pathlib import Path
from gan_lab.ranges import ImageShape, PositiveInt, Shape, UnitInterval
from torch import Tensor, nn
from .missing import Unknown
T = TypeVar("T")

class Speaks(Protocol): ...

@dataclass(frozen=True)
class Base(Generic[T]):
    steps: PositiveInt = 1
    shared: ClassVar[int] = 3
    hidden: int = field(default=0, init=False)

@dataclass
class Child(Base[int], Speaks):
    seed: "int" = field(default=7)
    once: InitVar[float] = 0.5

class Plain(nn.Module):
    def forward(self): ...

class Heir(Child): ...

class Pair(NamedTuple):
    x: float
    y: float | None = None

class Stranger(Unknown): ...

@Unknown
class Decorated: ...

class Open:
    def __init__(self, rate: UnitInterval, /, n: PositiveInt = 1, **rest: Any) -> None: ...

class Net:
    def __init__(self, shape: ImageShape = (1, 2, 2), sides: Shape = (1,), hidden: Sequence[PositiveInt] = (1,),
                 act: nn.Module | None = None, mode: Literal["a", "b"] = "a", path: Path = Path("."), p: float = 0.0,
                 flag: bool = False, n: Optional[int] = None, either: int | str = 1, name: str = "x",
                 size: "Unknown" = 3, padding: str | Unknown = 0, on: Unknown = True, word: Unknown = "w",
                 free=None, lr: Any = 1.0, scale: float | Tensor = 1.0, table: dict[str, float] = {},
                 span: tuple[float, float] = (0, 1), tensor: Tensor | None = None) -> None: ...

@overload
def call(x: int) -> int: ...
def call(x, y=2, *, z: int = 3): ...

call_again = call
made = Unknown("made")
if T:
    def torn(a): ...
else:
    def torn(b): ...
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A package of fake parts. Importing it raises, so reading it is all that can work."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "fake_lab"
    package.mkdir()
    (package / "__init__.py").write_text(
        "raise RuntimeError\nfrom fake_lab.parts import Child as Kid\nfrom .star import *\n"
    )
    (package / "parts.py").write_text(f"raise RuntimeError\n{PARTS}")
    (package / "star.py").write_text("from . import circle\nfrom .parts import Net, gone\n")
    (package / "circle.py").write_text("from .lap import Ring\nfrom .lap import *\nclass Heir(Heir): ...\n")
    (package / "lap.py").write_text("from .circle import Ring\nfrom .circle import *\n")
    (package / "lazy.py").write_text("def __getattr__(name): ...\n")
    (package / "fast.cpython-311-x86_64-linux-gnu.so").write_text("")
    (folder / "fake_raises.py").write_text(
        "from gan_lab.errors import UserError\n"
        "def value(x): raise ValueError('too\\n big')\n"
        "def user(x): raise UserError('no such folder')\n"
        "def disk(x): raise OSError(36, 'File name too long', 'pics')\n"
        "def bug(x): raise RuntimeError('bug')\n"
        "class Takes:\n    def __init__(self, x): pass\n"
    )
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
