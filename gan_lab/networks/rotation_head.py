"""Head of a discriminator that says by how many quarter turns an image was turned."""

from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.features import features_of, width_of
from gan_lab.ranges import Shape
from gan_lab.types import DiscriminatorOutput


class RotationHead(nn.Module):
    """D with four class logits (N, 4), an affine map of its last features (SSGAN, Chen et al. 2019, section 3).

    Its weights start Xavier uniform, as in kwotsin/mimicry. What makes the players care is the term `Rotations`.

    Raises:
        UserError: D has class logits of its own, as with `conditioning=auxiliary`, or reads conditions that are no
            classes, or shows no features.
    """

    def __init__(self, discriminator: nn.Module, shape: Shape) -> None:
        super().__init__()
        self.discriminator = discriminator  # first, as layers are counted from the image on
        self.head = nn.Linear(width_of(discriminator, shape), 4)
        nn.init.xavier_uniform_(self.head.weight)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(x, y)
        if output.class_logits is not None:
            raise UserError(
                "rotation_head: D has class logits already; take a conditioning without, such as projection"
            )
        return output._replace(class_logits=self.head(features_of(output)))
