"""Laws of LeCam regularisation."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gan_lab.terms import LeCam
from gan_lab.types import DiscriminatorOutput

REAL, FAKE = torch.tensor([[2.0, 1.0, -0.5], [0.5, 1.5, 1.0]]), torch.tensor([[-1.0, 0.5, 0.2], [-2.0, 0.0, -0.4]])


def seen(step: int) -> Any:
    return SimpleNamespace(real_output=DiscriminatorOutput(REAL[step]), fake_output=DiscriminatorOutput(FAKE[step]))


@pytest.mark.parametrize("start", [0, 1])
def test_averages_follow_the_logits_from_the_start_on_and_are_the_last_batch_s_before(start: int) -> None:
    """The term counts after the step number `start`, by the averages of its own step."""
    term, of_real, of_fake = LeCam(weight=2.0, decay=0.75, start=start), 0.0, 0.0
    for step in range(2):
        share = 0.25 if step >= start else 1.0
        of_real += share * (REAL[step].mean().item() - of_real)
        of_fake += share * (FAKE[step].mean().item() - of_fake)
        value = term(seen(step), step)
        assert term.averages.tolist() == pytest.approx([of_real, of_fake], rel=1e-6)
        if step <= start:
            assert value is None
        else:
            above = [max(0.0, logit - of_fake) ** 2 for logit in REAL[step].tolist()]
            below = [max(0.0, of_real - logit) ** 2 for logit in FAKE[step].tolist()]
            assert value is not None
            assert value.item() == pytest.approx(2.0 * (sum(above) + sum(below)) / 3, rel=1e-5)
