"""Directions of a latent space that change samples most, by closed-form factorisation (SeFa)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.analysis.space import space_of
from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.errors import UserError
from gan_lab.plots.rows import Row, labelled_rows
from gan_lab.sampling import sampled

DIRECTIONS, SAMPLES, STEPS = 6, 2, (-3, -2, -1, 0, 1, 2, 3)  # the steps in standard deviations of the codes
ROUNDING = 1e-3  # of its largest output, by which a layer may miss being affine


def factorised(weight: Tensor) -> Tensor:
    """Unit vectors, a row of (d, d) each, along which |A x| grows most: eigenvectors of A^T A, the largest value first.

    A is (m, d) (Shen & Zhou 2021, equation 4); so they are its right singular vectors. The authors' code scales the
    rows of A to length 1 first, of which the paper says nothing.
    """
    return torch.linalg.eigh(weight.T.double() @ weight.double()).eigenvectors.T.flip(0).to(weight)


def weight_on(network: nn.Module, call: Callable[[], Any], code: Tensor) -> Tensor:
    """A (m, d) of all layers A c + b that read the code c (1, d) as it is when `call` is called, one below the other.

    A layer may read something else after it, such as a class.

    Raises:
        UserError: there is no such layer.
    """
    found: list[Tensor] = []

    def look(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if len(inputs) == 1 and isinstance(getattr(layer, "weight", None), Tensor) and _begins(inputs[0], code):
            found.extend(_matrix(layer, inputs[0], output, code))

    handles = [module.register_forward_hook(look) for module in network.modules()]
    try:
        with torch.no_grad():
            call()
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise UserError("needs a generator in which a linear layer reads the code as it is; this one has none")
    return torch.cat(found)


def _begins(given: Any, code: Tensor) -> bool:
    """Whether a layer's input (1, ...) has the code as its first numbers."""
    return isinstance(given, Tensor) and len(given) == 1 and torch.equal(given.flatten()[: code.numel()], code[0])


def _matrix(layer: nn.Module, given: Tensor, output: Tensor, code: Tensor) -> list[Tensor]:
    """A of an affine layer, from what it makes of each unit vector; nothing of a layer that is not affine."""
    d = code.shape[1]
    inputs = given.flatten(1).repeat(d + 1, 1)
    inputs[:, :d] = torch.eye(d + 1, d, device=given.device).roll(1, 0)
    outputs = layer.forward(inputs.unflatten(1, given.shape[1:])).flatten(1)  # forward: without the hooks
    matrix = (outputs[1:] - outputs[0]).T
    missed = (outputs[0] + matrix @ code[0] - output.flatten()).abs().max()
    return [matrix.cpu()] if missed <= ROUNDING * output.abs().max() else []


def analyse(subject: Subject) -> Finding:
    """Samples moved along the first directions, which nothing but G's weights says (Shen & Zhou 2021).

    Raises:
        UserError: no linear layer of the generator reads its code.
    """
    check_images(subject)
    trained, seed = subject.trained, subject.seed
    space = space_of(trained)
    codes = space.codes(subject.z, subject.y)
    flat, y = codes.flatten(0, -2), None if subject.y is None else subject.y[:1]
    weight = weight_on(trained.generator, lambda: space.generate(codes[:1], y), flat[:1].to(trained.device))
    rows = []
    for number, direction in enumerate(factorised(weight)[:DIRECTIONS], start=1):
        moves = torch.tensor(STEPS)[:, None] * (flat @ direction).std() * direction
        groups = []
        for i in range(min(SAMPLES, len(codes))):
            moved = codes[i] + moves.view(len(STEPS), *[1] * (codes.ndim - 2), -1)
            ys = None if subject.y is None else subject.y[i].expand(len(STEPS))
            groups.append(sampled(space.generate, moved, ys, seed).cpu())
        rows.append(Row(f"direction {number}", tuple(groups)))
    heads = tuple(f"sample {i + 1}: {STEPS[0]} to +{STEPS[-1]} standard deviations" for i in range(len(rows[0].groups)))
    return Finding(
        labelled_rows("Directions", heads, rows),
        f"Closed-form factorisation of the layers that read {space.name}: the directions along which their output "
        "changes most. Each row moves along one, the sample itself in the middle.",
    )
