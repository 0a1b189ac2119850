"""Nearest neighbours of samples among real ones, in pixels and in features."""

from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.metrics.pairwise import nearest
from gan_lab.plots.rows import Row, labelled_rows

FIRST, SUSPECTS, NEAREST = 4, 4, 6  # samples as they come, those nearest to real ones, and real ones beside each


def analyse(subject: Subject) -> Finding:
    """Samples with the real images that lie nearest; a copy shows as a first neighbour that is the same.

    Half of the rows are the first samples, half those that lie nearest of all to a real one, in features.
    """
    check_images(subject)
    real, fake = subject.real, subject.fake
    k = min(NEAREST, real.n)
    by_features = nearest(fake.features, real.features, k=k)
    suspects = by_features.distances[:, 0].argsort(stable=True)
    first = [i for i in range(fake.n) if i not in set(suspects[:SUSPECTS].tolist())][:FIRST]
    shown = [*first, *suspects[:SUSPECTS].tolist()]
    by_pixels = nearest(fake.images[shown].flatten(1), real.images.flatten(1), k=k)
    rows = []
    for place, i in enumerate(shown):
        groups = (fake.images[i][None], real.images[by_pixels.indices[place]], real.images[by_features.indices[i]])
        rows.append(Row(f"sample {i + 1}" if place < len(first) else "nearest of all", groups))
    apart = by_features.distances[:, 0].median() / nearest(real.features, k=1).distances[:, 0].median()
    return Finding(
        labelled_rows(
            "Nearest neighbours", ("sample", "nearest in pixels", f"nearest in features ({subject.features})"), rows
        ),
        f"Of {real.n} real images. The median sample lies {apart:.2f} times as far from its nearest real image as a "
        "real image from its nearest other one (in features): far below 1 samples are copies, far above it they are "
        "unlike all real ones.",
    )
