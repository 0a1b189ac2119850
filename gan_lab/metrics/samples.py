"""Sets of samples as metrics see them: generated and computed when first asked for."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from gan_lab.errors import UserError
from gan_lab.features.cache import remembered
from gan_lab.features.classifier import digest
from gan_lab.features.protocol import Classifying, Features, Reading
from gan_lab.metrics.modes import Mixture
from gan_lab.metrics.pairwise import nearest
from gan_lab.sampling import Sampler, Trained
from gan_lab.types import Batch

NO_LABELS = "needs class labels, and these samples go with none; train with conditioning=concat"
NO_IMAGES = "needs images, and the data are none"
NO_TEXTS = (
    "needs a text for each picture; evaluate a folder or ZIP of them, gan-lab evaluate A metric=clip_score "
    "features=clip captions=FILE"
)
NO_MIXTURE = "needs data whose modes are known, such as data=ring"
NO_GENERATOR = (
    "asks the generator itself, with plain sampling; evaluate a run by itself, with sampling=plain, and without floor"
)
NO_TEST = (
    "needs real samples that no training saw, and the data have no test set; take data that have one (data=mnist), "
    "or train with data.subset=N, which keeps the rest of a set for it"
)


class Samples:
    """One of the two sets, `n` samples long: four views, each made at its first use and kept.

    Args:
        batches: the samples from the first one on, the same at each call, at least n; `y` is what they go with.
        features: prepared.
        title: of the progress bar; None shows none.
        trained: the generator that made them of noise; None: there is none, or it is not known.
        texts: what each of them is to show, n in the same order; None: nothing is said.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[Batch]],
        features: Features,
        n: int,
        device: torch.device | str = "cpu",
        title: str | None = None,
        trained: Trained | None = None,
        texts: Sequence[str] | None = None,
    ) -> None:
        self._batches, self._see, self.n, self._device, self._title = batches, features, n, device, title
        self._trained, self._texts = trained, texts

    def chunks(self, purpose: str) -> Iterator[Batch]:
        """All n samples, a batch at a time."""
        shown = tqdm(total=self.n, desc=f"{self._title}: {purpose}", unit="", disable=None if self._title else True)
        left = self.n
        with shown:
            for batch in self._batches():
                x, y = batch.x[:left], None if batch.y is None else batch.y[:left]
                yield Batch(x, y)
                shown.update(len(x))
                left -= len(x)
                if not left:
                    return

    @torch.no_grad()
    def _view(self, purpose: str, see: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.cat([see(batch.x.to(self._device)).cpu() for batch in self.chunks(purpose)])

    @property
    def trained(self) -> Trained:
        """Raises UserError where there is no generator."""
        if self._trained is None:
            raise UserError(NO_GENERATOR)
        return self._trained

    @property
    def texts(self) -> Sequence[str]:
        """What each sample is to show. Raises UserError where nothing is said."""
        if self._texts is None:
            raise UserError(NO_TEXTS)
        return self._texts

    @torch.no_grad()
    def read(self, texts: Sequence[str]) -> Tensor:
        """The points (N, F) of texts among the features. Raises UserError where these read none."""
        if not isinstance(self._see, Reading):
            raise UserError(reads_no_texts(self._see))
        return self._see.read(texts).cpu()

    @torch.no_grad()
    def look_at(self, x: Tensor) -> Tensor:
        """The features (N, F) of other samples than these."""
        return self._see(x.to(self._device)).cpu()

    @cached_property
    def images(self) -> Tensor:
        """The samples themselves, (n, *shape), float32."""
        return self._view("samples", lambda x: x)

    @cached_property
    def features(self) -> Tensor:
        """(n, F) float32."""
        return self._view(self._see.identity.split()[0], self._see)

    @cached_property
    def probabilities(self) -> Tensor:
        """Of the classes that the features tell apart, (n, K). Raises UserError where they tell none."""
        if not isinstance(self._see, Classifying):
            raise UserError(no_probabilities(self._see))
        with torch.no_grad():
            return self._see.probabilities(self.features.to(self._device)).cpu()

    @cached_property
    def labels(self) -> Tensor:
        """The class of each sample, (n,) int64; of a generated one, what was asked for.

        Raises UserError where there are none.
        """
        if not self.labelled:
            raise UserError(NO_LABELS)
        ys = [batch.y for batch in self.chunks("labels") if batch.y is not None]
        return torch.cat(ys)

    @cached_property
    def labelled(self) -> bool:
        """Whether each has a class."""
        first = next(self._batches()).y
        return first is not None and first.ndim == 1

    @property
    def seen(self) -> set[str]:
        """The views that were asked for."""
        return {"images", "features", "probabilities", "labels"} & vars(self).keys()


class RealSamples(Samples):
    """Those of the data: their features are computed once and kept in `cache_dir`, under what they follow from.

    Args:
        held_out: others of the same law, which no training saw; None: there are none.
        mixture: the law itself, where its modes are known.
        of: how many there are, of which these are the first n; None: not known, or without end.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[Batch]],
        features: Features,
        n: int,
        cache_dir: Path,
        device: torch.device | str = "cpu",
        title: str | None = None,
        held_out: "RealSamples | None" = None,
        mixture: Mixture | None = None,
        texts: Sequence[str] | None = None,
        of: int | None = None,
    ) -> None:
        super().__init__(batches, features, n, device, title, texts=texts)
        self.of = of
        self._cache_dir, self._held_out, self._mixture = cache_dir, held_out, mixture

    @property
    def held_out(self) -> "RealSamples":
        """Raises UserError where there are none."""
        if self._held_out is None:
            raise UserError(NO_TEST)
        return self._held_out

    @property
    def mixture(self) -> Mixture:
        """Raises UserError where it is not known."""
        if self._mixture is None:
            raise UserError(NO_MIXTURE)
        return self._mixture

    @cached_property
    def content(self) -> str:
        """SHA-256 of the samples and of what goes with them, however they are cut into batches."""
        samples, others = hashlib.sha256(), hashlib.sha256()
        for batch in self.chunks("reading"):
            samples.update(batch.x.contiguous().numpy().tobytes())
            others.update(b"" if batch.y is None else batch.y.contiguous().numpy().tobytes())
        shape = tuple(next(self._batches()).x.shape[1:])
        return digest([], f"{self.n} {shape}", samples.hexdigest(), others.hexdigest())

    @cached_property
    def features(self) -> Tensor:
        key = digest([], self.content, self._see.identity, self._see.resize)
        path = self._cache_dir / f"features-{key[:32]}.safetensors"
        return remembered(path, lambda: self._view(self._see.identity.split()[0], self._see))

    @cached_property
    def to_held_out(self) -> Tensor:
        """How far each held-out sample lies from the nearest of these, (L,) float64; kept in `cache_dir`, too.

        Of all training samples that takes longer than all else that the test of copying does.
        """
        key = digest([], self.content, self.held_out.content, self._see.identity, self._see.resize)
        path = self._cache_dir / f"nearest-{key[:32]}.safetensors"
        return remembered(path, lambda: nearest(self.held_out.features, self.features).distances[:, 0])


def no_probabilities(features: Features) -> str:
    return f"features={features.identity}: give no class probabilities; take features=classifier"


def reads_no_texts(features: Features) -> str:
    return f"features={features.identity}: read no texts; take features=clip"


def generated(
    sampler: Sampler,
    z: Tensor,
    batch_size: int,
    ys: Iterator[Batch] | None = None,
    seed: int = 0,
) -> Iterator[Batch]:
    """Samples for noise z (N, latent dim), `batch_size` at a time: none of them depends on that.

    `ys` are batches of that size whose `y` is asked for; None: nothing is. `seed` is for what the sampler draws.
    """
    for i, part in enumerate(z.split(batch_size)):
        y = None if ys is None else next(ys).y
        y = None if y is None else y[: len(part)]
        yield Batch(sampler(part, y, seed, i * batch_size).float().cpu(), y)


def mirrored(batches: Callable[[], Iterator[Batch]], n: int) -> Iterator[Batch]:
    """The first n images (C, H, W), and after all of these their mirror images, of the same classes."""
    yield from first(batches(), n)
    for batch in first(batches(), n):
        yield Batch(batch.x.flip(-1), batch.y)


def first(batches: Iterator[Batch], n: int) -> Iterator[Batch]:
    """The first n samples."""
    for batch in batches:
        yield cut(batch, 0, n)
        n -= len(batch.x)
        if n <= 0:
            return


def recut(batches: Iterator[Batch], size: int, skip: int = 0) -> Iterator[Batch]:
    """The same samples in batches of `size`, without the first `skip`."""
    rest: Batch | None = None
    for batch in batches:
        if skip >= len(batch.x):
            skip -= len(batch.x)
            continue
        new, skip = cut(batch, skip, None), 0
        if rest is not None:
            y = None if rest.y is None or new.y is None else torch.cat([rest.y, new.y])
            new = Batch(torch.cat([rest.x, new.x]), y)
        for start in range(0, len(new.x) - size + 1, size):
            yield cut(new, start, start + size)
        rest = cut(new, len(new.x) - len(new.x) % size, None)


def cut(batch: Batch, start: int, end: int | None) -> Batch:
    return Batch(batch.x[start:end], None if batch.y is None else batch.y[start:end])
