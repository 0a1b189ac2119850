"""Updates, optimisers and averages beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.authors import numbers, sums
from helpers.toy_players import Logistic, slope_of_g
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lab.averages import Delayed, HalfLife, Power, Profile, reconstruction
from gan_lab.game.ema import EMA
from gan_lab.losses import NonSaturating
from gan_lab.optimizers import OptimisticAdam, RootAdam
from gan_lab.schedules import Cosine
from gan_lab.types import Averaging
from gan_lab.updates import APA, LOGAN, Consensus, Extragradient, Lookahead, PastExtragradient, Simultaneous, Unrolled


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


def apa() -> list[float]:
    """Real images of which some are replaced, at p = 0.4."""
    drawn: Any = SimpleNamespace(uniform=torch.from_numpy(np.random.RandomState(77).rand(6)), z=None)
    context: Any = SimpleNamespace(
        real=numbers(75, 6, 2, 4, 4), generate=lambda _: numbers(76, 6, 2, 4, 4), replacing=lambda real: real
    )
    game: Any = SimpleNamespace(d=None, context=lambda _: drawn)
    replaced: Any = APA(p=0.4).deceived(game, context)
    return sums(replaced)


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


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "unrolled": (unrolled, [0.17284431834394448], 1e-5),
    "root_adam": (
        partial(stepped, partial(RootAdam, lr=0.003, betas=(0.5, 0.999)), (1e-5, 1e-4, 1e-3, 1e-2, 1, 10)),
        [-0.001683591764535113, -0.0013431326026416683, 0.003028011459566559, -0.003946025260410708,
         -0.002681757771349245, 0.0130388108630668],
        1e-12,
    ),
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
    "logan": (
        logan,
        [3.0279351793886597, 0.6107893063815893, 0.9918553341629167,
         0.4083112394173224, -0.1863921217021795, 0.3333871026594012],
        1e-12,
    ),
    "apa": (apa, [-10.1833918641992, 5.742170811712265, 21.578765149644102], 1e-12),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)


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
