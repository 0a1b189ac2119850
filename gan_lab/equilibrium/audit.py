"""Audit of a generator: an independent discriminator, trained from scratch on its samples against real ones.

At an equilibrium D(x) = 1/2 everywhere, and no other D does better. That the game's own D is undecided says nothing
of that: it may be too weak to see a difference. The auditor takes no part in the game. It is a classifier two-sample
test (Lopez-Paz & Oquab 2017) whose logit stacks three classifiers (Wolpert 1992): a support vector machine with a
Gaussian kernel, randomised trees and nearest neighbours, put together and calibrated by a logistic regression.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

LEAST = 20
TREES = 50
COMPONENTS = 64  # principal ones, which the support vector machine sees of wider points: its cost grows with them
NEIGHBOURS = 15
Z95 = 1.959964  # of the standard normal's central 95 %


class Figure(NamedTuple):
    """An estimate, and the ends of its 95 % interval over samples of the two distributions."""

    value: float
    low: float
    high: float


class Audit(NamedTuple):
    """What a discriminator's logits say, of samples that it was not trained on.

    Attributes:
        accuracy: share of samples that it tells rightly, at the logit 0; 1/2 where there is nothing to tell.
        auc: share of pairs of a real and a generated sample that it orders rightly; 1/2 where there is nothing to tell.
        jsd_bound: JSD(p_data || p_g) >= log 2 + 1/2 E log D(x) + 1/2 E log(1 - D(G(z))), in nats, for any D (Goodfellow
            et al. 2014, theorem 1); 0 where that is negative.
        p_value: of so large an AUC, if the two distributions were equal (Mann & Whitney 1947, normal approximation).
        real: the logits of real samples, (n,).
        fake: those of generated ones, (n,).
    """

    accuracy: Figure
    auc: Figure
    jsd_bound: Figure
    p_value: float
    real: Tensor
    fake: Tensor


def audit(real: Tensor, fake: Tensor, seed: int) -> Audit:
    """The auditor's figures on n real and n generated points, (n, d) each, cross-fitted.

    The points are cut in two halves, and each is judged by an auditor that was trained on the other. So every point
    counts, and none is judged by an auditor that has seen it. A figure is the mean over the halves. If both
    distributions are equal, either half's AUC is exactly that of n / 2 exchangeable points; but the halves are not
    independent, since each trains the other's auditor. So the intervals and the p-value are those of halves that err
    alike: the intervals cover at least 95 %, and the p-value is at most nominal.

    The same `seed` gives the same figures to the bit.

    Raises:
        ValueError: unequal numbers of points, or fewer than `LEAST` of each.
    """
    from scipy.stats import norm

    if real.shape != fake.shape or len(real) < LEAST:
        raise ValueError(f"an audit needs as many real points as fakes, {LEAST} at least")
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
    half = len(order) // 2
    parts = order[:half], order[half:]
    found: list[Audit] = []
    for own, other in (parts, parts[::-1]):
        auditor = _auditor(2 * len(own), real.shape[1], seed % 2**32)
        auditor.fit(_both(real[own], fake[own]), np.repeat([1, 0], len(own)))
        logits = torch.from_numpy(auditor.decision_function(_both(real[other], fake[other])))
        found.append(figures(*logits.split(len(other))))
    one, two = found
    accuracy, auc, bound = (
        Figure(*((a + b) / 2 for a, b in zip(*pair, strict=True)))
        for pair in ((one.accuracy, two.accuracy), (one.auc, two.auc), (one.jsd_bound, two.jsd_bound))
    )
    z = sum((each.auc.value - 1 / 2) / null_spread(len(each.real), len(each.fake)) for each in found) / 2
    logits_of = torch.cat([one.real, two.real]), torch.cat([one.fake, two.fake])
    return Audit(accuracy, auc, bound, float(norm.sf(z)), *logits_of)


def figures(real: Tensor, fake: Tensor) -> Audit:
    """The figures of one D's logits: real (n,) and fake (m,)."""
    from scipy.stats import binomtest, norm

    right = int((real > 0).sum() + (fake <= 0).sum())
    test = binomtest(right, len(real) + len(fake))
    interval = test.proportion_ci(method="wilson")
    accuracy = Figure(test.statistic, interval.low, interval.high)

    # DeLong et al. 1988: each sample's share of the other kind that it is ordered rightly with.
    wins, losses = _placements(real, fake), _placements(-fake, -real)
    auc = wins.mean().item()
    error = math.sqrt((wins.var() / len(wins) + losses.var() / len(losses)).item())

    terms = torch.nn.functional.logsigmoid(real.double()), torch.nn.functional.logsigmoid(-fake.double())
    bound = math.log(2) + sum(term.mean().item() for term in terms) / 2
    spread = math.sqrt(sum((term.var() / len(term)).item() for term in terms)) / 2

    p_value = float(norm.sf((auc - 1 / 2) / null_spread(len(real), len(fake))))
    return Audit(accuracy, _figure(auc, error, 0.0, 1.0), _figure(bound, spread, 0.0, math.log(2)), p_value, real, fake)


def null_spread(n: int, m: int) -> float:
    """Standard deviation of the AUC of n real and m fake logits under permutation: sqrt((n + m + 1) / (12 n m))."""
    return math.sqrt((n + m + 1) / (12 * n * m))


def detectable_auc(n: int, level: float = 0.05, power: float = 0.8) -> float:
    """The AUC from which on an audit of n points of each kind is likely to see that there is a difference.

        1/2 + (q(1 - level) + q(power)) s(n/2, n/2),    q the quantiles of N(0, 1), s the `null_spread`

    An auditor of this AUC gives a p-value below `level` with probability `power` at least: as `audit` does, that takes
    its halves to err alike. Of a difference that no auditor of these points orders so well, nothing is said.
    """
    from scipy.stats import norm

    return float(0.5 + (norm.ppf(1 - level) + norm.ppf(power)) * null_spread(n // 2, n // 2))


class Curve(NamedTuple):
    """Shares of real and of generated samples that D accepts, threshold by threshold, from none to all."""

    real: list[float]
    fake: list[float]


def roc(real: Tensor, fake: Tensor, points: int = 200) -> Curve:
    """Receiver operating characteristic of D's logits; the area under it is the AUC."""
    thresholds = torch.cat([real, fake]).double().quantile(torch.linspace(1, 0, points, dtype=torch.float64))

    def shares(logits: Tensor) -> list[float]:
        return [0.0, *(logits.double()[:, None] >= thresholds).double().mean(dim=0).tolist(), 1.0]

    return Curve(shares(real), shares(fake))


def _figure(value: float, error: float, lowest: float, highest: float) -> Figure:
    kept = [min(max(v, lowest), highest) for v in (value, value - Z95 * error, value + Z95 * error)]
    return Figure(*kept)


def _placements(real: Tensor, fake: Tensor) -> Tensor:
    """For each real logit the share of fake ones below it, equal ones counted by half: (n,)."""
    fakes = fake.double().sort().values
    below, upto = (torch.searchsorted(fakes, real.double().contiguous(), right=right) for right in (False, True))
    return (below + upto).double() / (2 * len(fakes))


def _both(real: Tensor, fake: Tensor) -> Any:
    return torch.cat([real, fake]).double().numpy()


def _auditor(rows: int, columns: int, state: int) -> Any:
    """The untrained classifier, for points (rows, columns) to be trained on."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import ExtraTreesClassifier, StackingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC

    reduced = PCA(min(COMPONENTS, rows // 4), random_state=state)
    machine = SVC(random_state=state)  # else it draws from numpy's global state
    members = [
        ("trees", ExtraTreesClassifier(TREES, min_samples_leaf=5, random_state=state)),
        ("neighbours", KNeighborsClassifier(min(NEIGHBOURS, rows // 4))),
        ("machine", machine if columns <= COMPONENTS else make_pipeline(reduced, machine)),
    ]
    stack = make_pipeline(FunctionTransformer(_as_log_odds), StandardScaler(), LogisticRegression())
    return StackingClassifier(members, stack, cv=3)


def _as_log_odds(scores: np.ndarray) -> np.ndarray:
    """Probabilities of the first two members (n, 3) as logits; the third gives one already."""
    p = scores[:, :2].clip(0.005, 0.995)
    return np.column_stack([np.log(p / (1 - p)), scores[:, 2]])
