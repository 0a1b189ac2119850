"""Inversion: the latent code of which a generator makes a given picture, by gradient descent."""

from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from gan_lab.analysis.space import Space, space_of
from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.plots.rows import Row, labelled_rows
from gan_lab.sampling import sampled
from gan_lab.seeding import derive_seed

STARTS, STEPS, RATE = 500, 400, 0.1
OWN = 2  # of the generator's own samples, which it can make


class Inverted(NamedTuple):
    """Codes (N, ...), their samples (N, *shape), and the root mean square (N,) of what these miss the targets by."""

    codes: Tensor
    images: Tensor
    errors: Tensor
    y: Tensor | None


def invert(
    space: Space,
    targets: Tensor,
    starts: Tensor,
    y: Tensor | None = None,
    labels: Tensor | None = None,
    steps: int = STEPS,
    title: str | None = None,
) -> Inverted:
    """min over codes c of mean (G(c) - x)^2, for each target x (N, *shape) by itself.

    Adam, at a rate of 0.1 standard deviations of the codes that falls to 0 as a half cosine. It begins with that of
    the codes `starts` (M, ...) whose sample is nearest to x. Of `y` (M,), the starts' classes, the chosen one's is
    kept; where the targets' own, `labels` (N,), are known, only starts of that class are taken if there are some.
    Nothing keeps a code near the ones that training has seen.
    """
    x = targets.flatten(1)
    apart = torch.cdist(x, sampled(space.generate, starts, y, 0).cpu().flatten(1))
    if labels is not None and y is not None:
        own = labels[:, None] == y
        apart[own.any(1)] = torch.where(own, apart, torch.inf)[own.any(1)]
    chosen = apart.argmin(1)
    kept = None if y is None else y[chosen]
    spread = starts.std(0, correction=0).mean().item() or 1.0
    codes = starts[chosen].clone().requires_grad_(True)
    adam = torch.optim.Adam([codes], lr=RATE * spread, betas=(0.9, 0.99))
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        for _ in tqdm(range(steps), title, unit="", disable=None if title else True):
            torch.manual_seed(derive_seed(0, "inversion"))  # of what G draws itself: always the same function
            missed = (space.generate(codes, kept).cpu().flatten(1) - x).square().mean(1).sum()
            (codes.grad,) = torch.autograd.grad(missed, [codes])
            adam.step()
            rate.step()
        torch.manual_seed(derive_seed(0, "inversion"))
        with torch.no_grad():
            images = space.generate(codes, kept).cpu()
    return Inverted(codes.detach(), images, (images.flatten(1) - x).square().mean(1).sqrt(), kept)


def analyse(subject: Subject) -> Finding:
    """Given pictures and the nearest ones that the generator can make, with the error.

    The last rows are samples of its own, of which it can make an exact copy: what is left there is the search's fault.
    """
    check_images(subject)
    space, given = space_of(subject.trained), subject.targets
    own = min(OWN, subject.fake.n - 1)  # the others are starts
    targets = torch.cat([given.x, subject.fake.images[:own]])
    z, y = subject.z[own:][:STARTS], None if subject.y is None else subject.y[own:][:STARTS]
    starts = space.codes(z, y)
    starts = starts[:, :1] if starts.ndim == 3 else starts  # one w for all layers
    labels = None
    if y is not None and subject.y is not None and given.y is not None:
        labels = torch.cat([given.y, subject.y[:own]])
    found = invert(space, targets, starts, y, labels, title="inversion")
    rows = []
    for i, error in enumerate(found.errors.tolist()):
        name = subject.origin if i < len(given.x) else "a sample of its own"
        missed = (found.images[i] - targets[i]).abs() - 1
        rows.append(Row(f"{name}\nRMSE {error:.3f}", (targets[i][None], found.images[i][None], missed[None])))
    real, generated = (part.mean().item() for part in found.errors.split([len(given.x), own]))
    return Finding(
        labelled_rows("Inversion", ("given", "found", "difference"), rows),
        f"The best {space.name} of {STEPS} steps of Adam on the mean squared error of the pixels, from the nearest of "
        f"{len(starts)} samples. RMSE is the root mean square of the difference, of values in [-1, 1]: {real:.3f} on "
        f"average of the pictures ({subject.origin}), and {generated:.3f} of samples of the generator, where 0 is "
        f"possible. Black is no difference. {freedom(starts[0].numel(), targets[0].numel())}",
    )


def freedom(code: int, picture: int) -> str:
    """How many numbers a code has to fit those of a picture with."""
    free = ": enough to fit any picture, so that a small error says little" if code >= picture else ""
    return f"A code has {code} numbers, a picture {picture}{free}."
