"""Laws of the averages of the generator's weights."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.players import fit
from helpers.runs import assert_same_runs
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lab.api import load
from gan_lab.averages import Constant, Delayed, HalfLife
from gan_lab.cli.evaluate import main as evaluate
from gan_lab.cli.sample import main as sample
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.experiment.run import play
from gan_lab.experiment.start_from import start_from
from gan_lab.game.ema import EMA
from gan_lab.game.gan import GAN
from gan_lab.io.generator import load_generator
from gan_lab.io.weights import find_weights, read_weights

Composed = Callable[..., DictConfig]
SEVERAL = ("model=mlp", "ema=half_life", "+ema@averages.short=constant", "averages.short.decay=0.5")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.register_buffer("direction", torch.zeros(3))  # as spectral normalisation has one


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("rounds", [1, 2, 12])
def test_it_is_the_mean_over_rounds_in_which_each_weighs_less_by_the_decay(decay: float, rounds: int) -> None:
    network, kept, drawn = Network().double(), Network().double(), torch.Generator().manual_seed(0)
    average, path = EMA(kept, network, Constant(decay)), []
    for t in range(1, rounds + 1):
        for value in (*network.parameters(), *(b for b in network.buffers() if b.is_floating_point())):
            value.data.copy_(torch.randn(value.shape, generator=drawn))
        average.update(t)
        path.append({name: value.clone() for name, value in network.state_dict().items()})
        network.layers[1].num_batches_tracked += 1

    def expected(name: str) -> Tensor:
        if name.endswith(("direction", "num_batches_tracked")):
            return path[-1][name]  # copied: a mean of unit vectors is none
        shares = [decay ** (rounds - s) for s in range(1, rounds + 1)]
        return sum((w * each[name] for w, each in zip(shares, path, strict=True)), torch.zeros(())) / sum(shares)

    for name, value in kept.state_dict().items():
        torch.testing.assert_close(value, expected(name), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("averaging", [Constant(0.999), Delayed(0.9, start=2)])
def test_it_forgets_where_it_began_and_needs_no_gradient(averaging: Constant | Delayed) -> None:
    network, kept = Network(), Network()
    EMA(kept, network, averaging).update(1)
    for one, other in zip(kept.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other) and one.grad_fn is None


# --- several, by their names --------------------------------------------------------------------------------------


def test_each_average_is_the_one_that_it_would_be_alone(composed: Composed, tmp_path: Path) -> None:
    for name, parts in {"both": SEVERAL, "short": ("model=mlp", "ema.decay=0.5"), "half": SEVERAL[:2]}.items():
        play(composed(*parts, "rounds=4", f"directory={tmp_path / name}"))
    both, short, half = (
        load_generator(tmp_path / name / "generator.safetensors") for name in ("both", "short", "half")
    )
    assert [*both.weights] == ["average", "raw", "short"]
    torch.testing.assert_close(both.weights["raw"], half.weights["raw"], rtol=0, atol=0)
    torch.testing.assert_close(both.weights["average"], half.weights["average"], rtol=0, atol=0)
    torch.testing.assert_close(both.weights["short"], short.weights["average"], rtol=0, atol=0)


def test_each_is_sampled_by_its_name(composed: Composed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play(composed(*SEVERAL, "rounds=4"))
    found = []
    for weights in ("average", "short", "raw"):
        for place in ([], ["checkpoint=last"]):
            assert sample([str(tmp_path), "n=4", f"weights={weights}", f"out={tmp_path / 'x.npz'}", *place]) == 0
            found.append(np.load(tmp_path / "x.npz")["samples"])
    assert all(np.array_equal(found[i], found[i + 1]) for i in (0, 2, 4))  # the file and the checkpoint
    assert not any(np.array_equal(found[i], found[j]) for i, j in ((0, 2), (0, 4), (2, 4)))
    assert np.array_equal(load(tmp_path, weights="short").samples(4).numpy(), found[2])
    for name in ("average", "short"):
        assert evaluate([str(tmp_path), "n=20", "features=pixels", "metric=kernel", f"weights={name}"]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {value for key, value in summary.items() if key.endswith("procedure/weights")} == {"average", "short"}
    capsys.readouterr()
    assert sample([str(tmp_path), "weights=long"]) == 2
    assert "weights=long: must be one of raw, average, short, which" in capsys.readouterr().err


def test_a_resumed_run_has_the_averages_of_one_that_never_stopped(composed: Composed, tmp_path: Path) -> None:
    parts = (*SEVERAL, "ema.half_life=30", "ema.rampup=0.5", "rounds=6")
    play(composed(*parts, f"directory={tmp_path / 'whole'}"))
    play(composed(*parts[:-1], "rounds=3", f"directory={tmp_path / 'parts'}"))
    play(composed(*parts, f"directory={tmp_path / 'parts'}", f"resume={tmp_path / 'parts'}"))
    assert_same_runs(tmp_path / "whole", tmp_path / "parts")


def test_a_new_run_begins_with_them_or_with_the_generator(composed: Composed, tmp_path: Path) -> None:
    play(composed(*SEVERAL, "rounds=3"))
    source = read_weights(find_weights(tmp_path, "last")).networks
    gan, _ = build(composed(*SEVERAL, "+ema@averages.new=delayed"))
    start_from(gan, tmp_path, strict=True)
    for name, origin in {"average": "average", "short": "short", "new": "g"}.items():
        torch.testing.assert_close(dict(gan.kept[name].state_dict()), source[origin], rtol=0, atol=0)


def test_a_half_life_that_grows_counts_the_rounds_behind_the_weights_of_start_from(
    composed: Composed, tmp_path: Path
) -> None:
    play(composed("model=mlp", "rounds=3"))
    asked: list[int] = []

    def begin(gan: GAN) -> None:
        start_from(gan, tmp_path)
        gan.ema = HalfLife(half_life, 8)

    def half_life(t: int) -> float:
        asked.append(t)
        return 1.0

    fit(composed("model=mlp", "ema=r3gan"), 2, begin)
    assert asked == [3, 4]


@pytest.mark.parametrize("name", ["raw", "average", "d", "half"])
def test_a_name_that_means_something_else_is_refused(composed: Composed, name: str) -> None:
    with pytest.raises(UserError, match=f"averages.{name}: has another meaning"):
        build(composed("model=mlp", f"+ema@averages.{name}=delayed"))


def test_what_is_no_averaging_is_refused(composed: Composed) -> None:
    config = composed("model=mlp")
    config.ema = {"_target_": "gan_lab.schedules.Cosine", "first": 1, "last": 0, "over": 3}
    with pytest.raises(UserError, match=r"ema: .*makes a Cosine, and must make a Averaging, with share"):
        build(config)


@pytest.mark.parametrize("ema", ["half_life", "none"])
def test_a_run_without_the_average_keeps_the_further_ones(composed: Composed, tmp_path: Path, ema: str) -> None:
    play(composed("model=mlp", f"ema={ema}", "+ema@averages.short=constant", "rounds=2"))
    found = load_generator(tmp_path / "generator.safetensors").weights
    assert {*found} == {"raw", "short"} | ({"average"} if ema != "none" else set())
