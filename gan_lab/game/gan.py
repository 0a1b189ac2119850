"""GAN as a LightningModule: the objective of each player, and the round."""

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property, partial
from itertools import repeat
from types import MappingProxyType
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from gan_lab.distributed import collectives as processes
from gan_lab.errors import UserError
from gan_lab.game import microbatches as parts
from gan_lab.game.ema import EMA
from gan_lab.game.history import History
from gan_lab.game.memory_format import lay_out
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext
from gan_lab.networks.evaluating import evaluating
from gan_lab.optimizers import Foresight
from gan_lab.ranges import NonNegativeInt, PositiveFloat, PositiveInt
from gan_lab.sampling import sampled
from gan_lab.schedules import advance, is_alike
from gan_lab.seeding import derive_seed
from gan_lab.types import AdversarialLoss, Annealed, Averaging, Latent, OutputLoss, Stateful, Update, ZeroSum

NOTHING: Mapping[str, Any] = MappingProxyType({})
AT_ONCE = 256  # samples that are generated in one pass where they are only looked at


class GAN(pl.LightningModule):
    """Two players, a loss that sets them against each other, and an update that says who moves when.

    One call of `training_step` plays one round. All randomness of round t comes from (seed, t), that of networks from
    the rank too, and all data from the stream's position, so that a run continues from any round as if it had never
    stopped. Of several processes each plays its part of the batch: noise is cut from the whole batch's, gradients and
    records are means over all (see `gan_lab.distributed.collectives`), and so all hold the same players.

    Args:
        d: the discriminator as a player.
        g: the generator as a player.
        latent: distribution of the noise.
        loss: the pair of costs.
        update: plays one round.
        seed: of the noise and of whatever else the networks draw.
        ema: how the average of G (`average`), which samples and evaluation use, follows it; None: there is none.
        averages: the same of further averages, by name.
        clip_norm: largest norm of a player's gradient; larger ones are scaled down to it.
        joint_batch: whether D sees real and fake samples as one batch, sharing batch statistics, or (the DCGAN
            custom) one after the other.
        accumulate: parts that each batch is played in, one after another, to save memory; they share gradients alone.
        channels_last: memory format of the players' networks (see `Player.prepare`).
        compile: whether `torch.compile` runs them; "reduce-overhead": as CUDA graphs.
    """

    def __init__(
        self,
        d: Player,
        g: Player,
        latent: Latent,
        loss: AdversarialLoss,
        update: Update,
        seed: NonNegativeInt = 0,
        ema: Averaging | None = None,
        averages: Mapping[str, Averaging] = NOTHING,
        clip_norm: PositiveFloat | None = None,
        joint_batch: bool = False,
        accumulate: PositiveInt = 1,
        channels_last: bool = False,
        compile: bool | Literal["reduce-overhead"] = False,  # noqa: A002
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.d, self.g = d, g
        self.latent, self.loss, self.update = latent, loss, update
        self.seed, self.clip_norm = seed, clip_norm
        self.joint_batch, self.accumulate = joint_batch, accumulate
        for player in (d, g):
            player.prepare(channels_last, compile)
        self.ema, self.averagings = ema, averages
        self.average: nn.Module | None = None if ema is None else g.copied()
        self.averages = nn.ModuleDict({name: g.copied() for name in averages})
        self.round = 0  # rounds played so far
        self.started_from: int | None = None  # rounds behind the weights that it began with; None: they were drawn
        self.record: dict[str, Tensor] = {}  # what was seen last of each loss, term and logit; on the device
        self._seen: dict[str, Tensor] = {}  # those of the round in play, of this process
        self.history = History()  # what was published of the rounds so far
        self._seconds_before = 0.0
        self._began: float | None = None  # when this part of the run began

    # --- the game ---------------------------------------------------------------------------------------------

    def training_step(self, stream: Any, _: int) -> None:
        """Play one round."""
        self._stream, self._seen = stream, {}
        if self.d.replays:
            torch.compiler.cudagraph_mark_step_begin()  # what the graphs gave in the last round is not needed any more
        self._shared = processes.seed_round(partial(derive_seed, self.seed, "round", self.round), self.device)
        if self.round > 0:
            for schedule in self._schedules:
                advance(schedule, self.round)
        self.update.play(self)
        seen = processes.joined(self._seen)
        self.record |= dict(zip(seen, self.d.lasting([*seen.values()]), strict=True))
        self.round += 1
        for ema in self._emas:
            ema.update(self.round + (self.started_from or 0))

    def context(self, *movers: Player) -> StepContext:
        """Fresh data and fresh noise for the players that are to move."""
        return StepContext(
            self.d, self.g, movers, self._stream.draw, self._noise, self.joint_batch,
            uniform=self._uniform, normal=self._normal,
        )  # fmt: skip

    def objective(self, player: Player, context: StepContext, whole: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """What the player minimises, its side of the loss plus its terms; and each of these, detached, by name.

        `whole`: in a zero-sum game G's side is all of -J_D, with the part that reaches G through D's weights alone.
        """
        player.look(self.round)
        total = self.d_loss(context) if player is self.d else self.g_loss(context, whole)
        seen = {f"{player.name}/loss": total.detach()}
        if player is self.d:
            seen["logits/real"] = context.real_output.logits.detach()
            seen["logits/fake"] = context.fake_output.logits.detach()
        for name, term in player.terms.items():
            value = term(context, player.step)
            if value is not None:
                if player.step == 0:
                    player.check_influence(name, value)
                total = total + value
                seen[f"{player.name}/{name}"] = value.detach()
        return total, seen

    def d_loss(self, context: StepContext) -> Tensor:
        """J_D without its terms: the sum over the scales of D's logits, or what the loss makes of D's whole output."""
        real, fake = context.real_output, context.fake_output
        if self._output_loss is not None:
            return self._output_loss.discriminator_of(real, fake, context.y)
        return _total(map(self.loss.discriminator, real.all_logits, fake.all_logits))

    def g_loss(self, context: StepContext, whole: bool = False) -> Tensor:
        """J_G without its terms, likewise; `whole`: as in `objective`."""
        if whole and isinstance(self.loss, ZeroSum) and self.loss.zero_sum:
            return -self.d_loss(context)
        if self._output_loss is not None:
            return self._output_loss.generator_of(context.fake_output, context.y)
        loss = self.loss if self._annealed_loss is None else self._annealed_loss.at(self.g.step)
        real = context.real_output.all_logits if loss.generator_sees_real else repeat(None)
        return _total(map(loss.generator, real, context.fake_output.all_logits))

    # Asked once: on Python 3.11 `isinstance` of a protocol takes as long as a layer of a small network.

    @cached_property
    def _output_loss(self) -> OutputLoss | None:
        return self.loss if isinstance(self.loss, OutputLoss) else None

    @cached_property
    def _annealed_loss(self) -> Annealed | None:
        return self.loss if isinstance(self.loss, Annealed) else None

    def gradients(self, context: StepContext, *players: Player, create_graph: bool = False) -> list[Sequence[Tensor]]:
        """Of the players' objectives, each in its own weights: means over the batch's parts and over all processes."""
        played: Iterator[parts.Played] = (
            self._play(part, players, create_graph) for part in context.parts(self.accumulate)
        )
        if self.accumulate > 1:  # a term with a state, in its buffers, is asked once for each part
            played = parts.averaging(played, [state for player in players for state in player.state])
        found, seen = parts.together(played)
        self._seen |= seen
        return [processes.mean(gradient) for gradient in found]

    def _play(self, part: StepContext, players: Sequence[Player], create_graph: bool) -> parts.Played:
        """One part's gradients, and what was seen of it. One graph serves all players, and is not kept."""
        objectives, seen = zip(*[self.objective(player, part) for player in players], strict=True)
        triples = zip(players, objectives, [*[True] * (len(players) - 1), create_graph], strict=True)
        found = [p.gradient(o, p.weights, retain_graph=r, create_graph=create_graph) for p, o, r in triples]
        return found, {name: value for each in seen for name, value in each.items()}

    def gradient(
        self,
        player: Player,
        objective: Tensor,
        seen: Mapping[str, Tensor] = NOTHING,
        weights: Sequence[Tensor] | None = None,
        **options: Any,
    ) -> Sequence[Tensor]:
        """The objective's gradient in the player's own weights, or in these in their place, over all processes.

        What was `seen` beside the objective is recorded.
        """
        self._seen |= seen
        return processes.mean(player.gradient(objective, player.weights if weights is None else weights, **options))

    def foresight(self, player: Player) -> Foresight:
        """The steps that the player's optimiser would make, as functions of weights and gradients."""
        return Foresight(self._optimizers[player.name])

    def move(self, player: Player, gradient: Sequence[Tensor], counts: bool = True) -> bool:
        """One step of the player's optimiser, after which its constraints hold again; whether it was made."""
        if player.scale is not None and not player.scale.allows(gradient):
            player.look(self.round)  # what its terms have kept of the step is not finite either, perhaps
            return False
        player.aim(gradient)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(player.weights, self.clip_norm)
        self._optimizers[player.name].step()
        player.stepped(counts)
        return True

    def accuracy(self) -> float:
        """D's accuracy on the logits that it saw last, over all processes: the mean of that on real and fake ones.

        Raises:
            UserError: no logit divides real from fake under this loss.
        """
        boundary = self.loss.boundary
        if boundary is None:
            raise UserError(
                f"{type(self.loss).__name__} gives D no accuracy to balance the players by; choose a loss "
                "whose logits have a boundary between real and fake, such as loss=non_saturating"
            )
        real, fake = self._seen["logits/real"], self._seen["logits/fake"]
        both = (real > boundary).float().mean() + (fake < boundary).float().mean()
        return processes.mean([both])[0].item() / 2

    # --- what surrounds it ------------------------------------------------------------------------------------

    def _noise(self) -> Tensor:
        return processes.rows(lambda n: self.latent.sample(n, self._shared, self.device), self._stream.batch_size)

    def _uniform(self) -> Tensor:
        return processes.rows(partial(torch.rand, generator=self._shared, device=self.device), self._stream.batch_size)

    def _normal(self, shape: torch.Size) -> Tensor:
        return processes.rows(
            lambda n: torch.randn(n, *shape, generator=self._shared, device=self.device), self._stream.batch_size
        )

    @cached_property
    def _emas(self) -> list[EMA]:
        """What moves the averages; made in the first round, when all networks lie on their device."""
        averagings = [*([] if self.ema is None else [self.ema]), *self.averagings.values()]
        kept = self.kept.values()
        return [EMA(network, self.g.network, one) for network, one in zip(kept, averagings, strict=True)]

    @property
    def kept(self) -> dict[str, nn.Module]:
        """All averages of the generator, by the names that `weights=NAME` knows them by."""
        return ({} if self.average is None else {"average": self.average}) | dict(self.averages.items())

    def sampler(self) -> nn.Module:
        """The generator that samples and evaluation use: the average where there is one."""
        return self.g.network if self.average is None else self.average

    @property
    def conditional(self) -> bool:
        """Whether the players are given the batch's y: where one of them reads it."""
        return self.d.conditional or self.g.conditional

    def sample(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples as they are shown: the same for the same z and y, whatever the generator draws itself."""
        return sampled(self.generate, z, y, derive_seed(self.seed, "samples"))

    @torch.no_grad()
    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """What `sampler()` gives in evaluation mode, leaving no trace in it.

        So many at once as memory surely has room for.
        """
        zs = z.to(self.device).split(AT_ONCE)
        ys = [None] * len(zs) if y is None else y.to(self.device).split(AT_ONCE)
        with evaluating(self.sampler()) as network:
            return torch.cat([network(*part) for part in zip(zs, ys, strict=True)])

    @property
    def images(self) -> int:
        """Real samples drawn so far, over all processes."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        return data.drawn * data.batch_size

    @property
    def seconds(self) -> float:
        """Spent on training so far, over all parts of an interrupted run."""
        return self._seconds_before + (0.0 if self._began is None else time.perf_counter() - self._began)

    def publish(self, metrics: dict[str, float]) -> None:
        """Numbers about the round just played, to every logger and to the history; those that process 0 found."""
        metrics = self.trainer.strategy.broadcast(metrics)  # so that all decide alike by them
        self.history.add(metrics, self.round)
        for logger in self.loggers:
            logger.log_metrics(metrics, step=self.round)

    def configure_optimizers(self) -> Any:
        made = [player.configure() for player in (self.d, self.g)]
        schedules = [schedule for _, schedule in made if schedule is not None]
        self._fresh = [deepcopy(schedule.state_dict()) for schedule in schedules]
        return [optimizer for optimizer, _ in made], schedules

    def on_train_start(self) -> None:
        self._optimizers = dict(zip("dg", self.trainer.optimizers, strict=True))  # torch's own: no hooks at each step
        lay_out(self._optimizers.values())
        self._schedules: list[Any] = [configured.scheduler for configured in self.trainer.lr_scheduler_configs]
        if not is_alike([schedule.state_dict() for schedule in self._schedules], self._fresh):  # from a checkpoint
            raise ValueError("the state of its schedules is of other kinds")
        self._began = time.perf_counter()
        for logger in self.loggers:
            if hasattr(logger, "truncate"):  # what the checkpoint does not know of will be logged again, or was an end
                logger.truncate(self.round, {name for name, at in self.history.since.items() if at == self.round})

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        return -1 if self.trainer.should_stop else None  # asked to stop between two rounds, it plays no other

    def stop_clock(self) -> None:
        """The last round is over: what follows does not count as training."""
        self._seconds_before, self._began = self.seconds, None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning's own counters know batches and optimiser steps, not rounds: they start anew, ours go on.
        checkpoint.pop("loops", None)
        checkpoint["global_step"] = self.round
        checkpoint["game"] = {"round": self.round, "d_step": self.d.step, "g_step": self.g.step, "record": self.record}
        checkpoint["game"]["seconds"], checkpoint["game"]["started_from"] = self.seconds, self.started_from
        checkpoint["game"]["scales"] = {p.name: p.scale.state_dict() for p in (self.d, self.g) if p.scale is not None}
        if isinstance(self.update, Stateful):
            checkpoint["game"]["update"] = self.update.state_dict()
        checkpoint["history"] = self.history.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        game = checkpoint["game"]
        self.round, self.d.step, self.g.step = game["round"], game["d_step"], game["g_step"]
        self.record, self._seconds_before = game["record"], game["seconds"]
        self.started_from = game["started_from"]
        if isinstance(self.update, Stateful):
            self.update.load_state_dict(game["update"])
        for player in (self.d, self.g):
            scale = game.get("scales", {}).get(player.name)
            if player.scale is not None and scale is not None:  # a resumed run may have another precision
                player.scale.load_state_dict(scale)
        self.history.load_state_dict(checkpoint["history"])


def _total(losses: Iterator[Tensor]) -> Tensor:
    """The sum over D's scales, which are one at least."""
    return sum(losses, next(losses))
