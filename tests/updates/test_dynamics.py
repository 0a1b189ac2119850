"""The dynamics of the real updates on the smallest games, against the theory of their linear operators."""

import cmath
import importlib.util
import math
from typing import Any

import numpy as np
import pytest
from helpers.configuration import CONF


def _benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("dirac_gan", CONF.parent / "benchmarks" / "dirac_gan.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dirac = _benchmark()
H, K, ALPHA, GAMMA, STEPS, U = 0.2, 4, 0.5, 0.7, 3, 0.1

# The bilinear game J_D = theta psi = -J_G: v = (-psi, theta) on w = (theta, psi), so v = A w with A a quarter turn.
A, ONE = np.array([[0.0, -1.0], [1.0, 0.0]]), np.eye(2)
ALTERNATING = np.array([[1 - H**2, H], [-H, 1]])  # psi' = psi - h theta, theta' = theta + h psi'
ROUND = {
    "simultaneous": ONE - H * A,
    "alternating": ALTERNATING,
    "extragradient": (1 - H**2) * ONE - H * A,  # A A = -1
    "optimistic": np.block([[ONE - 2 * H * A, H * A], [ONE, 0 * ONE]]),
    "consensus": (1 - H * GAMMA) * ONE - H * A,  # A'A = 1
    "lookahead": (1 - ALPHA) * ONE + ALPHA * np.linalg.matrix_power(ALTERNATING, K),  # K rounds
    # the foreseen psi is psi - STEPS u theta, and J_G there -theta psi + STEPS u theta^2
    "unrolled": np.array([[1 - 2 * H * STEPS * U, H], [-H, 1]]),
}
SETTINGS = {
    "consensus": [f"update.weight={GAMMA}"],
    "lookahead": [f"update.every={K}", f"update.alpha={ALPHA}"],
    "unrolled": [f"update.steps={STEPS}", f"update.lr={U}"],
}
ANGLE = math.acos(
    1 - H**2 / 2
)  # alternating descent's eigenvalues are exp(+-i ANGLE): 2 cos ANGLE = trace, determinant 1
RATE = {  # per round, in closed form
    "simultaneous": math.sqrt(1 + H**2),
    "alternating": 1.0,
    "extragradient": math.sqrt((1 - H**2) ** 2 + H**2),
    # With A -> i: x^2 - (1 - 2 i h) x - i h = 0
    "optimistic": abs((1 - 2j * H + cmath.sqrt((1 - 2j * H) ** 2 + 4j * H)) / 2),
    "consensus": math.sqrt((1 - H * GAMMA) ** 2 + H**2),
    "lookahead": abs(1 - ALPHA + ALPHA * cmath.exp(1j * K * ANGLE)) ** (1 / K),
    "unrolled": math.sqrt(1 - 2 * H * STEPS * U + H**2),  # complex eigenvalues: the root of the determinant
}


def bilinear(update: str, rounds: int) -> np.ndarray:
    settings = [f"update={update}", *SETTINGS.get(update, []), "loss=wasserstein", f"optimizer.lr={H}"]
    return dirac.played(*dirac.game(*settings), rounds)


def predicted(start: np.ndarray, operator: np.ndarray, applications: int) -> np.ndarray:
    """w_0, M w_0, M^2 w_0, ...; an operator on (w_t, w_{t-1}) begins with an equal past."""
    state = np.concatenate([start] * (len(operator) // 2))
    path = [state]
    for _ in range(applications):
        path.append(operator @ path[-1])
    return np.array(path)[:, :2]


@pytest.mark.parametrize("update", ROUND)
def test_bilinear_game_follows_the_operator_at_its_rate(update: str) -> None:
    rounds, per = 160, K if update == "lookahead" else 1
    path = bilinear(update, rounds)[::per]
    theory = predicted(path[0], ROUND[update], rounds // per)
    error, size = (np.linalg.norm(x, axis=1) for x in (path - theory, theory))
    assert np.max(error / np.maximum(1, size)) < 1e-5

    radius = np.abs(np.linalg.eigvals(ROUND[update])).max() ** (1 / per)
    assert radius == pytest.approx(RATE[update], abs=1e-12)
    early, late = np.linalg.norm(path[[len(path) // 4, -1]], axis=1)
    measured = (late / early) ** (1 / (rounds - len(path) // 4 * per))
    assert measured == pytest.approx(RATE[update], abs=2e-3)


def test_simultaneous_spirals_out_by_exactly_its_factor_and_alternating_stays_bounded() -> None:
    out = np.linalg.norm(bilinear("simultaneous", 100), axis=1)
    np.testing.assert_allclose(out[1:] / out[:-1], math.sqrt(1 + H**2), rtol=1e-6)
    # Alternating descent keeps the ellipse theta^2 + psi^2 - h theta psi (its operator has determinant 1).
    theta, psi = bilinear("alternating", 200).T
    assert np.linalg.det(ROUND["alternating"]) == pytest.approx(1)
    np.testing.assert_allclose(theta**2 + psi**2 - H * theta * psi, 1 + 0.25 - H * 0.5, rtol=1e-5)


# Mescheder, Geiger & Nowozin 2018, table 1 and section 3: does the method converge?
PAPER = {
    "GAN, non-saturating": False,
    "GAN, minimax": False,
    "WGAN": False,
    "WGAN, weights clipped to 1": False,
    "WGAN-GP": False,
    "GAN + instance noise": True,
    "GAN + R1": True,
    "GAN + R2": True,
    "GAN + GP to 0": True,
    "WGAN + R1": True,
}


@pytest.mark.parametrize("update", ["simultaneous", "alternating"])
@pytest.mark.parametrize("method", PAPER)
def test_which_methods_converge_on_the_dirac_gan(method: str, update: str) -> None:
    radius = dirac.radius(method, update)
    assert radius is None or (radius < 1 - 1e-9) == PAPER[method]
    assert dirac.converged(dirac.trajectory(method, update, rounds=150)) == PAPER[method]


@pytest.mark.parametrize("update", ["extragradient", "optimistic", "lookahead", "consensus", "unrolled"])
def test_other_updates_converge_without_a_penalty(update: str) -> None:
    assert dirac.radius("GAN, non-saturating", update) < 1
    assert dirac.converged(dirac.trajectory("GAN, non-saturating", update, rounds=250))


@pytest.mark.parametrize("update", ROUND)
@pytest.mark.parametrize("method", ["GAN, non-saturating", "WGAN + R1"])
def test_near_the_equilibrium_a_round_is_the_linear_operator(method: str, update: str) -> None:
    overrides, costs = dirac.METHODS[method]
    settings, operator, per = dirac.UPDATES[update]
    near = ["model.generator.start=2e-4", "model.discriminator.discriminator.start=1e-4"]
    path = dirac.played(*dirac.game(*overrides, f"update={update}", *settings, *near), 30)[::per]
    theory = predicted(path[0], operator(costs), 30 // per)
    assert np.max(np.abs(path - theory)) < 1e-4 * np.max(np.abs(path))


def test_unrolling_does_not_differentiate_a_penalty_through_the_foreseen_weights() -> None:
    """With a linear D, R2 is R1: the gradient at a sample is psi, on whatever psi depends."""
    r1, r2 = (dirac.trajectory(f"GAN + {name}", "unrolled", rounds=10) for name in ("R1", "R2"))
    np.testing.assert_allclose(r1, r2, rtol=1e-6)


def test_instance_noise_is_that_of_training() -> None:
    import torch

    gan, _ = dirac.game("model.discriminator.sigma=2")
    network, x = gan.d.network, torch.zeros(20_000, 1)
    noisy = network(x).logits
    assert noisy.std().item() == pytest.approx(2 * 0.5, rel=0.03)  # psi = 1/2
    assert not network.eval()(x).logits.any()
