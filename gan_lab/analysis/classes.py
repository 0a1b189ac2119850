"""Class grid: samples of every class, of the same noise down the columns."""

import torch

from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.errors import UserError
from gan_lab.plots.images import class_by_class
from gan_lab.plots.rows import Row, labelled_rows
from gan_lab.sampling import sampled

COLUMNS, MOST = 12, 40  # samples of a class, and classes


def analyse(subject: Subject) -> Finding:
    """Rows of one class each. What the columns share is what the noise says beside the class.

    Raises:
        UserError: the generator takes no class.
    """
    check_images(subject)
    if subject.classes is None:
        raise UserError("needs a class-conditional generator; train one with conditioning=concat")
    shown = min(MOST, len(subject.classes))
    z, y = class_by_class(subject.z[:COLUMNS], torch.arange(shown))
    images = sampled(subject.trained.generate, z, y, subject.seed).cpu()
    rows = [Row(name, (row,)) for name, row in zip(subject.classes, images.split(len(z) // shown), strict=False)]
    left = f" The first {shown} of {len(subject.classes)} classes." if shown < len(subject.classes) else ""
    return Finding(
        labelled_rows("Classes", ("the same noise down each column",), rows), f"One class in each row.{left}"
    )
