"""Adversarial losses: what D and G minimise, as functions of logits.

Let r = D(x) for real x and f = D(G(z)) be logits (high = real), each of shape (N,) or (N, ...) for patches,
and s(t) = softplus(t) = log(1 + e^t), so that -log sigmoid(t) = s(-t) and -log(1 - sigmoid(t)) = s(t). Every
function returns a scalar: the mean over the batch. No factor 1/2 is put before D's cost.

`divergence_bound` is what logits prove about p = p_data and q = p_g, whatever D is: no D does better than the best one,
so that its cost bounds a divergence from below. The divergence is the one that this loss measures; its bound is
stated for expectations, and a finite batch estimates it (on samples that D was trained on, too high).
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, OpenUnitInterval, PositiveInt, UnitInterval
from gan_lab.types import AdversarialLoss, BoundsDivergence, DiscriminatorOutput


def _paired(real: Tensor | None, fake: Tensor) -> Tensor:
    """The real logits, where they go with the fake ones one by one; broadcasting them would change the game."""
    if real is None or real.shape != fake.shape:
        shape = None if real is None else tuple(real.shape)
        raise ValueError(f"real and fake logits must have one shape; they have {shape} and {tuple(fake.shape)}")
    return real


def _logistic(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """With D = sigmoid(logit): E D(x) and E D(G(z)), and, in nats, V = E log D(x) + E log(1 - D(G(z))).

    max_D V = -log 4 + 2 JSD(p || q) (Goodfellow et al. 2014, theorem 1): `value_gap` = V + log 4, and
    JSD >= `jsd_bound` = max(0, V + log 4) / 2, of at most log 2.
    """
    value = -softplus(-real).mean() - softplus(fake).mean()
    gap = value + math.log(4)
    means = {"d_real": torch.sigmoid(real).mean(), "d_fake": torch.sigmoid(fake).mean()}
    return means | {"value": value, "value_gap": gap, "jsd_bound": relu(gap) / 2}


@dataclass(frozen=True)
class Minimax:
    """The zero-sum game (Goodfellow et al. 2014, eq. 1): J_D = E s(-r) + E s(f) = -V,  J_G = -E s(f).

    J_G = E log(1 - D(G(z))) is the part of V that depends on G. It saturates: its gradient in f is -sigmoid(f),
    which vanishes where D rejects the fakes.
    """

    seeds_together: ClassVar[bool] = True
    zero_sum: ClassVar[bool] = True
    log_ratio: ClassVar[bool] = True
    generator_sees_real: ClassVar[bool] = False
    boundary: ClassVar[float | None] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return _logistic(real, fake)


@dataclass(frozen=True)
class NonSaturating:
    """Goodfellow et al. 2014, section 3: J_D as in the minimax game,  J_G = E s(-f) = -E log D(G(z)).

    `smoothing` is the target t of real samples, J_D = E [t s(-r) + (1 - t) s(r)] + E s(f): one-sided label
    smoothing (Salimans et al. 2016, section 3.4), 0.9 being usual and 1 none. Fakes are never smoothed.

    `generator_weight` is a factor of J_G; 0 leaves G to its terms, such as `feature_matching`.
    """

    seeds_together: ClassVar[bool] = True
    log_ratio: ClassVar[bool] = True
    generator_sees_real: ClassVar[bool] = False
    boundary: ClassVar[float | None] = 0.0

    smoothing: UnitInterval = 1.0
    generator_weight: NonNegativeFloat = 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        # t s(-r) + (1 - t) s(r) = s(-r) + (1 - t) r
        return (softplus(-real) + (1 - self.smoothing) * real).mean() + softplus(fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return self.generator_weight * softplus(-fake).mean()

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Of V itself, not of the smoothed cost: true for every D, though a smoothed one does not reach it."""
        return _logistic(real, fake)


@dataclass(frozen=True)
class LeastSquares:
    """LSGAN (Mao et al. 2017, eq. 9; a = 0, b = c = 1): J_D = 1/2 E (r - 1)^2 + 1/2 E f^2,  J_G = 1/2 E (f - 1)^2."""

    seeds_together: ClassVar[bool] = True
    generator_sees_real: ClassVar[bool] = False
    boundary: ClassVar[float | None] = 0.5

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """LC(p, q) = 1/2 int (p - q)^2 / (p + q) >= 1 - 4 J_D, of at most 1 (Vincze-Le Cam).

        Pointwise, (p (r - 1)^2 + q r^2) / 2 is least at r = p / (p + q), where it is p q / (2 (p + q)).
        (The paper's Pearson chi^2 belongs to other targets: b - c = 1, b - a = 2.)
        """
        return {"le_cam_bound": relu(1 - 4 * self.discriminator(real, fake))}


@dataclass(frozen=True)
class Hinge:
    """Lim & Ye 2017; Miyato et al. 2018, eq. 16-17: J_D = E max(0, 1 - r) + E max(0, 1 + f),  J_G = -E f."""

    seeds_together: ClassVar[bool] = True
    generator_sees_real: ClassVar[bool] = False
    boundary: ClassVar[float | None] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -fake.mean()

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """TV(p, q) >= 1 - J_D / 2, of at most 1: pointwise p max(0, 1 - r) + q max(0, 1 + r) >= 2 min(p, q)."""
        return {"tv_bound": relu(1 - self.discriminator(real, fake) / 2)}


@dataclass(frozen=True)
class MultiHinge:
    """The hinge loss of K classes and of fakes (Kavalerov, Czaja & Chellappa 2021, eq. 3, after Crammer & Singer).

    With c_k the class logits of a sample, that of "fake" being 0, and c_y apart from the largest of all others,

        J_D = E max(0, 1 - m(x, y)) + E max(0, 1 + max_k c_k(G(z, y))),   J_G = w E max(0, 1 - m(G(z, y), y)),
        m(x, y) = c_y(x) - max(0, max_(k != y) c_k(x)),

    w being `generator_weight`. Logits are max_k c_k (`conditioning=multi_hinge`). Of logits alone it is the loss of one
    class, m = c: the hinge loss, but for a J_G that ends where D is deceived.
    """

    generator_sees_real: ClassVar[bool] = False
    boundary: ClassVar[float | None] = 0.0

    generator_weight: NonNegativeFloat = 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return self.generator_weight * relu(1 - fake).mean()

    def discriminator_of(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, y: Tensor | None) -> Tensor:
        return self.discriminator(_margin(real, y), fake.logits)

    def generator_of(self, fake: DiscriminatorOutput, y: Tensor | None) -> Tensor:
        return self.generator(None, _margin(fake, y))

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """That of the hinge loss of the logits."""
        return {"tv_bound": relu(1 - self.discriminator(real, fake) / 2)}


def _margin(output: DiscriminatorOutput, y: Tensor | None) -> Tensor:
    """By how much class y leads all others and "fake", (N,); the logit, where D knows no classes."""
    if output.class_logits is None:
        return output.logits
    if y is None:
        raise UserError("multi_hinge: the data have no labels; take another loss")
    own = y[:, None]
    others = output.class_logits.scatter(1, own, 0.0)  # "fake", in the place of y
    return output.class_logits.gather(1, own)[:, 0] - others.amax(1)


@dataclass(frozen=True)
class Wasserstein:
    """WGAN (Arjovsky et al. 2017, eq. 2-3): J_D = E f - E r,  J_G = -E f.

    -J_D estimates the Wasserstein-1 distance up to a factor only while D is kept Lipschitz, which is not this
    loss's work: mount `term@d_terms=[weight_clip]` or `[gradient_penalty]`.
    """

    seeds_together: ClassVar[bool] = True
    zero_sum: ClassVar[bool] = True
    generator_sees_real: ClassVar[bool] = False
    boundary: ClassVar[float | None] = None

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -fake.mean()

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """E r - E f <= Lip(D) W_1(p, q), in units of the logit: no distance unless D's Lipschitz constant is known."""
        return {"critic_gap": real.mean() - fake.mean()}


@dataclass(frozen=True)
class TopK:
    """J_D of the loss `inner`; its J_G over the k fakes that D finds most real (Sinha et al. 2020, section 3.2).

        k = max(gamma^floor(t / period) N, floor N), rounded down, at least 1

    of N logits, t being G's updates so far and `period` those of an epoch. The paper has gamma .99 and floor .5.
    `share` is k / N before any update. Each part of a batch (several processes, gan.accumulate) has its own k.
    """

    inner: AdversarialLoss
    period: PositiveInt = 1000
    gamma: OpenUnitInterval = 0.99
    floor: OpenUnitInterval = 0.5
    share: UnitInterval = 1.0

    @property
    def generator_sees_real(self) -> bool:
        return self.inner.generator_sees_real

    @property
    def boundary(self) -> float | None:
        return self.inner.boundary

    @property
    def zero_sum(self) -> bool:
        """Where G learns from all fakes in a game that is."""
        return self.share == 1 and getattr(self.inner, "zero_sum", False)

    def at(self, step: int) -> "TopK":
        return replace(self, share=max(self.share * self.gamma ** (step // self.period), self.floor))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.inner.discriminator(real, fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        best = fake.flatten().topk(max(1, int(self.share * fake.numel()))).indices
        paired = _paired(real, fake).flatten()[best] if self.generator_sees_real else None
        return self.inner.generator(paired, fake.flatten()[best])

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """That of the inner loss, where it has one."""
        return self.inner.divergence_bound(real, fake) if isinstance(self.inner, BoundsDivergence) else {}


@dataclass(frozen=True)
class Relativistic:
    """Relativistic pairing (Jolicoeur-Martineau 2019; R3GAN, Huang et al. 2024, eq. 2).

    J_D = E s(-(r - f)),  J_G = E s(-(f - r)), over pairs of one real and one fake logit.
    """

    seeds_together: ClassVar[bool] = True
    log_ratio: ClassVar[bool] = True
    generator_sees_real: ClassVar[bool] = True
    boundary: ClassVar[float | None] = None

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - _paired(real, fake)).mean()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return softplus(_paired(real, fake) - fake).mean()

    def divergence_bound(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """JSD(p x q || q x p) >= log 2 - J_D in nats: how well D orders a pair, of one real and one generated sample.

        r - f is an antisymmetric logit of "the first is the real one", whose V is -2 J_D.
        """
        return {"pair_jsd_bound": relu(math.log(2) - self.discriminator(real, fake))}
