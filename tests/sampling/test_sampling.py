"""Sampling: laws on densities whose optimal discriminator is known, and laws of every option."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.configuration import options, unlike_their_classes
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.distributions import Normal as Gaussian

from gan_lab.config.conf import CONF
from gan_lab.errors import UserError
from gan_lab.latents import Normal, Uniform
from gan_lab.networks.stylegan2 import StyleGAN2Generator
from gan_lab.sampling import (
    Isotonic,
    Langevin,
    Logistic,
    MetropolisHastings,
    Plain,
    Rejection,
    Sampling,
    StandingStatistics,
    StyleTruncation,
    Trained,
    Truncation,
    in_batches,
    noise_of,
)
from gan_lab.types import Batch, DiscriminatorOutput

# p_g = N(0, 1), of a G that is the identity, in each of DIM coordinates; p_data below. Their ratio is bounded.
DIM = 2
P_DATA = Gaussian(torch.tensor([0.6, -0.3]), torch.tensor([0.7, 0.8]))
P_G = Gaussian(torch.zeros(DIM), torch.ones(DIM))


class Optimal(nn.Module):
    """D*, the logit of which is log p_data / p_g; `scale` and `shift` make another monotone logit of it."""

    def __init__(self, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        ratio = (P_DATA.log_prob(x) - P_G.log_prob(x)).sum(1)
        return DiscriminatorOutput(self.scale * ratio + self.shift)


class Of(nn.Module):
    """A generator of layers that know no condition."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        found: Tensor = self.layers(z)
        return found


def unseen(n: int) -> Batch:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Batch(P_DATA.sample(torch.Size([n])))


def identity(discriminator: nn.Module | None = None, **more: Any) -> Trained:
    return Trained(Of(), Normal(DIM), discriminator=discriminator or Optimal(), unseen=unseen, **more)


def drawn(sampling: Sampling, trained: Trained, n: int, seed: int = 0, size: int = 500) -> Tensor:
    return in_batches(sampling.sampler(trained), noise_of(trained.latent, n, seed), None, seed, size)


def distance(samples: Tensor, truth: Gaussian = P_DATA) -> float:
    """The largest Kolmogorov-Smirnov statistic of a coordinate, by its critical value at a level of 0.1 %."""
    n = len(samples)
    steps = torch.arange(1, n + 1)[:, None] / n
    below = truth.cdf(samples.sort(0).values)
    found = torch.maximum((below - steps).abs(), (below - steps + 1 / n).abs()).max().item()
    return found * n**0.5 / 1.95


class Exact:
    """The calibration of logits that need none."""

    def fit(self, real: Tensor, fake: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda d: d


EXACT = {
    "drs": Rejection(percentile=None, burn_in=3000),
    "mh": MetropolisHastings(Exact(), length=40),
    "ddls": Langevin(steps=200, rate=0.03),
}


@pytest.mark.parametrize("name", EXACT)
def test_with_the_optimal_discriminator_samples_are_of_the_data(name: str) -> None:
    samples = drawn(EXACT[name], identity(), 1500)
    assert distance(samples) < 1
    assert distance(samples, P_G) > 3
    correlation = torch.corrcoef(samples.T)[0, 1]  # independent in p_data
    assert abs(correlation) < 4 / len(samples) ** 0.5


@pytest.mark.parametrize("calibration", [Logistic(), Isotonic()])
def test_calibration_makes_any_monotone_logit_do(calibration: Any) -> None:
    """Such as one that is four times too sure, and all of whose logits are high."""
    wrong = identity(Optimal(scale=4.0, shift=30.0))
    assert (
        distance(drawn(MetropolisHastings(calibration, 40, 4000), wrong, 1000)) < 1.3
    )  # the fit has errors of its own
    assert distance(drawn(MetropolisHastings(Exact(), 40), wrong, 1000)) > 3


def test_the_higher_the_percentile_of_rejection_the_more_selective_it_is() -> None:
    """From samples as G draws them to ones that D prefers to the data."""
    means = [drawn(Rejection(q, 3000), identity(), 1000)[:, 0].mean() for q in (0.0, 50.0, 80.0, 99.0)]
    assert means == sorted(means)
    assert abs(means[0]) < 0.15 and means[-1] > P_DATA.mean[0] + 0.15


def test_fewer_steps_of_langevin_dynamics_go_less_far() -> None:
    means = [drawn(Langevin(steps, 0.03), identity(), 600)[:, 0].mean() for steps in (1, 20, 200)]
    assert means[0] < means[1] < means[2]


@pytest.mark.parametrize("constant", [-7.0, 3.0])
@pytest.mark.parametrize("name", EXACT)
def test_a_constant_beside_the_ratio_does_not_matter(name: str, constant: float) -> None:
    shifted = drawn(EXACT[name], identity(Optimal(shift=constant)), 40)
    torch.testing.assert_close(shifted, drawn(EXACT[name], identity(), 40), rtol=1e-4, atol=1e-4)


# --- calibration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outliers", [0, 3])
@pytest.mark.parametrize("apart", [1.0, 3.0])
def test_logistic_calibration_is_the_likeliest(apart: float, outliers: int) -> None:
    """The gradient of the likelihood is 0: the mean of p - label, and that times d, over both kinds alike."""
    torch.manual_seed(0)
    real, fake = torch.randn(300).double() + apart, 2 * torch.randn(500).double()
    fake[:outliers] += 200
    fit = Logistic().fit(real, fake)
    p_real, p_fake = torch.sigmoid(fit(real)), torch.sigmoid(fit(fake))
    for weight in (torch.ones_like, lambda d: d):
        slope = ((p_real - 1) * weight(real)).mean() + (p_fake * weight(fake)).mean()
        assert abs(slope) < 1e-4


def test_isotonic_calibration_is_scikit_learns() -> None:
    from sklearn.isotonic import IsotonicRegression

    real, fake = torch.randn(200).double() + 1, torch.randn(200).double().round(decimals=1)
    d = torch.cat([real, fake])
    labels = torch.cat([torch.ones(200), torch.zeros(200)])
    reference = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(d.numpy(), labels.numpy())
    at = torch.linspace(-6, 6, 101).double()
    expected = torch.from_numpy(reference.predict(at.numpy())).clamp(1 / 401, 400 / 401)
    torch.testing.assert_close(torch.sigmoid(Isotonic().fit(real, fake)(at)), expected, rtol=1e-6, atol=1e-6)


def test_calibration_of_logits_that_part_without_an_error_is_finite() -> None:
    real, fake = torch.tensor([3.0, 4.0, 5.0]), torch.tensor([-3.0, -2.0])
    for calibration in (Logistic(), Isotonic()):
        ratio = calibration.fit(real, fake)(torch.tensor([-50.0, 0.0, 50.0]))
        assert ratio.isfinite().all() and ratio[0] < ratio[1] < ratio[2]
    assert Isotonic().fit(torch.ones(3), torch.ones(2))(torch.tensor([0.0, 5.0])).tolist() == [0.0, 0.0]


# --- truncation and standing statistics ---------------------------------------------------------------------------


def styled() -> StyleGAN2Generator:
    torch.manual_seed(0)
    generator = StyleGAN2Generator(4, (1, 16, 16), None, width=4, max_width=8, dim=8, mapping=2)
    for _ in range(3):
        generator(torch.randn(16, 4))  # moves the centre
    return generator.eval()


@torch.no_grad()
def test_style_truncation_ends_at_the_centre_and_leaves_layers_beyond_the_cutoff() -> None:
    generator = styled()
    trained = Trained(generator, Normal(4))
    plain, centre = drawn(Plain(), trained, 5), generator.synthesise(generator.centre.expand(1, generator.layers, -1))
    torch.testing.assert_close(drawn(StyleTruncation(psi=1.0), trained, 5), plain, rtol=0, atol=0)
    torch.testing.assert_close(drawn(StyleTruncation(psi=0.0), trained, 5), centre.expand(5, -1, -1, -1))
    w = generator.styles(noise_of(Normal(4), 5, 0))
    w = torch.cat([generator.centre + 0.3 * (w[:, :2] - generator.centre), w[:, 2:]], 1)
    torch.testing.assert_close(drawn(StyleTruncation(0.3, cutoff=2), trained, 5), generator.synthesise(w))
    whole = drawn(StyleTruncation(0.3, cutoff=generator.layers), trained, 5)
    torch.testing.assert_close(whole, drawn(StyleTruncation(0.3), trained, 5), rtol=0, atol=0)


def test_truncation_of_noise_ends_at_one_sample() -> None:
    trained = Trained(Of(), Uniform(2, 1.0, 3.0))
    torch.testing.assert_close(drawn(Truncation(0.0), trained, 5), torch.full((5, 2), 2.0))
    torch.testing.assert_close(drawn(Truncation(1.0), trained, 5), drawn(Plain(), trained, 5), rtol=0, atol=0)


def normalised() -> Of:
    torch.manual_seed(0)
    return Of(nn.Linear(3, 5), nn.BatchNorm1d(5)).eval()


@pytest.mark.parametrize("truncation", [1.0, 0.5])
def test_standing_statistics_of_a_linear_generator_are_the_exact_ones(truncation: float) -> None:
    """Those of t W z + b are b and t^2 diag(W W'); the generator itself keeps its own."""
    generator = normalised()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    linear, norm = generator.layers
    weight = linear.weight.detach()
    sampling = StandingStatistics(batches=60, batch_size=500, truncation=truncation)
    samples = drawn(sampling, Trained(generator, Normal(3)), 50)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    z = truncation * noise_of(Normal(3), 50, 0)
    variance = truncation**2 * weight.square().sum(1)
    expected = (z @ weight.T) / (variance + norm.eps).sqrt()
    torch.testing.assert_close(samples, expected, rtol=0.03, atol=0.03)
    assert not torch.allclose(samples, generator(z), atol=0.1)


# --- every option -------------------------------------------------------------------------------------------------


def option(name: str, *overrides: str) -> Any:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("sample", [f"sampling={name}", *overrides]).sampling


SMALL = {
    "drs": ["sampling.burn_in=200"],
    "mh": ["sampling.length=5", "sampling.held_out=100"],
    "ddls": ["sampling.steps=5"],
    "standing_statistics": ["sampling.batches=3", "sampling.batch_size=20"],
}
WORLDS: dict[str, Callable[[], Trained]] = {  # where an option acts
    "standing_statistics": lambda: Trained(normalised(), Normal(3)),
    "style_truncation": lambda: Trained(styled(), Normal(4)),
}


class Drawing(nn.Module):
    """A generator that draws noise of its own."""

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z + 0.1 * torch.randn_like(z)


def worlds(name: str) -> list[Trained]:
    found = [WORLDS.get(name, identity)()]
    if name in ("plain", "truncation", "drs", "mh"):
        found.append(found[0]._replace(generator=Drawing()))
    return found


@pytest.mark.parametrize("name", options("sampling"))
def test_a_sample_depends_on_its_number_alone(name: str) -> None:
    """Not on the batch that it comes in, nor on torch's generators, which it leaves as they are."""
    for trained in worlds(name):
        sampler = instantiate(option(name, *SMALL.get(name, []))).sampler(trained)
        z = noise_of(trained.latent, 7, 3)
        before = torch.get_rng_state()
        whole = in_batches(sampler, z, None, 3, 7)
        torch.testing.assert_close(in_batches(sampler, z, None, 3, 2), whole, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(sampler(z[4:6], None, 3, 4), whole[4:6], rtol=1e-4, atol=1e-5)
        assert torch.equal(torch.get_rng_state(), before)
        assert not whole.requires_grad
        torch.manual_seed(8)
        again = instantiate(option(name, *SMALL.get(name, []))).sampler(trained)
        torch.testing.assert_close(in_batches(again, z, None, 3, 7), whole, rtol=0, atol=0)


OTHER = {"burn_in": 9, "percentile": 50.0, "psi": 0.1, "cutoff": 2, "rate": 0.1, "noise": 0.5, "truncation": 0.3}


@pytest.mark.parametrize("name", sorted({*options("sampling")} - {"plain"}))
def test_every_setting_acts(name: str) -> None:
    for trained in worlds(name)[:1]:
        part = option(name, *SMALL.get(name, []))
        was = drawn(instantiate(part), trained, 40)
        for key in part:
            if key not in ("_target_", "calibration"):
                other = OmegaConf.merge(part, {key: OTHER.get(key) or part[key] + 40})
                assert not torch.equal(drawn(instantiate(other), trained, 40), was), key


@pytest.mark.parametrize("group", ["sampling", "calibration"])
def test_pages_give_the_defaults_of_their_classes(group: str) -> None:
    assert not unlike_their_classes(group)


class Direction(nn.Module):
    """z of length one, as style-based generators take it."""

    def forward(self, z: Tensor) -> Tensor:
        return z / z.norm(dim=1, keepdim=True)


class PerBatch(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput((x - x.mean(0)).sum(1))


class Patches(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(x)


@pytest.mark.parametrize(
    ("name", "trained", "said"),
    [
        ("drs", identity(PerBatch()), "judges a sample by the others of its batch"),
        ("ddls", identity(PerBatch()), "judges a sample by the others of its batch"),
        ("mh", identity(Patches()), "judges patches or several scales"),
        ("mh", identity()._replace(unseen=lambda n: None), "the data keep none; take sampling=drs or sampling=ddls"),
        ("ddls", identity()._replace(latent=Uniform(DIM)), "the density of the noise, Uniform, has no gradient"),
        ("ddls", identity()._replace(generator=Drawing()), "draws noise of its own"),
        ("drs", identity()._replace(conditional=True), "draws classes, which this generator's condition is not"),
        ("style_truncation", identity(), "Of has no styles"),
        ("standing_statistics", identity(), "Of has no batch normalisation"),
        ("truncation", identity()._replace(generator=Of(Direction())), "cannot act"),
    ],
)
def test_what_cannot_be_drawn_so_is_refused(name: str, trained: Trained, said: str) -> None:
    with pytest.raises(UserError, match=said):
        drawn(instantiate(option(name)), trained, 4)


@pytest.mark.parametrize("n", [1, 4])
def test_truncation_draws_from_a_generator_that_has_collapsed(n: int) -> None:
    collapsed = identity()._replace(generator=Of(nn.Threshold(9, 0)))
    assert not drawn(Truncation(0.5), collapsed, n).any()


def test_a_cutoff_beyond_the_layers_is_refused() -> None:
    with pytest.raises(UserError, match=r"sampling\.cutoff=99: the generator has 6 layers"):
        StyleTruncation(cutoff=99).sampler(Trained(styled(), Normal(4)))


def test_a_maximum_that_nothing_comes_near_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_lab.sampling.rejection.MOST", 3)
    with pytest.raises(UserError, match="of 3 proposals none was accepted for a sample"):
        drawn(Rejection(percentile=None, burn_in=50), identity(Optimal(scale=300.0)), 1)
