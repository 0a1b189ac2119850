"""Laws of the fading blur."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from pytorch_lightning import Trainer
from torch import Tensor, nn

from gan_lab.callbacks.fading_blur import BlurClock
from gan_lab.config.idle import check_idle
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.networks.fading_blur import FadingBlur, blurred
from gan_lab.types import DiscriminatorOutput


class Sees(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.flatten(1).sum(1), features=(x,))


def test_it_is_a_mean_within_the_image_and_falls_by_half_at_its_width() -> None:
    x = torch.zeros(1, 2, 41, 41)
    x[0, 1, 20, 20] = 1.0
    out = blurred(x, 4.0)
    assert not out[0, 0].any() and out.sum().item() == pytest.approx(1)
    torch.testing.assert_close(out[0, 1], out[0, 1].T)
    assert (out[0, 1, 20, 24] / out[0, 1, 20, 20]).item() == pytest.approx(0.5)


def test_it_fades_to_nothing_and_is_of_training_alone() -> None:
    wrapper, x = FadingBlur(Sees(), sigma=3.0, over=10), torch.randn(2, 1, 8, 8)

    def seen(played: int) -> Tensor:
        wrapper.played = played
        return wrapper(x).features[0]

    spread = [seen(t).var().item() for t in (0, 4, 8)]
    assert spread == sorted(spread) and torch.equal(seen(0), blurred(x, 3.0))
    assert torch.equal(seen(10), x) and torch.equal(seen(11), x)
    wrapper.eval()
    assert torch.equal(seen(0), x)
    with pytest.raises(UserError, match=r"is for discriminators of images.*not of \(2, 2\)"):
        wrapper(torch.zeros(2, 2))


def test_compiled_it_fades_as_well_and_is_not_compiled_anew_in_each_round() -> None:
    graphs: list[Callable[..., Any]] = []

    def backend(graph: Any, _: Any) -> Callable[..., Any]:
        graphs.append(graph.forward)
        return graphs[-1]

    torch._dynamo.reset()
    wrapper, x = FadingBlur(Sees(), sigma=3.0, over=10), torch.randn(2, 1, 8, 8)
    compiled = torch.compile(wrapper, backend=backend, dynamic=False)
    for wrapper.played in range(12):
        assert torch.equal(compiled(x).features[0], wrapper(x).features[0])
    assert len(graphs) == 1


def test_its_clock_counts_rounds_and_cannot_be_left_out(composed: Callable[..., DictConfig]) -> None:
    config = composed("model=dcgan", "wrapper@d_wrappers=[spectral_norm,fading_blur]", "rounds=3")
    assert config.callbacks.fading_blur._target_ == f"{BlurClock.__module__}.BlurClock"
    gan, _ = build(config)
    trainer, clock = Trainer(logger=False), BlurClock()
    clock.begin(trainer, gan)
    gan.round = 7
    clock.before_round(trainer, gan)
    assert [part.played for part in gan.d.network.modules() if isinstance(part, FadingBlur)] == [7]
    gan.d, gan.g = gan.g, gan.d
    with pytest.raises(UserError, match=r"not blurred; add wrapper@d_wrappers=\[fading_blur\]"):
        clock.begin(trainer, gan)
    config.callbacks.fading_blur = None
    with pytest.raises(UserError, match="d_wrappers.fading_blur: never fades without callbacks.fading_blur"):
        check_idle(config)
