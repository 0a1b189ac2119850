"""What processes agree on is what one process would have found, derivatives of every order included."""

from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.processes import connected
from torch import Tensor, nn

from gan_lab.distributed import collectives as processes
from gan_lab.distributed.collectives import check_alike
from gan_lab.errors import UserError
from gan_lab.networks.batch_norm import GlobalBatchNorm
from gan_lab.networks.stylegan2 import StyleGAN2Generator
from gan_lab.terms import PathLength

pytestmark = pytest.mark.slow


def test_the_mean_over_processes_has_the_whole_batch_s_derivatives_of_every_order() -> None:
    x, w = torch.linspace(-1, 1, 24, dtype=torch.float64).view(8, 3).sin(), torch.tensor([0.3, -0.5, 0.7]).double()

    def third_order(x: Tensor) -> Tensor:
        """A cost that holds the gradient of another, and that cost's own gradient, differentiated again."""
        weights = w.clone().requires_grad_()

        def gradient(value: Tensor) -> Tensor:
            return processes.mean(torch.autograd.grad(value, [weights], create_graph=True))[0]

        def cost(at: Tensor) -> Tensor:
            return (x @ at).tanh().square().mean()

        ahead = weights - 0.5 * gradient(cost(weights))
        slope = gradient(cost(ahead) + gradient(cost(ahead)).square().sum())
        return gradient((slope * x.mean(0)).sum() + cost(weights)).detach()

    expected = third_order(x)
    connected(lambda rank: torch.testing.assert_close(third_order(x[4 * rank :][:4]), expected))


def test_records_and_draws_are_put_together_in_the_order_of_ranks() -> None:
    def act(rank: int) -> None:
        record = {"loss": torch.tensor(float(rank)), "logits": torch.arange(4.0).view(2, 2) + 10 * rank}
        both = processes.joined(record)
        assert both["loss"] == 0.5
        assert both["logits"].tolist() == [[0, 1], [2, 3], [10, 11], [12, 13]]
        assert processes.most(3 * (1 - rank), torch.device("cpu")) == 3
        common = processes.seed_round(lambda counter=0: 7 + counter, torch.device("cpu"))
        drawn = processes.rows(lambda n: torch.randn(n, 2, generator=common), 3)
        assert torch.equal(drawn, torch.randn(6, 2, generator=torch.Generator().manual_seed(7))[3 * rank :][:3])
        assert torch.equal(torch.randn(2), torch.randn(2, generator=torch.Generator().manual_seed(8 + rank)))

    connected(act)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(3), nn.BatchNorm2d(3, momentum=None), nn.BatchNorm2d(3, affine=False)])
def test_global_batch_norm_is_that_of_the_whole_batch(norm: nn.Module) -> None:
    """Its output, its running statistics and the gradient of a penalty on its gradient."""
    shape = (8, 3) if isinstance(norm, nn.BatchNorm1d) else (8, 3, 2, 2)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def penalised(norm: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        out = norm(x)
        (slope,) = torch.autograd.grad(out.tanh().square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), x)
        return out, second

    whole = deepcopy(norm)
    out, second = penalised(whole, x)

    def act(rank: int) -> None:
        mine = slice(4 * rank, 4 * rank + 4)
        part, inputs = GlobalBatchNorm(norm), x.detach()[mine].requires_grad_()  # type: ignore[arg-type]
        found, found_second = penalised(part, inputs)
        torch.testing.assert_close(found, out[mine], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(found_second, second[mine], atol=1e-4, rtol=1e-4)
        for name, buffer in whole.named_buffers():
            torch.testing.assert_close(part.get_buffer(name), buffer, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(part.eval()(inputs), whole.eval()(inputs))

    connected(act)


def test_processes_that_go_on_from_different_rounds_are_told() -> None:
    def act(rank: int) -> None:
        check_alike("rounds", 7, torch.device("cpu"))
        with pytest.raises(UserError, match="the processes have 7 to 8 rounds"):
            check_alike("rounds", 7 + rank, torch.device("cpu"))

    connected(act)


def test_the_centre_of_styles_is_the_mean_over_processes() -> None:
    def generator() -> StyleGAN2Generator:
        torch.manual_seed(0)
        return StyleGAN2Generator(3, (1, 8, 8), None, width=2, max_width=4, dim=4, mapping=1, mixing=0.0)

    z, whole = torch.randn(8, 3, generator=torch.Generator().manual_seed(1)), generator()
    whole(z)

    def act(rank: int) -> None:
        part = generator()
        part(z[4 * rank :][:4])
        torch.testing.assert_close(part.centre, whole.centre)
        assert part.centre.any()

    connected(act)


def test_path_lengths_are_compared_with_their_mean_over_processes() -> None:
    """The length that is kept, and the mean over processes of the penalty's gradient in G's only weight."""
    steps = [torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([3.0, 5.0, 1.0, 2.0])]

    class Scaled(nn.Module):
        centre = torch.zeros(1)

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1.5))

        def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return torch.ones(len(z), 1, 1, requires_grad=True)

        def synthesise(self, w: Tensor) -> Tensor:
            return self.scale * self.steps * w[..., None]

    def played(part: slice) -> tuple[Tensor, Tensor]:
        term, network = PathLength(decay=0.25, shrink=1), Scaled()
        for step in steps:
            network.steps = step[part, None, None, None]
            context: Any = SimpleNamespace(g=SimpleNamespace(network=network), z=step[part], condition=None)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch, "randn_like", torch.ones_like)
                value = term.value(context)
        (slope,) = torch.autograd.grad(value, network.scale)
        return term.length, processes.mean([slope])[0]

    expected = played(slice(4))

    def act(rank: int) -> None:
        for found, whole in zip(played(slice(2 * rank, 2 * rank + 2)), expected, strict=True):
            torch.testing.assert_close(found, whole)

    connected(act)
