"""Networks of StyleGAN2 and StyleGAN3, path lengths and blurs beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.authors import CLASSES, fill, numbers, slopes, sums
from torch import Tensor

from gan_lab.latents import Normal
from gan_lab.metrics import path_length as ppl
from gan_lab.networks.fading_blur import blurred
from gan_lab.networks.stylegan2 import Mapping, StyleGAN2Discriminator, StyleGAN2Generator
from gan_lab.networks.stylegan3 import StyleGAN3Generator
from gan_lab.sampling import Trained
from gan_lab.terms import (
    PathLength,
)
from gan_lab.types import View


def blurred_images() -> list[float]:
    """In rounds 0, 5,000 and 6,000 of 6,250, by sigma = 10 at first."""
    widths = [10 * (1 - t / 6250) for t in (0, 5000, 6000)]
    return [n for width in widths for n in sums(blurred(numbers(42, 2, 3, 12, 16), width))]


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


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "fading_blur": (
        blurred_images,
        [0.5409589888420698, -0.05584592101788821, 0.7402092283854276, -6.910517207601768, 0.03417073506788204,
         6.292340038551378, -40.48079841727717, 15.927312765353108, 55.44614380465312],
        1e-6,
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
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)
