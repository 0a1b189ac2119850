"""Figures where the truth is known: their bias, what their intervals hold, how often their tests are wrong.

The cases are those of `benchmarks/calibration.py`, whose table, of many more trials, is in docs/measures.md.
"""

import importlib.util
import math
import sys
from typing import Any

import pytest
from helpers.configuration import CONF

TRIALS, MANY = 40, 300


def cases() -> Any:
    spec = importlib.util.spec_from_file_location("calibration", CONF.parent / "benchmarks" / "calibration.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["calibration"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.MANY = MANY
    return module


CALIBRATION = cases()


@pytest.mark.parametrize("name", CALIBRATION.CASES)
def test_figures_are_right_where_the_truth_is_known(name: str) -> None:
    case = CALIBRATION.CASES[name]
    found = CALIBRATION.summarise(case, TRIALS)
    if not case.biased and math.isfinite(found.truth):
        assert abs(found.bias) < 4 * found.error * (1 + TRIALS / MANY) ** 0.5  # the truth may be a mean itself
    if case.covers:
        assert abs(found.coverage - 0.95) < 0.02 + 3 * (0.05 * 0.95 / TRIALS) ** 0.5
    if case.sized and math.isfinite(found.size):
        assert found.size <= 0.05 + 3 * (0.05 * 0.95 / TRIALS) ** 0.5
