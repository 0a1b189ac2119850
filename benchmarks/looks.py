"""Error rate, power and seeds of a tournament that looks four times, beside Bonferroni's correction for its looks.

    python benchmarks/looks.py [REPETITIONS]
    python benchmarks/looks.py levels              # the levels of many plans of looks, two equal contestants

Figures of contestants are normal; effects are in standard deviations of the difference of two at equal seeds.
"""

import math
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from gan_lab.evaluation.ranking import decide, numbers_of_seeds
from gan_lab.evaluation.spending import nominal_level

ERROR, FIRST, MOST, LOOKS = 0.05, 5, 20, 4


def play(effects: Sequence[float], numbers: list[int], spends: bool, repetitions: int) -> np.ndarray:
    """Of each repetition: whether something was decided, whether the first contestant was found best, and the seeds."""
    random, found = np.random.default_rng(0), []
    for _ in range(repetitions):
        figures = np.array(effects)[:, None] + random.normal(size=(len(effects), numbers[-1])) * math.sqrt(0.5)
        decided, best = False, False
        for n in numbers:
            values = {f"c{i}": row[:n].tolist() for i, row in enumerate(figures)}
            if spends:
                decision = decide(values, "best", ERROR, numbers)
            else:
                decision = decide(values, "best", ERROR / len(numbers))
            decided |= bool(decision.decided)
            if decision.settled:
                best = decision.leader == "c0"
                break
        found.append((decided, best, n))
    return np.mean(found, axis=0)


def main(repetitions: int) -> None:
    rules = ((False, "Bonferroni"), (True, "spending"))
    print("| | seeds at most | looks by | falsely decided | c0 is found best | seeds, mean |")
    print("|---" * 6 + "|")
    for effects in ([0.0] * 2, [0.0] * 3, [0.0] * 10, [0.0, 0.7], [0.0, 1.0], [0.0, 1.5], [0.0, 1.0, 1.0]):
        numbers = numbers_of_seeds(FIRST, MOST, LOOKS)
        for spends, name in rules:
            row(effects, numbers, name, play(effects, numbers, spends, repetitions))
    for effect in (0.7, 1.0):  # at a power of 0.8
        for spends, name in rules:
            for most in range(FIRST + LOOKS, 99):
                numbers = numbers_of_seeds(FIRST, most, LOOKS)
                found = play([0.0, effect], numbers, spends, repetitions)
                if found[1] >= 0.8:
                    row([0.0, effect], numbers, name, found)
                    break


def row(effects: Sequence[float], numbers: list[int], name: str, found: np.ndarray) -> None:
    same = not any(effects)
    who = f"{len(effects)} equal contestants" if same else f"effects of the others: {effects[1:]}"
    first = f"{100 * found[0]:.1f} %" if same else ""
    power = "" if same else f"{100 * found[1]:.1f} %"
    print(f"| {who} | {numbers[-1]} | {name} | {first} | {power} | {found[2]:.1f} |", flush=True)


def levels(blocks: int = 20, size: int = 50_000) -> None:
    """How often some look decides, as a part of the error rate, of all plans and rates: the largest, and the median."""
    sizes = [(first, most, looks) for first in (3, 4, 5, 8) for most in (6, 8, 10, 20, 40) for looks in (2, 3, 4, 8)]
    plans = {tuple(numbers_of_seeds(*one)) for one in sizes if one[0] < one[1]}
    bounds = {
        (plan, error): [student.isf(nominal_level(error, n, plan) / 2, n - 1) for n in plan]
        for plan in sorted(plans)
        for error in (0.1, 0.05, 0.05 / 3, 0.05 / 6, 0.05 / 45)
    }
    false, random, n = dict.fromkeys(bounds, 0), np.random.default_rng(11), np.arange(2, 41)
    for _ in range(blocks):
        x = random.normal(size=(size, 40))
        means = x.cumsum(1)[:, 1:] / n
        deviations = np.sqrt(((x**2).cumsum(1)[:, 1:] - n * means**2) / (n - 1))
        ts = np.abs(means / deviations * np.sqrt(n)).T.copy()
        for (plan, error), crossed in bounds.items():
            hits = [ts[at - 2] >= bound for at, bound in zip(plan, crossed, strict=True)]
            false[plan, error] += int(np.any(hits, axis=0).sum())
    total = blocks * size
    found = sorted(((count / total / error, plan, error) for (plan, error), count in false.items()), reverse=True)
    for ratio, plan, error in found[:5]:
        noise = math.sqrt((1 - error) / error / total)
        print(f"{ratio:.3f} ± {noise:.3f} of {100 * error:.2g} %: looks at {', '.join(map(str, plan))}")
    print(f"median of {len(found)}: {np.median([ratio for ratio, *_ in found]):.3f}")


if __name__ == "__main__":
    if sys.argv[1:] == ["levels"]:
        levels()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
