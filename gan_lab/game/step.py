"""Step context: real, fake, noise, labels and outputs of one step, computed when first asked for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.game.microbatches import cut, rows
from gan_lab.game.player import Player
from gan_lab.types import Batch, DiscriminatorOutput, View


class StepContext:
    """Fresh data and fresh noise for the `movers`.

    A network that does not move is left bit-identical, buffers included. Where G does not move its samples carry no
    graph; where D does not, its weights' gradients are never computed, since they are not asked for.
    """

    def __init__(
        self,
        d: Player,
        g: Player,
        movers: tuple[Player, ...],
        draw: Callable[[], Batch],
        noise: Callable[[], Tensor],
        joint: bool,
        d_weights: Sequence[Tensor] | None = None,
        uniform: Callable[[], Tensor] | None = None,
        fake: Callable[[], Tensor] | None = None,
        normal: Callable[[torch.Size], Tensor] | None = None,
    ) -> None:
        self._d, self._g = d, g
        self._movers = movers
        self._draw, self._noise = draw, noise
        self._joint = joint
        self._uniform, self._normal, self._fake = uniform, normal, fake
        self._d_weights = d_weights
        # In a joint batch, samples are not judged each for itself.
        self._asks_input_gradient = d.uses_input_gradient and not joint
        # Penalties differentiate what they see of D twice, which a compiled network (`d` itself, perhaps) cannot be.
        self._inspect = d.network if d_weights is None else d.with_weights(d_weights)
        self._judge = d if d_weights is None and not (self._asks_input_gradient and d in movers) else self._inspect

    @property
    def d(self) -> View:
        return View(self._d.network, self._d.named_weights(self._d_weights))

    @property
    def g(self) -> View:
        return View(self._g.network, self._g.named_weights())

    @cached_property
    def _batch(self) -> Batch:
        return self._draw()

    @property
    def real(self) -> Tensor:
        return self._batch.x

    @property
    def y(self) -> Tensor | None:
        return self._batch.y

    @property
    def labelled(self) -> Batch | None:
        return self._batch.labelled

    @cached_property
    def condition(self) -> Tensor | None:
        """What both networks are given beside their input: y where one of them reads it, else nothing."""
        if not (self._d.conditional or self._g.conditional):
            return None  # and no batch is drawn for it
        if self.y is None:
            raise UserError("the networks are conditional, but the data have nothing to condition on, such as labels")
        return self.y

    @cached_property
    def z(self) -> Tensor:
        return self._noise()

    @cached_property
    def uniform(self) -> Tensor:
        """u ~ U(0, 1) for each sample of the batch, (N,)."""
        return torch.rand(len(self.real), device=self.real.device) if self._uniform is None else self._uniform()

    @cached_property
    def normal(self) -> Tensor:
        """eps ~ N(0, 1) for each number of each sample of the batch, (N, *shape)."""
        return torch.randn_like(self.real) if self._normal is None else self._normal(self.real.shape[1:])

    @cached_property
    def fake(self) -> Tensor:
        if self._fake is not None:
            return self._fake()
        # .float(): under autocast the networks work in half precision, the game is played in single.
        if self._g in self._movers:
            return self._g(self.z, self.condition).float()
        return self.generate(self.z)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """G's samples for any noise (N, latent dim), for terms: its running statistics do not learn from them.

        `y` is what they go with; None: the batch's own, sample by sample. They carry a graph where G moves, or where z
        is differentiated.
        """
        with torch.set_grad_enabled(self._g in self._movers or z.requires_grad), self._g.preserve_buffers():
            return self._g(z, self.condition if y is None else y).float()

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        """D's view of any samples (N, *shape), for penalties: its running statistics do not learn from them.

        `y` is what they go with; None: the batch's own, sample by sample.
        """
        with self._d.preserve_buffers():
            return _single(self._inspect(x, self.condition if y is None else y))

    def input_gradient(self, x: Tensor) -> Tensor:
        """grad_x D(x), each sample for itself, (N, *shape); differentiable in D's weights and in x's own.

        D(x) is the sum of all logits of x, those of every patch and scale. Of the game's own samples it is the slope
        of what their loss is of, the same dropout and noise included. Any others D sees once more.
        """
        if self._asks_input_gradient and x is self.real:
            x, output = self._seen_real, self.real_output
        elif self._asks_input_gradient and x is self.fake:
            x, output = self._seen_fake, self.fake_output
        else:
            x = _alias(x)
            output = self.discriminate(x)
        (slope,) = torch.autograd.grad([logits.sum() for logits in output.all_logits], x, create_graph=True)
        return slope

    def _view(self, x: Tensor, y: Tensor | None) -> DiscriminatorOutput:
        """D's view of the samples that the game is about."""
        with nullcontext() if self._d in self._movers else self._d.preserve_buffers():
            return _single(self._judge(x, y))

    def against(self, weights: Sequence[Tensor] | None = None) -> "StepContext":
        """The same data, noise and samples, judged by D with these in place of its weights; None: as it is by now.

        D itself does not move in such a step: it is left bit-identical.
        """
        movers = tuple(player for player in self._movers if player is not self._d)
        return StepContext(
            self._d, self._g, movers, lambda: self._batch, lambda: self.z, self._joint, weights, self._uniform,
            fake=lambda: self.fake, normal=self._normal,
        )  # fmt: skip

    def replacing(self, z: Tensor | None = None, real: Tensor | None = None) -> "StepContext":
        """The same step with other noise (N, latent dim) or real samples (N, *shape) in place of its own.

        Samples for noise that is differentiated carry a graph, also where G does not move.
        """
        return StepContext(
            self._d, self._g, self._movers,
            lambda: self._batch if real is None else self._batch._replace(x=real),
            lambda: self.z if z is None else z,
            self._joint, self._d_weights, lambda: self.uniform, normal=lambda _: self.normal,
        )  # fmt: skip

    def parts(self, n: int) -> Iterator["StepContext"]:
        """The same data and noise in n equal parts, each a step context, which only its user keeps."""
        if n == 1:
            yield self
            return
        for i in range(n):
            yield self._share(i, n)

    def _share(self, i: int, n: int) -> "StepContext":
        return StepContext(
            self._d, self._g, self._movers, lambda: cut(self._batch, i, n), lambda: rows(self.z, i, n), self._joint,
            uniform=lambda: rows(self.uniform, i, n), normal=lambda _: rows(self.normal, i, n),
        )  # fmt: skip

    @cached_property
    def _both(self) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """D on real and fake in one batch: shared batch statistics."""
        y = None if self.condition is None else torch.cat([self.condition, self.condition])
        output = self._view(torch.cat([self.real, self.fake]), y)
        return _part(output, slice(None, len(self.real))), _part(output, slice(len(self.real), None))

    @cached_property
    def _seen_real(self) -> Tensor:
        return _alias(self.real) if self._asks_input_gradient else self.real

    @cached_property
    def _seen_fake(self) -> Tensor:
        return _alias(self.fake) if self._asks_input_gradient else self.fake

    @cached_property
    def real_output(self) -> DiscriminatorOutput:
        return self._both[0] if self._joint else self._view(self._seen_real, self.condition)

    @cached_property
    def fake_output(self) -> DiscriminatorOutput:
        return self._both[1] if self._joint else self._view(self._seen_fake, self.condition)


def _alias(x: Tensor) -> Tensor:
    """The same samples, to be differentiated in as D's input alone: its weights may depend on x too, if unrolled."""
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_(True)


def _single(output: DiscriminatorOutput) -> DiscriminatorOutput:
    """Logits in single precision: losses subtract and exponentiate them."""
    classes = None if output.class_logits is None else output.class_logits.float()
    scales = tuple(logits.float() for logits in output.scales)
    return DiscriminatorOutput(output.logits.float(), classes, output.features, scales)


def _part(output: DiscriminatorOutput, rows: slice) -> DiscriminatorOutput:
    classes = None if output.class_logits is None else output.class_logits[rows]
    features, scales = (tuple(each[rows] for each in many) for many in (output.features, output.scales))
    return DiscriminatorOutput(output.logits[rows], classes, features, scales)
