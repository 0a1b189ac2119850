"""Terms: weighted penalties of one player, added to its loss, and constraints on its weights."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from gan_lab.types import Turn


class Term(nn.Module):
    """A penalty `weight * value(turn)`, or a constraint that `constrain` restores after the player's step.

    Lazy regularisation (Karras et al. 2020, StyleGAN2, appendix B): with `every` = n the term counts at every n-th
    update of its player, times n, so that its average over updates is that of the eager one. A constraint is
    restored at every n-th update.

    `weight` is a number, or a function of the player's updates so far.
    """

    def __init__(self, weight: NonNegativeFloat | Callable[[int], float] = 1.0, every: PositiveInt = 1) -> None:
        super().__init__()
        self.weight = weight
        self.every = every

    def due(self, step: int) -> bool:
        """Whether the term counts at its player's update number `step` (from 0)."""
        return step % self.every == 0

    def forward(self, turn: Turn, step: int) -> Tensor | None:
        """What the player's objective grows by at its update number `step`: a scalar, or None where it does not."""
        if not self.due(step):
            return None
        value = self.value(turn)
        weight = self.weight(step) if callable(self.weight) else self.weight
        return None if value is None else weight * self.every * value

    def value(self, turn: Turn) -> Tensor | None:
        """The penalty itself, a scalar; None for a pure constraint."""
        return None

    def constrain(self, network: nn.Module) -> None:
        """Project the player's weights back, in place, after its step."""


def _input_gradient(turn: Turn, x: Tensor) -> Tensor:
    """grad_x D(x), each sample for itself, flattened: (N, dim x); differentiable in D's parameters and in x's own."""
    # An alias, since D's weights may depend on x too (as in an unrolled D): only D's input is differentiated in.
    x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_(True)
    logits = turn.discriminate(x).logits
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.flatten(1)


class R1(Term):
    """1/2 E_x ||grad_x D(x)||^2 over real samples (Mescheder et al. 2018, eq. 9, with gamma = `weight`)."""

    def value(self, turn: Turn) -> Tensor:
        return _input_gradient(turn, turn.real).square().sum(1).mean() / 2


class R2(Term):
    """1/2 E_z ||grad_x D(x)||^2 at fakes x = G(z) (Mescheder et al. 2018, eq. 10, with gamma = `weight`)."""

    def value(self, turn: Turn) -> Tensor:
        return _input_gradient(turn, turn.fake).square().sum(1).mean() / 2


class GradientPenalty(Term):
    """WGAN-GP: E (||grad_x D(x^)|| - target)^2 at x^ = u x + (1 - u) G(z), u ~ U(0, 1) for each pair of samples.

    Gulrajani et al. 2017, eq. 3, with lambda = `weight`, there 10, and target 1; target 0 is the zero-centred penalty.
    """

    def __init__(
        self,
        weight: NonNegativeFloat | Callable[[int], float] = 10.0,
        every: PositiveInt = 1,
        target: NonNegativeFloat = 1.0,
    ) -> None:
        super().__init__(weight, every)
        self.target = target

    def value(self, turn: Turn) -> Tensor:
        real, fake = turn.real, turn.fake
        u = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device, dtype=real.dtype)
        norm = _input_gradient(turn, torch.lerp(fake, real, u)).norm(dim=1)
        return (norm - self.target).square().mean()


class WeightClip(Term):
    """Every parameter clamped to [-bound, bound] after the step (WGAN, Arjovsky et al. 2017, algorithm 1; c = .01)."""

    def __init__(self, bound: PositiveFloat = 0.01, every: PositiveInt = 1) -> None:
        super().__init__(every=every)
        self.bound = bound

    def constrain(self, network: nn.Module) -> None:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.clamp_(-self.bound, self.bound)


class AuxiliaryClassifier(Term):
    """-E log P(y | G(z, y)), and with `real` -E log P(y | x) beside it: AC-GAN's -L_C (Odena et al. 2017, section 3).

    P is the softmax of D's class logits. D has the two parts, G the one that it can change.
    """

    def __init__(self, weight: NonNegativeFloat = 1.0, every: PositiveInt = 1, real: bool = True) -> None:
        super().__init__(weight, every)
        self.real = real

    def value(self, turn: Turn) -> Tensor:
        outputs = [turn.fake_output, turn.real_output] if self.real else [turn.fake_output]
        return torch.stack([_cross_entropy(output.class_logits, turn.y) for output in outputs]).sum()


def _cross_entropy(class_logits: Tensor | None, y: Tensor | None) -> Tensor:
    if class_logits is None or y is None:
        missing = "D has no class logits" if class_logits is None else "the data have no labels"
        raise UserError(f"auxiliary_classifier: {missing}; it belongs to conditioning=auxiliary and labelled data")
    return F.cross_entropy(class_logits, y)


class Reconstruction(Term):
    """E |x - G(z, y)|^power, averaged over pixels, of each real x and the fake for its condition y.

    `power` 1 is pix2pix's L1 (Isola et al. 2017, eq. 3, there with weight 100), 2 SRGAN's pixel-wise MSE (Ledig et al.
    2017, eq. 4). Its best answer is one for each y: the median or the mean of all right ones.
    """

    def __init__(self, weight: NonNegativeFloat = 100.0, every: PositiveInt = 1, power: PositiveFloat = 1.0) -> None:
        super().__init__(weight, every)
        self.power = power

    def value(self, turn: Turn) -> Tensor:
        return _distance(turn.fake, turn.real, self.power)


class Consistency(Term):
    """E |y - A G(z, y)|^power, averaged over y's pixels: what was given of an image is found in the generated one.

    `given` is the A that the conditions y = A x are made by. Unlike `Reconstruction` it leaves the rest to G.
    """

    def __init__(
        self,
        given: Callable[[Tensor], Tensor],
        weight: NonNegativeFloat = 10.0,
        every: PositiveInt = 1,
        power: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(weight, every)
        self.given, self.power = given, power

    def value(self, turn: Turn) -> Tensor:
        if turn.y is None:
            raise UserError("consistency: the data have no conditions; it belongs to given=half or low_resolution")
        return _distance(self.given(turn.fake), turn.y, self.power)


def _distance(a: Tensor, b: Tensor, power: float) -> Tensor:
    return (a - b).abs().pow(power).mean()


class ModeSeeking(Term):
    """-E d(G(z, y), G(z', y)) / d(z, z'), d the mean absolute difference: other noise shall give another sample.

    Mao et al. 2019, eq. 3, which maximises the ratio (their code minimises its inverse). z' is the z of another sample
    of the batch: one more evaluation of G, and no more noise.
    """

    def value(self, turn: Turn) -> Tensor:
        other = turn.z.roll(1, 0)
        samples = (turn.fake - turn.generate(other)).abs().flatten(1).mean(1)
        noises = (turn.z - other).abs().mean(1)
        return -(samples / noises.clamp_min(1e-5)).mean()  # a batch of one sample has no other noise


class Supervised(Term):
    """-E log P(y | x) over the real samples whose labels are shown (Salimans et al. 2016, section 5, L_supervised).

    P is the softmax of D's class logits. The paper has it beside 1/2 J_D: with the J_D of losses.py it has weight 2.
    """

    def value(self, turn: Turn) -> Tensor:
        shown = turn.labelled
        if shown is None:
            raise UserError(
                "supervised: the data have no labels that are shown beside hidden ones; set data.labels=100"
            )
        class_logits = turn.discriminate(shown.x, shown.y).class_logits
        if class_logits is None or shown.y is None:
            raise UserError("supervised: D has no class logits; take model=mlp_2016")
        return F.cross_entropy(class_logits, shown.y)


class FeatureMatching(Term):
    """1/d ||E phi(x) - E phi(G(z))||^2, phi D's last features, d their number (Salimans et al. 2016, section 3.1).

    The factor 1/d is that of the paper's code. Means are over the batch, of real and of generated samples.
    """

    def value(self, turn: Turn) -> Tensor:
        outputs = (turn.real_output, turn.fake_output)
        if not all(output.features for output in outputs):
            raise UserError("feature_matching: D shows no features; take model=mlp or dcgan")
        real, fake = (output.features[-1].float().flatten(1).mean(0) for output in outputs)
        return (real - fake).square().mean()


class MutualInformation(Term):
    """-L_I, L_I = H(c) + E log Q(c | G(z, c)) <= I(c; G(z, c)) in nats (Chen et al. 2016, InfoGAN, eq. 4-5).

    c are the last coordinates of z, laid out as in `latents.Codes`. Q has its parameters in D's class logits: a softmax
    for each of the `categorical` codes, then the means of Gaussians of standard deviation `std` (1 in the code of
    openai/InfoGAN) for the `continuous` ones. H is log K of a categorical and log 2 of a continuous code, a constant.
    D, which holds Q, and G both minimise it.
    """

    def __init__(
        self,
        categorical: Sequence[PositiveInt] = (10,),
        continuous: NonNegativeInt = 2,
        std: PositiveFloat = 1.0,
        weight: NonNegativeFloat = 1.0,
        every: PositiveInt = 1,
    ) -> None:
        super().__init__(weight, every)
        self.sizes = [*categorical, continuous]
        self.std = std

    def value(self, turn: Turn) -> Tensor:
        posterior, size = turn.fake_output.class_logits, sum(self.sizes)
        if posterior is None or posterior.shape[1] != size or turn.z.shape[1] <= size:
            raise UserError("mutual_information: z has no such codes, or D no posterior of them; take latent=codes")
        *codes, s = turn.z[:, -size:].split(self.sizes, 1)
        *logits, means = posterior.split(self.sizes, 1)
        bound = torch.zeros((), device=posterior.device)
        for code, logit in zip(codes, logits, strict=True):
            bound = bound + math.log(code.shape[1]) - F.cross_entropy(logit, code.argmax(1))
        log_q = -((s - means) / self.std).square() / 2 - math.log(self.std * math.sqrt(2 * math.pi))
        return -(bound + (math.log(2) + log_q).sum(1).mean())
