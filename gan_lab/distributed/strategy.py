"""Lightning strategy of several processes without DistributedDataParallel."""

import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy


class Replicas(DDPStrategy):
    """A process for each device, on any number of nodes, that holds both players; the game keeps them alike.

    DistributedDataParallel averages what `backward()` leaves in the weights, but the players' gradients come from
    `autograd.grad`, which it does not see: the game averages them itself (see `gan_lab.distributed.collectives`).
    """

    def configure_ddp(self) -> None:
        """Nothing is wrapped; all begin with process 0's weights and buffers."""
        assert self.lightning_module is not None
        for tensor in (*self.lightning_module.parameters(), *self.lightning_module.buffers()):
            first = tensor.data.contiguous()
            dist.broadcast(first, 0)
            tensor.data.copy_(first)
