"""Vector field of the game: both players' gradients at one point."""

from collections.abc import Sequence

from torch import Tensor

from gan_lab.types import Game

VectorField = tuple[Sequence[Tensor], Sequence[Tensor]]


def vector_field(game: Game, create_graph: bool = False) -> VectorField:
    """v(theta, psi) = (grad_psi J_D, grad_theta J_G) at the present point, in this order: D's part, G's part.

    One fresh batch of data and one of noise serve both players, and so does one forward pass. With `create_graph`
    the gradients can be differentiated again, in the weights of either player.
    """
    d, g = game.gradients(game.context(game.d, game.g), game.d, game.g, create_graph=create_graph)
    return d, g


def move(game: Game, along: VectorField, counts: bool = True) -> None:
    """Each player steps along its part."""
    for player, gradient in zip((game.d, game.g), along, strict=True):
        game.move(player, gradient, counts=counts)
