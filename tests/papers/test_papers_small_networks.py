"""Networks and wrappers of PacGAN, InfoGAN and improved GANs beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from helpers.authors import fill, numbers, sums
from helpers.configuration import CONF
from helpers.toy_players import Show
from omegaconf import DictConfig, OmegaConf
from torch import nn

from gan_lab.experiment.build import build
from gan_lab.losses import NonSaturating
from gan_lab.networks.infogan import InfoGANDiscriminator, InfoGANGenerator
from gan_lab.networks.layers import Dense, Maxout
from gan_lab.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_lab.networks.packing import Packing
from gan_lab.networks.semi_supervised import NoisyClassifier
from gan_lab.networks.virtual_batch_norm import VirtualBatchNorm
from gan_lab.networks.wrappers import CodePosterior, MinibatchDiscrimination


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


def improved_d() -> list[float]:
    """Class logits and J_D's part of unlabelled samples, without noise, after the start on 500 samples."""
    d = NoisyClassifier((16,), 3, [6, 5]).double()
    for i, layer in enumerate((*d.maps, d.head)):
        layer.weight.data = 0.1 * numbers(41 + i, *layer.weight.shape[::-1]).T
    start, x = (torch.from_numpy(np.random.RandomState(seed).rand(n, 16)) for seed, n in ((50, 500), (51, 7)))
    d.initialise_from(lambda n: 2 * start - 1)
    classes = d.eval()(2 * x - 1).class_logits.double()
    return [*sums(classes), NonSaturating().discriminator(classes.logsumexp(1), torch.full((7,), -1e3)).item()]


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
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
    "minibatch_discrimination": (minibatch, [-3.542219309893027, 0.03605574150021629, -2.6846866151982645], 1e-11),
    "virtual_batch_norm": (
        virtual_batch_norm,
        [-4.106546044929167, -3.846385448528722, 12.199243984589891],
        1e-12,
    ),
    "improved_gan_d": (
        improved_d,
        [2.9739888414734965, -8.848257590780054, -4.550015014207247, 0.28989329652969104],
        1e-6,  # class logits are in single precision
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)


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
