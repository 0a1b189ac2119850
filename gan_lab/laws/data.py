"""Laws of a data set."""

from itertools import islice

import torch

from gan_lab.data.module import GameData
from gan_lab.laws.law import Law, demand


def has_its_shape(data: GameData) -> None:
    """Samples have the shape that it says, in single precision."""
    x = data.take(5).x
    shape = tuple(x.shape[1:])
    demand(shape == data.shape, f"samples have the shape {shape}, and the data say {data.shape}")
    demand(x.dtype == torch.float32, f"samples are of {x.dtype}, and must be of torch.float32")
    demand(bool(x.isfinite().all()), "some samples are not finite")
    if x.ndim == 4:
        demand(float(x.abs().max()) <= 1, "images must lie in [-1, 1]")


def is_a_function_of_the_round(data: GameData) -> None:
    """Batches from any number on are those that come after so many: a run that goes on sees what it would have seen."""
    data.setup("fit")
    whole = [batch.x for batch in islice(data.batches(0), 4)]
    demand(all(len(x) == data.batch_size for x in whole), f"batches must have {data.batch_size} samples")
    later = [batch.x for batch in islice(data.batches(2), 2)]
    demand(all(map(torch.equal, whole[2:], later)), "batches(2) does not begin with the third batch of batches(0)")


DATA: dict[str, Law] = {
    "shapes and ranges": has_its_shape,
    "the data order goes on where it stopped": is_a_function_of_the_round,
}
