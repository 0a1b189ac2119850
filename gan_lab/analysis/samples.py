"""Samples beside real ones."""

from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.plots.rows import Row, labelled_rows

ROWS, COLUMNS = 8, 8


def analyse(subject: Subject) -> Finding:
    """The first generated samples, not chosen, beside the first real ones."""
    check_images(subject)
    fake, real = (of.images[: ROWS * COLUMNS].split(COLUMNS) for of in (subject.fake, subject.real))
    rows = [Row("", each) for each in zip(fake, real, strict=False)]
    return Finding(labelled_rows("Samples", ("generated", "real"), rows), "The first ones, not chosen.")
