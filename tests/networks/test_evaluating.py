"""Evaluation mode for a while leaves no trace."""

import pytest
import torch
from torch import nn

from gan_lab.errors import UserError
from gan_lab.networks.evaluating import evaluating
from gan_lab.networks.features import width_of


@pytest.mark.parametrize("training", [True, False])
def test_each_module_is_back_in_its_own_mode(training: bool) -> None:
    frozen = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()).eval()
    frozen[1].train()
    network = nn.Sequential(nn.Linear(2, 2), frozen)
    network.training = training
    before = [module.training for module in network.modules()]
    with evaluating(network) as same:
        assert same is network and not any(module.training for module in network.modules())
        with evaluating(frozen):
            assert not any(module.training for module in network.modules())
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == before
    with pytest.raises(KeyError), evaluating(network):
        raise KeyError
    assert [module.training for module in network.modules()] == before


def test_a_discriminator_that_is_refused_is_left_as_it_was() -> None:
    class Refusing(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> None:
            raise UserError("no")

    refused = Refusing()
    with pytest.raises(UserError, match="can have no head"):
        width_of(refused, (2,))
    assert refused.training
