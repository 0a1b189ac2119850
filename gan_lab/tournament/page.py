"""Page of a tournament: who plays, budget, search, seeds, protocol of evaluation and question, as checked data."""

import math
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from gan_lab.config.conf import CONF
from gan_lab.config.observing import key_of
from gan_lab.config.words import listed, near, one_line
from gan_lab.errors import UserError
from gan_lab.evaluation.ranking import FEWEST, numbers_of_seeds
from gan_lab.evaluation.spending import MOST_LOOKS, RULE
from gan_lab.io.reading import read_yaml
from gan_lab.ranges import NonNegativeInt, OpenUnitInterval, PositiveFloat, PositiveInt
from gan_lab.tournament.overrides import check_apart, check_override

UNITS = ("flops", "images", "rounds", "seconds")
ONCE = "looks at contestants; the effects of factors and parts are tested once, by all seeds; leave it out"
MOST_COMBINATIONS = 128  # of factors' levels
LONGEST = 200  # name of a combination, which is that of a file
BETWEEN = "__"  # levels, in that name
NAMING = "has letters, digits and _, begins with a letter, and is short"
NAME = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
NO_NAMES = ("null", "true", "false", "nan", "inf")  # which Hydra takes for values
NOTHING = "none"  # name of the recipe without any of an ablation's parts


def _named(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("must be the name of an option")
    return value


Name = Annotated[str, AfterValidator(_named)]


class _Model(BaseModel, extra="forbid", allow_inf_nan=False): ...


class Range(_Model):
    """Numbers from `low` to `high`, whole ones where both are; by their logarithm with `log`."""

    low: int | float
    high: int | float
    log: bool = False
    spelt: ClassVar[tuple[str, ...]] = ("0",)  # in place of any number

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("must have low < high, and 0 < low with log")
        if isinstance(self.low, int) and isinstance(self.high, int) and max(-self.low, self.high) >= 2**62:
            raise ValueError("whole numbers must have less than 63 bits; write them as 1.0e+20 for others")
        return self


class Choices(_Model):
    """One of these values."""

    choices: list[Any] = Field(min_length=1)

    @property
    def spelt(self) -> list[str]:
        return [spelt(value) for value in self.choices]


def _kind(part: Any) -> str:
    has_choices = "choices" in part if isinstance(part, dict) else isinstance(part, Choices)
    return "Choices" if has_choices else "Range"


Part = Annotated[Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")], Discriminator(_kind)]
Space = dict[str, Part]


def spelt(value: Any) -> str:
    """A value as an override spells it."""
    if isinstance(value, list):
        return f"[{','.join(map(spelt, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


class Search(_Model):
    """Trials of each contestant, of which the best by validation plays the final runs.

    The first trial is the contestant as it stands on the page. `random` draws the others from the space, the same draw
    for a setting that several contestants have; `tpe` is Optuna's, which draws after it has seen.
    """

    trials: PositiveInt
    space: Space = Field(default_factory=dict)
    sampler: Literal["random", "tpe"] = "random"
    length: float = Field(default=1.0, gt=0, le=1)  # of a trial, as a part of a final run's
    seed: NonNegativeInt = 1000  # of the trials' training; none of the final runs has it


class Contestant(_Model):
    """Overrides, as on the command line, and what is searched for this contestant alone."""

    overrides: list[str] = Field(default_factory=list)
    space: Space = Field(default_factory=dict)


class Protocol(_Model):
    """The figure that decides, of the final runs: options of `gan-lab evaluate`.

    The search and the curves along runs have the same figure by other noise and another choice of real samples
    (`validation_seed`), and `validation_n` samples.
    """

    metric: Name
    figure: str | None = None  # one of the metric's; None: its first
    features: Name = "auto"
    n: PositiveInt = 10_000
    real: PositiveInt | None = None
    split: Literal["train", "test"] = "train"
    seed: NonNegativeInt = 0
    validation_n: PositiveInt = 1000
    validation_seed: NonNegativeInt = 1
    floor: bool = True

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.seed == self.validation_seed:
            raise ValueError("validation_seed must be another seed than that of the final evaluation")
        return self


class CopyingTest(_Model):
    """The test of memorisation that stands beside each figure, where the data have a test set."""

    features: Name = "pixels"
    n: PositiveInt = 1000


class TournamentPage(_Model):
    """All of a page. Of `budget` exactly one unit is given: each contestant's, its search included."""

    contestants: dict[str, Contestant] = Field(default_factory=dict)
    factors: dict[str, dict[str, Contestant]] = Field(default_factory=dict)  # all combinations of their levels play
    parts: dict[str, list[str]] = Field(default_factory=dict)  # of an ablation, in place of contestants
    common: list[str] = Field(default_factory=list)
    budget: dict[Literal["flops", "images", "rounds", "seconds"], PositiveFloat]
    search: Search | None = None
    seeds: int = Field(default=5, ge=FEWEST)
    first_seed: NonNegativeInt = 0
    until: Literal["all", "decided"] = "all"
    looks: int = Field(default=3, ge=1, le=MOST_LOOKS)  # with until=decided
    first_look: int = Field(default=5, ge=FEWEST)
    error: OpenUnitInterval = 0.05
    power: OpenUnitInterval = 0.8
    evaluation: Protocol
    copying: CopyingTest | None = CopyingTest()
    points: PositiveInt = 20  # of a curve along a run
    question: str = "best"
    rule: str | None = None  # of looking: noted in the page that a tournament keeps

    @field_validator("rule")
    @classmethod
    def _is_ours(cls, value: str | None) -> str | None:
        if value not in (None, RULE):
            raise ValueError(f"is of another version of the lab; must be {RULE!r}, or be left out")
        return value

    @field_validator("contestants", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """A list is a contestant's overrides."""
        if not isinstance(value, dict):
            return value
        return {name: {"overrides": one or []} if isinstance(one, list | None) else one for name, one in value.items()}

    @field_validator("factors", mode="before")
    @classmethod
    def _short_levels(cls, value: Any) -> Any:
        """A list is a level's overrides."""
        if not isinstance(value, dict):
            return value
        for factor, levels in value.items():
            for name in levels if isinstance(levels, dict) else ():
                if not isinstance(name, str):  # as YAML reads on, off, no and numbers
                    raise ValueError(f"{name} is no name, which {NAMING}: {factor}_{str(name).lower()}, say")
        return {factor: cls._short(levels) for factor, levels in value.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.budget) != 1:
            raise ValueError(f"budget must have one of {', '.join(UNITS)}")
        if sum(map(bool, (self.contestants, self.factors, self.parts))) != 1:
            raise ValueError("must have contestants, two or more, or factors (a tournament), or parts (an ablation)")
        if len(self.contestants) == 1:
            raise ValueError("contestants must be two or more")
        self._check_factors()
        self._check_parts()
        if self.until == "decided" and not self.contestants:
            raise ValueError(f"until=decided: {ONCE}")
        if self.until == "decided" and len(self.numbers) == 1:
            raise ValueError(
                f"until=decided: one look is all that seeds={self.seeds}, first_look={self.first_look} and "
                f"looks={self.looks} leave; give more seeds than first_look and two looks or more"
            )
        for name in (*self.contestants, *self.parts):
            if not NAME.fullmatch(name) or name.lower() in NO_NAMES:
                raise ValueError(f"{name!r}: a name {NAMING}, and is none of {', '.join(NO_NAMES)}")
            if (CONF / "experiment" / f"{name}.yaml").exists():
                raise ValueError(f"{name}: is an experiment of the lab; give it another name")
        allowed = ["best", "order", *self.contestants]
        if self.question not in allowed:
            raise ValueError(f"question={self.question}: must be one of {', '.join(allowed)}")
        if self.search is not None and self.search.seed in self.final_seeds:
            raise ValueError("search.seed must be none of the final runs' seeds")
        if self.search is None and any(one.space for one in self._all):
            raise ValueError("a contestant or level has a space, and there is no search")
        for override in self.overrides:
            check_override(override)
        return self

    def _check_factors(self) -> None:
        if not self.factors:
            return
        if len(self.factors) == 1:
            raise ValueError("factors must be two or more; the levels of one are contestants")
        for factor, levels in self.factors.items():
            for name in (factor, *levels):
                if not NAME.fullmatch(name) or BETWEEN in name:
                    raise ValueError(f"factors.{factor}: {name!r} is no name, which {NAMING}, and no __")
            if len(levels) < 2:
                raise ValueError(f"factors.{factor} must have two levels or more")
        if math.prod(map(len, self.factors.values())) > MOST_COMBINATIONS:
            raise ValueError(f"factors must have at most {MOST_COMBINATIONS} combinations")
        if sum(max(map(len, levels)) for levels in self.factors.values()) > LONGEST:
            raise ValueError("factors: the names of levels are too long to be joined; give shorter ones")
        for factor, levels in self.factors.items():
            for name, level in levels.items():
                self._check_seen(f"factors.{factor}.{name}", level)
        check_apart(
            {
                f"factors.{factor}": [part for level in levels.values() for part in (*level.overrides, *level.space)]
                for factor, levels in self.factors.items()
            }
        )

    def _check_parts(self) -> None:
        if not self.parts:
            return
        if self.question != "best":
            raise ValueError("question: an ablation estimates the effects of its parts; leave it out")
        for name, overrides in self.parts.items():
            if name == NOTHING or BETWEEN in name:
                raise ValueError(
                    f"parts: {name!r} is no name of a part: {NOTHING} is the recipe without, __ joins names"
                )
            self._check_seen(f"parts.{name}", Contestant(overrides=overrides))
        if len(BETWEEN.join(self.parts)) > LONGEST:
            raise ValueError("parts: their names are too long to be joined; give shorter ones")
        check_apart({f"parts.{name}": overrides for name, overrides in self.parts.items()})

    def _check_seen(self, where: str, one: Contestant) -> None:
        """Raise a ValueError where the search of all draws what a level or a part sets."""
        hidden = {*self.search.space} & {*map(key_of, one.overrides)} - {*one.space} if self.search else set()
        if hidden:
            raise ValueError(f"{where}: sets {min(hidden)}, which search.space draws for all; take one away")

    @property
    def _all(self) -> list[Contestant]:
        """Contestants, or the levels of factors."""
        return [*self.contestants.values(), *(level for one in self.factors.values() for level in one.values())]

    @property
    def unit(self) -> str:
        return next(iter(self.budget))

    @property
    def amount(self) -> float:
        return next(iter(self.budget.values()))

    @property
    def final_seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def numbers(self) -> list[int]:
        """Of seeds, at which the tests look."""
        return numbers_of_seeds(self.first_look, self.seeds, self.looks if self.until == "decided" else 1)

    @property
    def overrides(self) -> list[str]:
        """All that are anywhere on the page."""
        own = [override for one in self._all for override in one.overrides]
        searched = [self.search.space] if self.search is not None else []
        spaces = [*searched, *(one.space for one in self._all)]
        return [
            *self.common,
            *own,
            *(override for part in self.parts.values() for override in part),
            *(f"{key}={value}" for space in spaces for key, part in space.items() for value in part.spelt),
        ]

    def space_of(self, name: str) -> Space:
        return {} if self.search is None else {**self.search.space, **self.contestants[name].space}


def read_page(path: Path) -> TournamentPage:
    """The page in a YAML file.

    Raises:
        UserError: it cannot be read, has a key that there is not, or a value that is not allowed.
    """
    return parse_page(read_yaml(path), str(path))


def parse_page(data: dict[str, Any], where: str) -> TournamentPage:
    """The same of plain data; `where` begins the message."""
    try:
        return TournamentPage.model_validate(data)
    except ValidationError as error:
        problems = error.errors()
        problem = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
        place = [str(part) for part in problem["loc"] if part not in ("Range", "Choices")]
        key = ".".join(place)
        if problem["type"] == "extra_forbidden":
            known = _keys(place[:-1])
            raise UserError(f"{where}: {key}: no such key{near(place[-1], known)} {listed(known)}") from error
        what = problem["msg"].removeprefix("Value error, ").replace("Input should", "must").replace("Field ", "is ")
        raise UserError(one_line(f"{where}: {f'{key}: ' if key else ''}{what}")) from error


def _keys(place: list[str]) -> list[str]:
    """Those that the model at this place has."""
    models: dict[str, type[BaseModel]] = {
        "search": Search,
        "contestants": Contestant,
        "factors": Contestant,
        "evaluation": Protocol,
        "copying": CopyingTest,
    }
    if "space" in place:
        return [*Range.model_fields, *Choices.model_fields]
    model: type[BaseModel] = models.get(place[0], TournamentPage) if place else TournamentPage
    return list(model.model_fields)
