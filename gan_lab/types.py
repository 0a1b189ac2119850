"""Protocols of the game, and the tuples that pass between its parts.

Signs and shapes, throughout: a logit is high where D believes "real"; N is the batch; images are
(N, C, H, W) in [-1, 1]; points of a toy density are (N, d) in its own units.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class Batch(NamedTuple):
    """Real data: samples `x` and, where there are some, what belongs to them (class labels, a condition).

    Where the labels of x are hidden, `labelled` may be a batch of its own, of any size, of the few that are shown.
    """

    x: Tensor
    y: Tensor | None = None
    labelled: "Batch | None" = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """What `change` makes of all its tensors."""
        labelled = None if self.labelled is None else self.labelled.each(change)
        return Batch(change(self.x), None if self.y is None else change(self.y), labelled)

    def to(self, device: torch.device | str) -> "Batch":
        """The same on this device."""
        return self.each(lambda tensor: tensor.to(device, non_blocking=True))

    @property
    def tensors(self) -> list[Tensor]:
        """All that it holds."""
        own = [self.x] if self.y is None else [self.x, self.y]
        return own if self.labelled is None else [*own, *self.labelled.tensors]


class DiscriminatorOutput(NamedTuple):
    """What D returns, always: logits (N,) or one per patch (N, ...), class logits (N, K), inner features.

    `scales`: the logits of further scales, each (N, ...), of a D that judges at several. The players' losses are sums
    over all, and the input gradient is that of the sum of all. Terms, figures and wrappers of logits know `logits`
    alone, but where they say so.
    """

    logits: Tensor
    class_logits: Tensor | None = None
    features: tuple[Tensor, ...] = ()
    scales: tuple[Tensor, ...] = ()

    @property
    def all_logits(self) -> tuple[Tensor, ...]:
        """Those of every scale, the first of which is `logits`."""
        return (self.logits, *self.scales)


class Generator(Protocol):
    """G: noise (N, latent dim) and perhaps a condition to samples (N, *shape)."""

    def __call__(self, z: Tensor, y: Tensor | None = None) -> Tensor: ...


class Discriminator(Protocol):
    """D: samples (N, *shape) and perhaps a condition to a `DiscriminatorOutput`."""

    def __call__(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput: ...


@runtime_checkable
class Styled(Protocol):
    """A generator in two parts, z -> w -> x: what reads or moves w, the styles, asks for them one after the other.

    w is (N, layers, dim), a row for each layer of the synthesis, so that rows can be mixed and truncated apart:
    `centre + psi (w - centre)`.
    """

    @property
    def centre(self) -> Tensor:
        """The moving mean of w in training, (dim,)."""

    def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """w of noise (N, latent dim) and labels; in training mode perhaps mixed. The centre does not move."""

    def synthesise(self, w: Tensor) -> Tensor:
        """Samples (N, *shape) of w."""


@runtime_checkable
class Conditional(Protocol):
    """A network or a layer of one that reads y, the batch's condition: a label (N,), an image, ...

    The game is conditional, and passes y to both players, where some module of either has `conditional` true.
    """

    conditional: bool


@runtime_checkable
class DataDependent(Protocol):
    """A network, or a part of one, whose initial state depends on the data: marginals, a reference batch, scales."""

    def initialise_from(self, real: Callable[[int], Tensor]) -> None:
        """Called once, before the first round; `real(n)` gives at least n real samples (N, *shape)."""


@runtime_checkable
class Referring(Protocol):
    """A network, or a part of one, whose initial state depends on a reference batch of the player's own inputs."""

    def refer_to(self, inputs: Callable[[int], tuple[Tensor, Tensor | None]]) -> None:
        """Called once, before the first round; `inputs(n)` gives n real samples for D, or noise for G, and their y.

        y is None where the game is not conditional.
        """


@runtime_checkable
class Latent(Protocol):
    """The distribution of the noise z."""

    dim: int

    def sample(self, n: int, generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        """n draws, (n, dim)."""

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        """z drawn towards the distribution's centre; 1 leaves it alone, 0 is the centre."""


@runtime_checkable
class AdversarialLoss(Protocol):
    """A pair of functions of logits, each to a scalar that its player minimises.

    Both players may see both logits, so that relativistic losses need no special case.
    """

    @property
    def generator_sees_real(self) -> bool:
        """Whether `generator` reads the real logits; where it does not, they are not computed for it."""

    @property
    def boundary(self) -> float | None:
        """The logit at which an optimal D is undecided between real and fake; None where there is no such logit."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...
    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor: ...


@runtime_checkable
class OutputLoss(Protocol):
    """A loss that asks for more than logits: all that D returns, such as class logits, and y where there is some."""

    def discriminator_of(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, y: Tensor | None) -> Tensor: ...
    def generator_of(self, fake: DiscriminatorOutput, y: Tensor | None) -> Tensor: ...


@runtime_checkable
class Annealed(Protocol):
    """A loss that changes along a run."""

    def at(self, step: int) -> AdversarialLoss:
        """The loss, of logits, of a player that has made `step` updates."""


@runtime_checkable
class BoundsDivergence(Protocol):
    """A loss that can say what D's logits prove; a loss without this method makes no claim."""

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Scalars by name, from logits of real and of generated samples: a divergence's lower bound and the like."""


@runtime_checkable
class ZeroSum(Protocol):
    """A loss that can say whether J_G is -J_D, but for what does not depend on G; one that does not say so is not."""

    zero_sum: bool


@runtime_checkable
class Density(Protocol):
    """A distribution that is known exactly."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats of points (N, d): (N,)."""

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n points, (n, d)."""


class View(NamedTuple):
    """A player's network, to be read, and its trainable weights by name: others' in their place where so judged."""

    network: nn.Module
    weights: Mapping[str, Tensor]


class StepContext(Protocol):
    """One evaluation of the game: a batch, noise, and D's view of both. Each is made when first asked for."""

    @property
    def d(self) -> View: ...

    @property
    def g(self) -> View: ...

    @property
    def real(self) -> Tensor: ...

    @property
    def y(self) -> Tensor | None: ...

    @property
    def labelled(self) -> Batch | None:
        """The samples whose labels are shown, where those of `real` are hidden."""

    @property
    def condition(self) -> Tensor | None:
        """What the networks are given of y: all of it, or None where neither reads it."""

    @property
    def z(self) -> Tensor: ...

    @property
    def uniform(self) -> Tensor:
        """u ~ U(0, 1) for each sample of the batch, (N,), one draw a step, however many processes share it."""

    @property
    def normal(self) -> Tensor:
        """eps ~ N(0, 1) for each number of each sample, (N, *shape), likewise."""

    @property
    def fake(self) -> Tensor: ...

    @property
    def real_output(self) -> DiscriminatorOutput: ...

    @property
    def fake_output(self) -> DiscriminatorOutput: ...

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        """Call D once more, on any samples; `y` is by default the batch's own condition."""

    def input_gradient(self, x: Tensor) -> Tensor:
        """grad_x D(x), each sample for itself, (N, *shape); differentiable in D's weights and in x's own."""

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Call G once more, on any noise; `y` is by default the batch's own condition."""

    def replacing(self, z: Tensor | None = None, real: Tensor | None = None) -> "StepContext":
        """The same step with other noise or real samples; where z is differentiated, its samples carry a graph."""

    def against(self, weights: Sequence[Tensor] | None = None) -> "StepContext":
        """The same data and samples, judged by D as it has become, or by one that has these weights.

        Those may depend on others' weights.
        """


class Player(Protocol):
    """One of the two."""

    name: str
    network: nn.Module
    weights: list[nn.Parameter]
    step: int  # how many updates it has made


class Game(Protocol):
    """What an update may ask for and do. It never learns which loss, terms or networks are in play."""

    @property
    def d(self) -> Player: ...

    @property
    def g(self) -> Player: ...

    def context(self, *movers: Any) -> StepContext:
        """Fresh data and fresh noise; only the movers' networks are differentiated and changed."""

    def objective(self, player: Any, context: Any, whole: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """What `player` minimises, its loss plus its terms, a scalar; and what was seen of these, by name.

        `whole`: in a zero-sum game G's loss is all of -J_D, E log D(x) included, for where D depends on G.
        """

    def foresight(self, player: Any) -> Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]]:
        """The steps that the player's optimiser would make: functions of weights and gradients, differentiable in both.

        Each call makes the next; the player does not move.
        """

    def gradients(self, context: Any, *players: Any, create_graph: bool = False) -> Sequence[Sequence[Tensor]]:
        """Of each player's objective in its own weights; the batch goes through in parts, where it is cut in parts."""

    def gradient(
        self,
        player: Any,
        objective: Tensor,
        seen: Mapping[str, Tensor] = ...,
        weights: Sequence[Tensor] | None = None,
        **options: Any,
    ) -> Sequence[Tensor]:
        """The objective's gradient in the player's own weights, in their order, or in others in their place.

        What was `seen` beside it is recorded as the round's. Over the whole batch, all processes' parts of it; with
        `create_graph=True` it can be differentiated as such.
        """

    def move(self, player: Any, gradient: Sequence[Tensor], counts: bool = True) -> bool:
        """One step of the player's optimiser along `gradient`; a step on trial does not count as an update.

        In half precision none is made, nor counted, along a gradient that is not finite.
        """

    def accuracy(self) -> float:
        """The share of D's last logits, real and fake alike, that lie on the right side of the loss's boundary."""


@runtime_checkable
class Averaging(Protocol):
    """How fast an average of G's weights follows them."""

    def share(self, t: int) -> float:
        """What the weights of round t, from 1, get of the average: 1 copies them. Asked once a round, on the host."""


@runtime_checkable
class Update(Protocol):
    """A strategy that plays one round of the game: who moves when."""

    def play(self, game: Game) -> None: ...


class LinearPoint(NamedTuple):
    """A point of the game near an equilibrium: differences from it, each (n,)."""

    w: Tensor  # weights, D's first
    momentum: Tensor  # what the optimisers' averages of gradients would move the weights by
    past: Tensor  # the point that the update remembers


class LinearSteps(Protocol):
    """Steps of the players' optimisers near an equilibrium, as linear maps of differences from it.

    With A the Jacobian of v = (grad_psi J_D, grad_theta J_G), H the diagonal matrix of step sizes and beta the
    momentum, a step along the gradients g is m <- beta m + (1 - beta) H g, w <- w - m.
    """

    def slope(self, w: Tensor) -> Tensor:
        """H A w, of v at w."""

    def consensus(self, w: Tensor) -> Tensor:
        """H A'A w, of the gradient of 1/2 ||v||^2 at w."""

    def d(self, point: LinearPoint) -> LinearPoint:
        """D's step along its own gradient."""

    def g(self, point: LinearPoint) -> LinearPoint:
        """G's step, likewise."""

    def both(self, point: LinearPoint, slope: Tensor) -> LinearPoint:
        """Both players' steps along `slope`."""


class LinearRound(NamedTuple):
    """`rounds` rounds as a linear map."""

    play: Callable[[LinearPoint], LinearPoint]
    remembers: bool = False  # whether the update does, a past point
    rounds: int = 1


@runtime_checkable
class Linearised(Protocol):
    """An update whose round is, near an equilibrium, a known linear map of the optimisers' steps."""

    def linearised(self, steps: LinearSteps) -> LinearRound | None:
        """The map; None where an update within this one has none."""


@runtime_checkable
class Stateful(Protocol):
    """What remembers something from round to round, such as some updates do: plain data and tensors."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class Concluding(Protocol):
    """A callback that has something to say in the summary of a run."""

    def conclusion(self) -> dict[str, Any]:
        """Plain values by name, asked for after the last round; where there are none, nothing."""


@runtime_checkable
class Closing(Protocol):
    """A callback that acts when the run has ended, by no signal, and all its files are written."""

    def close(self, gan: Any) -> None:
        """Called on process 0. It raises nothing: the run has ended well, also where this fails."""


@runtime_checkable
class Periodic(Protocol):
    """A callback that can do without the rounds between those at which it acts: several runs may play them at once.

    `intervals` names its attributes that hold them, in rounds: it acts after the multiples of each. One without any
    acts upon what others have done, if at all.
    """

    intervals: ClassVar[tuple[str, ...]]
