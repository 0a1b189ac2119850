"""Ensemble loop: rounds that no callback observes are played together, the others one by one."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from gan_lab.callbacks.checkpoint import RoundCheckpoint
from gan_lab.callbacks.stopping import Interruption
from gan_lab.config.explain import explain
from gan_lab.ensemble.game import Ensemble, Streams
from gan_lab.ensemble.member import Member
from gan_lab.errors import OtherRun
from gan_lab.io.checkpoint import rounds_held
from gan_lab.sweeps.plan import record_failure


def play_together(runs: Sequence[tuple[DictConfig, Sequence[str]]]) -> int:
    """Play runs that differ by their seeds alone, each a configuration with its overrides, to their ends.

    Rounds after which a callback acts (metrics, samples, checkpoints, ...) each run plays by itself, so that its record
    is what it would have been anyway; the rounds between these are played as one `Ensemble`. Which are which follows
    from the configuration alone: stopped or killed anywhere, the runs go on in the same arithmetic. Where they have no
    round in common to go on from, those behind first play by themselves until all are level. A signal ends all after
    the same round; one that fails leaves `failure.txt` and does not keep the others from going on.

    Returns the process's exit code: 128 + the signal's number, else 2 where some have failed, else 0.
    """
    members = [Member(*run, at) for run, at in zip(runs, rounds_to_go_on_from(runs), strict=True)]
    interruption = Interruption()
    interruption.listen()
    ensemble: Ensemble | None = None
    try:
        for member in members:
            member.advance()  # to the first round that it is to play
        _share_clock([member for member in members if not member.over])
        while present := [member for member in members if not member.over]:
            last = min(member.round for member in present)
            if len(present) > 1 and len({member.round for member in present}) == 1:
                if ensemble is None or len(ensemble.games) != len(present):
                    ensemble = Ensemble([member.game for member in present])
                try:
                    last = _stretch(ensemble, present, interruption)
                except Exception as error:
                    for member in present:
                        record_failure(Path(member.config.directory), _why(error))
                    raise
            for member in present:
                if interruption.signal is not None:
                    member.interrupt(interruption.signal)
                elif member.round == last:
                    member.advance()
    finally:
        interruption.ignore()
    failed, code = _failed(members), max(member.code or 0 for member in members)
    return 2 if failed and code <= 128 else code  # after a signal, those that have not failed want to go on


def rounds_to_go_on_from(runs: Sequence[tuple[DictConfig, Sequence[str]]]) -> list[int | None]:
    """For each run the round of the checkpoint that it goes on from; None: its newest.

    The runs save one after the other. Where they were killed in between, those that have saved last go back to the
    checkpoint before, which the others have as their newest. A run that is further behind, such as one that has failed,
    is left aside.
    """
    held = [rounds_held(Path(config.directory) / "checkpoints") for config, _ in runs]
    last = [max(rounds, default=0) for rounds in held]
    top = max(last)
    common = {max(rounds - {top}, default=0) for rounds in held if top in rounds}
    if len(common) != 1 or top > runs[0][0].rounds:
        return [None] * len(runs)
    (before,) = common
    if before not in last:
        return [None] * len(runs)
    return [before if before in rounds else None for rounds in held]


def _share_clock(members: Sequence[Member]) -> None:
    """Checkpoints by the clock are written after the same round."""
    checkpoints = [checkpoint for member in members for checkpoint in member.callbacks(RoundCheckpoint)]
    for checkpoint in checkpoints:
        checkpoint.clock = checkpoints[0].clock


def _stretch(ensemble: Ensemble, members: Sequence[Member], interruption: Interruption) -> int:
    """Play together up to the round before the next that has to be played alone; the round reached."""
    rounds = min(member.alone() for member in members) - ensemble.games[0].round - 1
    if rounds < 1:
        return ensemble.games[0].round
    streams = Streams([member.stream for member in members])
    ensemble.gather()
    for index in range(rounds):
        if interruption.signal is not None:
            break
        ensemble.training_step(streams, index)
    ensemble.scatter()
    for member in members:
        member.round = member.game.round
    return ensemble.round


def _failed(members: Sequence[Member]) -> bool:
    """Tell what went wrong, once for all seeds concerned; return whether anything did.

    Raises what is no mistake of the user's.
    """
    seeds_of: dict[str, list[int]] = {}
    bugs = []
    for member in members:
        if member.error is not None:
            if not isinstance(member.error, OtherRun):
                record_failure(Path(member.config.directory), _why(member.error))
            line = explain(member.error, sys.argv[1:])
            if line is None:
                bugs.append(member.error)
            else:
                seeds_of.setdefault(line, []).append(member.config.seed)
    for line, seeds in seeds_of.items():
        print(f"error: seed {', '.join(map(str, seeds))}: {line}", file=sys.stderr)
    if bugs:
        raise bugs[0]
    return bool(seeds_of)


def _why(error: Exception) -> str:
    return explain(error, sys.argv[1:]) or "".join(traceback.format_exception(error))
