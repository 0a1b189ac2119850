"""Several runs in step: what nobody looks at they play together, the rest each by itself."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from gan_lab.callbacks.budget import Interruption
from gan_lab.config.explain import explain
from gan_lab.config.sweep import record_failure
from gan_lab.ensemble.game import Ensemble, Streams
from gan_lab.ensemble.member import Member


def play_together(runs: Sequence[tuple[DictConfig, Sequence[str]]]) -> int:
    """Play runs that differ by their seeds alone, each a configuration with its overrides, to their ends.

    Rounds after which a callback acts (metrics, samples, checkpoints, ...) each run plays by itself, so that its record
    is what it would have been anyway; the rounds between these are played as one `Ensemble`. Runs that were killed at
    different rounds first play on by themselves until they are level. A signal ends all after the same round; one that
    fails leaves `failure.txt` and does not keep the others from going on.

    Returns the process's exit code: 128 + the signal's number, else 2 where some have failed, else 0.
    """
    members = [Member(*run) for run in runs]
    interruption = Interruption()
    interruption.listen()
    ensemble: Ensemble | None = None
    try:
        while present := [member for member in members if not member.over]:
            last = min(member.round for member in present)
            for member in present:
                if member.round == last:
                    member.advance()
            present = [member for member in present if not member.over]
            if len(present) > 1 and len({member.round for member in present}) == 1:
                if ensemble is None or len(ensemble.games) != len(present):
                    ensemble = Ensemble([member.game for member in present])
                _stretch(ensemble, present, interruption)
            if interruption.signal is not None:
                for member in present:
                    member.interrupt(interruption.signal)
    finally:
        interruption.ignore()
    failed, code = _failed(members), max(member.code or 0 for member in members)
    return 2 if failed and code <= 128 else code  # after a signal, those that have not failed want to go on


def _stretch(ensemble: Ensemble, members: Sequence[Member], interruption: Interruption) -> None:
    """Play together up to the round before the next that has to be played alone."""
    rounds = min(member.alone() for member in members) - ensemble.games[0].round - 1
    if rounds < 1:
        return
    streams = Streams([member.stream for member in members])
    ensemble.gather()
    for index in range(rounds):
        if interruption.signal is not None:
            break
        ensemble.training_step(streams, index)
    ensemble.scatter()
    for member in members:
        member.round = member.game.round


def _failed(members: Sequence[Member]) -> bool:
    """Tell what went wrong, once for all seeds that it befell; whether anything did.

    Raises what is no mistake of the user's.
    """
    told: dict[str, list[int]] = {}
    for member in members:
        if member.error is not None:
            line = explain(member.error, sys.argv[1:])
            why = line or "".join(traceback.format_exception(member.error))
            record_failure(Path(member.config.directory), why)
            if line is None:
                raise member.error
            told.setdefault(line, []).append(member.config.seed)
    for line, seeds in told.items():
        print(f"error: seed {', '.join(map(str, seeds))}: {line}", file=sys.stderr)
    return bool(told)
