"""What a round costs beside its mathematics, in counts: a pass through a network, a wait for the device, a walk."""

from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import options
from helpers.players import fit
from omegaconf import DictConfig
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.loggers.csv import CSV

pytestmark = pytest.mark.slow

FORWARDS = {  # of G and of D in a round that is not logged
    "alternating": (2, 3),
    "apa": (3, 3),  # D takes other generated samples for real ones
    "balanced": (2, 3),
    "consensus": (1, 2),
    "extragradient": (2, 4),
    "logan": (4, 5),  # the noise is improved in each step
    "lookahead": (2, 3),
    "optimistic": (1, 2),
    "past_extragradient": (1, 2),
    "shared_fakes": (1, 3),
    "simultaneous": (1, 2),
    "unrolled": (1, 13),  # five foreseen steps, G's and D's own view
}
WAITS = ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__", "__index__")
QUIET = [  # torch's Adam has counters on the host
    "callbacks.metrics.every=1000", "callbacks.equilibrium.coverage_every=0", "optimizer=sgd", "optimizer.lr=1e-3",
    "rounds=8",
]  # fmt: skip
SETTLED = {  # in which every round is alike
    "apa": ["update.p=0.5"],
    "balanced": ["update.low=0.0", "update.high=1.0"],
}


class Rounds:
    """Counts what is done from the start of one round to the start of the next, callbacks and Lightning included."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.done: Counter[str] = Counter()
        self.starts: list[Counter[str]] = []
        self.gans: list[GAN] = []
        step = GAN.training_step

        def training_step(gan: GAN, *batch: Any) -> None:
            self.starts.append(self.done.copy())
            self.gans.append(gan)
            step(gan, *batch)

        monkeypatch.setattr(GAN, "training_step", training_step)

    def count(self, owner: Any, *names: str) -> None:
        for name in names:
            self.patch.setattr(owner, name, self._counting(getattr(owner, name), f"{owner.__name__}.{name}"))

    def _counting(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.done[name] += 1
            return function(*args, **kwargs)

        return counted

    def usual(self) -> dict[str, int]:
        """What each of the rounds 4 to 7 has done; the first ones prepare, and the last one ends the run."""
        between = [dict(b - a) for a, b in zip(self.starts[3:], self.starts[4:-1], strict=False)]
        assert all(each == between[0] for each in between), between
        return between[0]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(monkeypatch)


def passes(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count forward passes by player."""
    started = GAN.on_train_start

    def on_train_start(gan: GAN) -> None:
        for player in (gan.d, gan.g):
            player.network.register_forward_pre_hook(lambda *_, name=player.name: rounds.done.update([name]))
        started(gan)

    monkeypatch.setattr(GAN, "on_train_start", on_train_start)


@pytest.mark.parametrize("terms", ["[]", "[r1,r2]"])
@pytest.mark.parametrize("update", options("update"))
def test_no_round_asks_the_networks_more_often_than_its_update_needs(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch, played: Callable[..., Path], update: str, terms: str
) -> None:
    passes(rounds, monkeypatch)
    played("model=mlp", f"update={update}", f"term@d_terms={terms}", *QUIET, *SETTLED.get(update, []))
    assert rounds.usual() == dict(zip("gd", FORWARDS[update], strict=True))


def test_reused_fakes_save_a_pass_through_g(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch, played: Callable[..., Path]
) -> None:
    passes(rounds, monkeypatch)
    played("model=mlp", "update=shared_fakes", "update.d_steps=2", *QUIET)
    assert rounds.usual() == {"g": 2, "d": 5}


@pytest.mark.parametrize(
    ("update", "model"),
    [*((update, "mlp") for update in sorted({*options("update")} - {"apa", "balanced"})), ("alternating", "dcgan")],
)  # those two look at what D says; and the law of devices waits nowhere either
def test_a_round_that_is_not_logged_waits_for_no_device_and_walks_through_no_network(
    rounds: Rounds, played: Callable[..., Path], update: str, model: str
) -> None:
    rounds.count(torch.Tensor, *WAITS)
    if update != "unrolled":  # which gives D other weights, by name
        rounds.count(nn.Module, "named_parameters", "named_buffers", "named_modules", "state_dict")
    played(f"model={model}", f"update={update}", *QUIET)
    assert rounds.usual() == {}


@pytest.mark.parametrize("ema", options("ema"))
def test_so_it_is_with_every_average(rounds: Rounds, played: Callable[..., Path], ema: str) -> None:
    rounds.count(torch.Tensor, *WAITS)
    rounds.count(nn.Module, "named_parameters", "named_buffers", "named_modules", "state_dict")
    played("model=mlp", f"ema={ema}", "+ema@averages.further=half_life", *QUIET)
    assert rounds.usual() == {}


def test_loggers_are_called_in_logged_rounds_only(rounds: Rounds, played: Callable[..., Path]) -> None:
    rounds.count(CSV, "log_metrics")
    played("model=mlp", "callbacks.metrics.every=50", "rounds=100")
    assert rounds.done["CSV.log_metrics"] == 2 * 3  # by the metrics and by the equilibrium, after rounds 1, 50 and 100


@pytest.mark.parametrize("part", [f"model={name}" for name in options("model")] + ["spectral_norm", "adaptive_augment"])
def test_networks_change_their_buffers_in_place(rounds: Rounds, played: Callable[..., Path], part: str) -> None:
    seen: list[list[int]] = []
    step = GAN.training_step

    def training_step(gan: GAN, *batch: Any) -> None:
        step(gan, *batch)
        buffers = [*gan.d.network.buffers(), *gan.g.network.buffers()]
        seen.append([id(buffer) for buffer in buffers])
        assert [id(b) for b in (*gan.d.statistics, *gan.g.statistics)] == seen[-1]

    rounds.patch.setattr(GAN, "training_step", training_step)
    played(part if "=" in part else f"wrapper@d_wrappers=[{part}]", "rounds=3")
    assert seen[0] == seen[1] == seen[2]


class Weighed:
    """An update whose rounds are played under torch's count of the bytes that it takes and gives back."""

    def __init__(self, update: Any) -> None:
        self.update = update
        self.seen = [profile(activities=[ProfilerActivity.CPU], profile_memory=True) for _ in range(2)]

    def play(self, game: GAN) -> None:
        if game.round in (20, 50):
            self.seen[game.round // 50].stop()
        if game.round in (10, 20):
            self.seen[game.round // 20].start()
        self.update.play(game)


@pytest.mark.parametrize("update", ["alternating", "past_extragradient"])
def test_rounds_20_to_50_give_back_every_byte_that_they_take(composed: Callable[..., DictConfig], update: str) -> None:
    """But for the same gradients, state and records, which take the places of the last ones."""

    def watched(gan: GAN) -> None:
        gan.update = Weighed(gan.update)  # type: ignore[assignment]

    parts = ["model=mlp", "data=ring", f"update={update}", "term@d_terms=[r1]", "d_terms.r1.every=5"]
    gan = fit(composed(*parts), 51, watched)
    _, steady = gan.update.seen  # type: ignore[attr-defined]  # the first has the blocks known that the second frees
    kept = [event.self_cpu_memory_usage for event in steady.key_averages()]
    assert max(kept) > 0
    assert sum(kept) == 0


class Operations(TorchDispatchMode):
    """Counts torch's operations by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen[function.__name__] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", options("optimizer"))
def test_every_optimiser_moves_all_weights_at_once_where_torch_does_so_by_default(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    """On GPUs, that is; for which the CPU stands here."""
    chosen = import_module("torch.optim.optimizer")
    monkeypatch.setattr(chosen, "_get_foreach_kernels_supported_devices", lambda: ["cpu"])
    gan = build(composed("model=dcgan", f"optimizer={optimizer}"))[0]
    (moved, _), weights = gan.d.configure(), gan.d.weights
    with Operations() as second:
        for _ in range(2):  # the first step makes the state
            for weight in weights:
                weight.grad = torch.ones_like(weight)
            second.seen.clear()
            moved.step()
    assert any(name.startswith("_foreach") for name in second.seen)
    # Names with _: _foreach, and what is done on the host, such as _local_scalar_dense (Adam's counters of steps).
    assert not {name: n for name, n in second.seen.items() if n >= len(weights) and not name.startswith("_")}
