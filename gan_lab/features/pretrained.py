"""Features of pretrained networks of timm, open_clip and torchvision: DINOv2, ConvNeXt, CLIP, VGG-16."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.features.classifier import digest as digest_of
from gan_lab.features.extractors import ENLARGED, check_images, to_rgb_bytes
from gan_lab.features.protocol import Lessons
from gan_lab.features.resizers import Resizer
from gan_lab.features.weights import check_digest, downloaded, of_hub, read_tensors
from gan_lab.ranges import PositiveInt

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and standard deviation of its pixels, in 0..1
TEXTS = 256  # that are read at a time
OFFSET = 0.1  # which DINOv2 adds to the sides of its grid of positions before it divides by them


class Pretrained:
    """What they share. Weights are downloaded at first use, or read from a file, of safetensors or of torch.save.

    Nothing in the file is executed; its SHA-256, downloaded or not, must begin with `digest` where one is stated. The
    figures carry the digest of the weights themselves, so that the same ones are the same features in any file. Images
    are rounded to bytes, brought to the network's size by `resizer`, and normalised as those were that it was trained
    with.
    """

    learns: ClassVar[bool] = False
    model: str = ""  # by which its package knows it

    def __init__(self, name: str, resizer: Resizer, weights: str | None = None, digest: str | None = None) -> None:
        self.name, self.resizer, self.weights, self.digest = name, resizer, weights, digest
        self.identity, self.resize = name, resizer.name
        if weights is not None:
            check_digest(Path(weights), digest)

    def published(self) -> Path:
        """The file of its published weights, downloaded."""
        raise NotImplementedError

    def build(self, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
        """The network with these weights, and the side of its images."""
        raise NotImplementedError

    def normalisation(self, network: Any) -> tuple[Any, Any]:
        """Mean and standard deviation of each channel, in 0..1."""
        return IMAGENET

    def see(self, network: Any, x: Tensor) -> Tensor:
        """Features (N, F) of normalised images."""
        return network(x)

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        check_images(self.name, shape, (1, 3))
        try:
            path = self.published() if self.weights is None else Path(self.weights)
            with torch.random.fork_rng(devices=[]):
                network, self.side = self.build(read_tensors(path, self.digest))
        except ImportError as error:
            raise UserError(f"features={self.name}: not installed; pip install gan_lab[features]") from error
        except (RuntimeError, KeyError) as error:
            why = " ".join(str(error).split())[:200]
            raise UserError(f"features.weights={path}: not the weights of this network ({why})") from error
        self.network: Any = network.to(memory_format=torch.channels_last).eval().requires_grad_(False)
        self.resize = f"{self.resizer.name}, to {self.side} x {self.side}"
        words = [self.model, str(self.normalisation(self.network))]  # networks of other activations share weights
        self.identity = f"{self.name} {digest_of(self.network.state_dict().values(), *words)[:8]}"

    def __call__(self, x: Tensor) -> Tensor:
        network = self.network.to(x.device)
        mean, deviation = (255 * x.new_tensor(side).view(3, 1, 1) for side in self.normalisation(network))
        parts = (self.resizer(part, self.side) for part in to_rgb_bytes(x).split(ENLARGED))
        entering = (((part - mean) / deviation).contiguous(memory_format=torch.channels_last) for part in parts)
        return torch.cat([self.see(network, part).float() for part in entering])


class Timm(Pretrained):
    """The features before the last layer of a network of timm, `model`, at `size` x `size` pixels."""

    def __init__(
        self,
        name: str,
        model: str,
        size: PositiveInt,
        resizer: Resizer,
        weights: str | None = None,
        digest: str | None = None,
    ) -> None:
        super().__init__(name, resizer, weights, digest)
        self.model, self.size = model, size

    def published(self) -> Path:
        return of_hub(self._published("hf_hub_id"), "model.safetensors", self.name)

    def _published(self, where: str) -> str:
        """Where its weights are: the repository of the hub ("hf_hub_id"), or the file of the authors ("url")."""
        import timm

        self._check_known()
        found = getattr(timm.get_pretrained_cfg(self.model), where, None)
        if not found:
            raise UserError(f"features.model={self.model}: timm has no weights of it; give features.weights=FILE")
        return str(found)

    def build(self, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
        import timm

        self._check_known()
        overlay = {"state_dict": dict(state)}
        network: Any = timm.create_model(self.model, pretrained=True, pretrained_cfg_overlay=overlay)
        network.reset_classifier(0)
        return network, self.size

    def _check_known(self) -> None:
        """Raises UserError where timm knows no network of this name."""
        import timm

        if not timm.is_model(self.model):
            raise UserError(f"features.model={self.model}: timm knows no such network")

    def normalisation(self, network: Any) -> tuple[Any, Any]:
        return network.pretrained_cfg["mean"], network.pretrained_cfg["std"]


class DINOv2(Timm):
    """The class token of a DINOv2 (Oquab et al. 2023) of timm: the features of FD-DINOv2 (Stein et al. 2023).

    Its positions are learnt on a grid of 37 x 37 patches, and brought to the grid of `size` / 14 as DINOv2's own code
    brings them: by a bicubic filter whose scale is (side + 0.1) / 37 (`interpolate_pos_encoding`). timm's filter is
    another, and so its features are, too. Its weights are the file of its authors.
    """

    def published(self) -> Path:
        return downloaded(self._published("url"), self.name, self.digest)

    def build(self, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
        network: Any = super().build(state)[0]
        learnt = network.pos_embed.detach()
        network.set_input_size(img_size=self.size)
        network.pos_embed.data = positions(learnt, self.size // network.patch_embed.patch_size[0])
        return network, self.size


def positions(learnt: Tensor, side: int) -> Tensor:
    """Positions (1, 1 + M^2, F), the first of them the class token's, on a grid of `side` x `side`."""
    m = round((learnt.shape[1] - 1) ** 0.5)
    grid = learnt[:, 1:].unflatten(1, (m, m)).permute(0, 3, 1, 2)
    scale = (side + OFFSET) / m
    resized = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([learnt[:, :1], resized.flatten(2).mT], dim=1)


class OpenClip(Pretrained):
    """The image embedding, not normalised, of a CLIP (Radford et al. 2021) of open_clip, `model`.

    `pretrained` is open_clip's name of its published weights.
    """

    def __init__(
        self,
        name: str,
        model: str,
        pretrained: str,
        resizer: Resizer,
        weights: str | None = None,
        digest: str | None = None,
    ) -> None:
        super().__init__(name, resizer, weights, digest)
        self.model, self.pretrained = model, pretrained

    def published(self) -> Path:
        import open_clip

        found = open_clip.get_pretrained_cfg(self.model, self.pretrained)
        if not found.get("hf_hub"):
            raise UserError(f"features.pretrained={self.pretrained}: open_clip knows no such weights of {self.model}")
        return of_hub(found["hf_hub"].strip("/"), "open_clip_model.safetensors", self.name)

    def build(self, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
        import open_clip

        if self.model not in open_clip.list_models():
            raise UserError(f"features.model={self.model}: open_clip knows no such network")
        logging.disable(logging.WARNING)  # it would warn that it has loaded no weights
        try:
            network = open_clip.create_model(self.model, load_weights=False)
        finally:
            logging.disable(logging.NOTSET)
        network.load_state_dict(state)
        size = network.visual.image_size
        return network, size if isinstance(size, int) else size[0]

    def normalisation(self, network: Any) -> tuple[Any, Any]:
        return network.visual.image_mean, network.visual.image_std

    def see(self, network: Any, x: Tensor) -> Tensor:
        return network.encode_image(x)

    def read(self, texts: Sequence[str]) -> Tensor:
        """The text embeddings, not normalised; what is longer than `model` reads is cut.

        Raises:
            UserError: the model's words are not there and could not be downloaded.
        """
        device = next(self.network.parameters()).device
        parts = [self._words(texts[i : i + TEXTS]).to(device) for i in range(0, len(texts), TEXTS)]
        return torch.cat([self.network.encode_text(part).float() for part in parts])

    @cached_property
    def _words(self) -> Any:
        """What turns texts into words of the model's; downloaded where it is not that of the first CLIPs."""
        import open_clip

        try:
            return open_clip.get_tokenizer(self.model)
        except (ImportError, OSError, ValueError) as error:
            why = " ".join(str(error).split())[:200]
            raise UserError(f"features.model={self.model}: how it reads texts could not be had ({why})") from error


class VGG16(Pretrained):
    """The 4,096 features of VGG-16's second fully connected layer, after its ReLU, of torchvision.

    Those by which precision and recall were introduced (Kynkaanniemi et al. 2019), as torch-fidelity computes them.
    """

    def published(self) -> Path:
        return self.fetched(self.name)

    @staticmethod
    def fetched(features: str) -> Path:
        """The file that torchvision publishes, for these features."""
        return downloaded("https://download.pytorch.org/models/vgg16-397923af.pth", features, "397923af")

    def build(self, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
        from torchvision.models import vgg16

        with torch.device("meta"):  # to draw weights for it would take seconds
            network = vgg16()
        network.load_state_dict(state, assign=True)
        del network.classifier[5:]  # dropout and the classes
        return network, 224
