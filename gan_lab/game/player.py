"""Player: a network, the terms of its objective, and its optimiser."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from inspect import signature
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch._functorch import config as functorch
from torch.func import functional_call
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gan_lab.errors import UserError
from gan_lab.game.loss_scale import LossScale
from gan_lab.game.memory_format import as_it_lies
from gan_lab.terms import Term
from gan_lab.types import Conditional


class Player(nn.Module):
    """`network` moved by `optimizer(weights)`, whose learning rate follows `schedule(optimizer)` round by round.

    `scale` is for half precision: it keeps gradients in its range, and vetoes steps along those that left it.
    """

    network: nn.Module
    terms: nn.ModuleDict

    def __init__(
        self,
        name: str,
        network: nn.Module,
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler] | None = None,
        terms: Mapping[str, Term] | None = None,
        scale: LossScale | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.network = network
        self.terms = nn.ModuleDict(terms or {})
        for term in self.terms.values():
            term.player = name  # type: ignore[assignment]
        self.make_optimizer = optimizer
        self.make_schedule = schedule
        self.scale = scale
        self._find_weights()
        self.conditional = any(isinstance(part, Conditional) and part.conditional for part in network.modules())
        self.step = 0  # updates made so far
        self.replays = False  # its network is run as CUDA graphs, which write where they wrote in the round before
        self._looked: tuple[int, int] | None = None  # the round and the step in which its objective was asked for last
        self._before: list[Tensor] = []  # its terms' state at the first look of that step

    def copied(self) -> nn.Module:
        """A copy of the network that is not trained."""
        return deepcopy(self.network).requires_grad_(False)

    def forward(self, *inputs: Any) -> Any:
        """The network as the game calls it: compiled, where it is. `network` itself never is."""
        return self.network(*inputs)

    def prepare(
        self,
        channels_last: bool = False,
        compiled: bool | Literal["reduce-overhead"] = False,
        backend: str | Callable[..., Any] = "inductor",
    ) -> None:
        """How the network is run; what it computes, and the names of its weights, stay the same.

        Args:
            channels_last: images (N, C, H, W) lie in memory as (N, H, W, C). Those that come in need not: a convolution
                lays out its result as its weights are, but for one pixel wide ones, which leave it as it is.
            compiled: by torch.compile, with this `backend`. Such a network cannot be differentiated twice.
                "reduce-overhead": its passes are recorded as CUDA graphs, and replayed.
            backend: of torch.compile.
        """
        if channels_last:
            self.to(memory_format=torch.channels_last)
        if compiled:
            # Both players' gradients may be taken of one graph, whose memory the first must then leave alone.
            functorch.donated_buffer = False
            self.replays = compiled == "reduce-overhead"
            # The same shapes are compiled in the same way whatever came before, as in a resumed run.
            self.compile(backend=backend, mode="reduce-overhead" if self.replays else None, dynamic=False)

    @property
    def uses_input_gradient(self) -> bool:
        """Whether a term that counts at the next update asks for D's input gradient at the samples of the game."""
        return any(
            isinstance(term, Term) and term.uses_input_gradient and term.due(self.step) for term in self.terms.values()
        )

    @contextmanager
    def preserve_buffers(self) -> Iterator[None]:
        """The network is used but does not move: running statistics and the like are put back afterwards."""
        buffers = [b.data for b in self.statistics]  # .data: autograd's version counters stay as they are
        kept = [b.clone() for b in buffers]
        yield
        if buffers:
            torch._foreach_copy_(buffers, kept)

    @cached_property
    def statistics(self) -> list[Tensor]:
        """The network's buffers, running statistics and the like: found once, since it changes them in place."""
        return list(self.network.buffers())

    @cached_property
    def state(self) -> list[Tensor]:
        """Its terms' buffers, such as moving averages."""
        return list(self.terms.buffers())

    def look(self, round_: int) -> None:
        """Its objective is about to be asked for: its terms begin with the state from before its present step.

        An update may look several times in a step, and a batch may be played in parts: the state advances once, by the
        last look.
        """
        if not self.state:
            return
        now = (round_, self.step)
        if self._looked == now:
            # Graphs of earlier looks that hold them are to go backwards still.
            torch._foreach_copy_([value.data for value in self.state], self._before)
        else:
            self._looked, self._before = now, [value.clone() for value in self.state]

    def _find_weights(self) -> None:
        self.weights = [p for p in self.network.parameters() if p.requires_grad]

    def _apply(self, *args: Any, **options: Any) -> Self:
        for buffers in ("statistics", "state"):  # another device or precision has others in their place
            self.__dict__.pop(buffers, None)
        moved = super()._apply(*args, **options)
        self._find_weights()  # some devices have other parameters in their place, too
        return moved

    def with_weights(self, weights: Sequence[Tensor]) -> Callable[..., Any]:
        """The network as a function of its input that has these in place of `self.weights`, differentiable in them."""
        parameters = self.named_weights(weights)
        return lambda *inputs: functional_call(self.network, parameters, inputs)

    def named_weights(self, weights: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
        """`self.weights`, or these in their place, by the names that they have in the network."""
        names = [name for name, p in self.network.named_parameters() if p.requires_grad]
        return dict(zip(names, self.weights if weights is None else weights, strict=True))

    def gradient(self, objective: Tensor, weights: Sequence[Tensor], **options: Any) -> Sequence[Tensor]:
        """The objective's gradient in these weights; zero in those that it does not depend on."""
        # With `inputs` named, autograd skips the other player's weight gradients altogether.
        take = torch.autograd.grad if self.scale is None else self.scale.gradient
        found = take(objective, weights, materialize_grads=True, **options)
        return found if options.get("create_graph") else self.lasting(found)

    def lasting(self, values: Sequence[Tensor]) -> Sequence[Tensor]:
        """The same values where no replay of a later round overwrites them; those themselves where none would."""
        if not self.replays:
            return values
        with torch.no_grad():
            kept = [torch.empty_like(value) for value in values]
            torch._foreach_copy_(kept, list(values))
        return kept

    def check_influence(self, term: str, value: Tensor) -> None:
        """Raises UserError where the value of this term does not depend on the player's weights at all."""
        depends = value.requires_grad and torch.autograd.grad(value, self.weights, retain_graph=True, allow_unused=True)
        if not depends or all(gradient is None for gradient in depends):
            raise UserError(f"{self.name}_terms.{term}: its value does not depend on this player; leave it out")

    def configure(self) -> tuple[Optimizer, LRScheduler | None]:
        """Its optimiser and the schedule of that, both anew.

        Raises:
            UserError: torch's optimiser or schedule, which judge their own settings, refuse them; or they are none.
        """
        optimizer = self._made(f"optimizer.{self.name}", self.make_optimizer, self.weights, Optimizer)
        if self.make_schedule is None:
            return optimizer, None
        return optimizer, self._made("schedule", self.make_schedule, optimizer, LRScheduler)

    def _made(self, where: str, make: Callable[[Any], Any], of: Any, kind: type[Optimizer] | type[LRScheduler]) -> Any:
        try:
            made: Any = make(of)
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: {error}") from error
        if not isinstance(made, kind):
            raise UserError(f"{where}: makes a {type(made).__name__}, and must make a torch {kind.__name__}")
        parameters = signature(made.step).parameters.values()
        needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
        if needed:
            raise UserError(f"{where}: {type(made).__name__} steps by a {needed[0]}, which the game does not have")
        return made

    def aim(self, gradient: Sequence[Tensor]) -> None:
        """Leave the gradient where the optimiser will look for it."""
        for weight, direction in zip(self.weights, gradient, strict=True):
            weight.grad = as_it_lies(direction, weight)

    def stepped(self, counts: bool = True) -> None:
        """Its optimiser has made a step: constraints that are due are restored, and the step counts."""
        for term in self.terms.values():
            if isinstance(term, Term) and term.due(self.step):
                term.constrain(self.network)
        self.step += counts
