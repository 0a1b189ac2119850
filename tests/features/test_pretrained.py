"""Features of timm, open_clip and torchvision with random weights from a file, beside these packages with the same."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.configuration import features_page
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.transforms import Compose, InterpolationMode, Normalize, Resize, ToTensor
from torchvision.transforms.functional import normalize

from gan_lab.errors import UserError
from gan_lab.features.weights import read_tensors

SHAPE = (3, 40, 40)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def bytes_of(seed: int, n: int = 2) -> np.ndarray[Any, Any]:
    return np.random.RandomState(seed).randint(0, 256, (n, 40, 40, 3)).astype(np.uint8)


def samples(pixels: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def random_weights(network: nn.Module) -> dict[str, Tensor]:
    """From a seed that NumPy knows, so that other programs can be given the same."""
    draw = np.random.RandomState(0)
    return {
        name: torch.from_numpy(0.5 * draw.randn(*value.shape)).to(value)
        for name, value in sorted(network.state_dict().items())
    }


def features(name: str, **settings: Any) -> Any:
    found = instantiate(features_page(name), **settings)
    found.prepare(SHAPE, lambda: None)
    return found


def resized_by_pillow(pixels: np.ndarray[Any, Any], side: int, mean: Any, deviation: Any) -> Tensor:
    steps = Compose([Resize((side, side), InterpolationMode.BICUBIC), ToTensor(), Normalize(mean, deviation)])
    return torch.stack([steps(Image.fromarray(picture)) for picture in pixels])


@pytest.fixture(scope="module")
def timm() -> Any:
    return pytest.importorskip("timm", reason="timm is not installed (extra: features)")


@pytest.fixture(scope="module")
def open_clip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """With a small network added."""
    package = pytest.importorskip("open_clip", reason="open_clip is not installed (extra: features)")
    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    vision = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
    path = tmp_path_factory.mktemp("models") / "tiny-clip.json"
    path.write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}))
    package.add_model_config(path)
    return package


@pytest.fixture
def tiny_dinov2(timm: Any) -> str:
    from timm.models import register_model
    from timm.models.vision_transformer import VisionTransformer, _create_vision_transformer

    @register_model
    def tiny_dinov2(pretrained: bool = False, **more: Any) -> VisionTransformer:
        own = {"patch_size": 14, "embed_dim": 12, "depth": 2, "num_heads": 2, "init_values": 1e-5}
        return _create_vision_transformer("vit_small_patch14_dinov2", pretrained=pretrained, **(own | more))

    return "tiny_dinov2"


@pytest.mark.parametrize("members", [False, True])
def test_files_of_torch_before_and_since_version_1_6_are_read(tmp_path: Path, members: bool) -> None:
    """The published weights of Inception and of VGG-16 are of before."""
    path = tmp_path / "weights.pth"
    torch.save({"w": torch.arange(3)}, path, _use_new_zipfile_serialization=members)
    assert read_tensors(path)["w"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_timm(timm: Any, tmp_path: Path, ending: str) -> None:
    network = timm.create_model("test_convnext.r160_in1k").eval()
    path = tmp_path / f"weights.{ending}"
    save_file(network.state_dict(), path) if ending == "safetensors" else torch.save(network.state_dict(), path)
    found = features("convnext", model="test_convnext.r160_in1k", size=160, weights=str(path))
    pixels = bytes_of(0)
    entering = resized_by_pillow(pixels, 160, network.pretrained_cfg["mean"], network.pretrained_cfg["std"])
    with torch.no_grad():
        theirs = network.forward_head(network.forward_features(entering), pre_logits=True)
        torch.testing.assert_close(found(samples(pixels)), theirs, rtol=1e-5, atol=1e-6)
    assert found.identity.startswith("convnext ") and found.resize.endswith("to 160 x 160")
    again = features("convnext", model="test_convnext.r160_in1k", size=160, weights=str(path), resizer={
        "_target_": "gan_lab.features.resizers.CleanBicubic"
    })  # fmt: skip
    assert again.identity == found.identity and again.resize != found.resize


# Of facebookresearch/dinov2 b8931f7, DinoVisionTransformer with these weights, and the transform of dgm-eval 74c79f7.
THEIRS = [
    0.6401609, -0.1192927, -0.152718, -0.1282692, -0.0148142, 0.3625578, -0.0810936, 0.4823401, -0.2428712, 0.1278875,
    0.8162123, -0.4162399, 0.6989344, -0.1048873, -0.0983395, -0.1293258, -0.0028083, 0.3319102, -0.0810977, 0.5326083,
    -0.2311562, 0.1203161, 0.8634126, -0.4531548,
]  # fmt: skip


def test_dinov2_is_that_of_its_authors(timm: Any, tiny_dinov2: str, tmp_path: Path) -> None:
    """Whose file has a further tensor, of masks, and whose positions timm would resize by another filter."""
    state = random_weights(timm.create_model(tiny_dinov2))
    torch.save({**state, "mask_token": torch.zeros(1, 12)}, tmp_path / "dinov2.pth")
    settings = {"model": tiny_dinov2, "weights": str(tmp_path / "dinov2.pth"), "digest": None}
    found = features("dinov2", **settings)(samples(bytes_of(2)))
    torch.testing.assert_close(found.flatten(), torch.tensor(THEIRS), rtol=1e-5, atol=1e-6)


def test_clip(open_clip: Any, tmp_path: Path) -> None:
    network, _, transform = open_clip.create_model_and_transforms("tiny-clip")
    torch.save(network.state_dict(), tmp_path / "clip.pth")
    pixels = bytes_of(1)
    entering = torch.stack([transform(Image.fromarray(picture)) for picture in pixels])
    with torch.no_grad():
        theirs = network.eval().encode_image(entering)
        found = features("clip", model="tiny-clip", weights=str(tmp_path / "clip.pth"), digest=None)(samples(pixels))
    torch.testing.assert_close(found, theirs, rtol=1e-5, atol=1e-6)


def test_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch-fidelity, which reads the same file; both of a narrow one."""
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_vgg16", reason="extra: inception")
    import torchvision
    from torchvision.models.vgg import VGG, make_layers

    class Narrow(nn.Module):
        forward = VGG.forward

        def __init__(self) -> None:
            super().__init__()
            self.features = make_layers([4, "M", 4, "M", 8, "M", 8, "M", 8, "M"])
            self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
            layers = [nn.Linear(8 * 49, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 32), nn.ReLU(), nn.Dropout()]
            self.classifier = nn.Sequential(*layers, nn.Linear(32, 10))

    monkeypatch.setattr(torchvision.models, "vgg16", Narrow)
    torch.manual_seed(0)
    torch.save(Narrow().state_dict(), tmp_path / "vgg16.pth")
    network = theirs.FeatureExtractorVGG16("vgg16", ["fc2_relu"], str(tmp_path / "vgg16.pth"))
    pixels = bytes_of(1)
    (expected,) = network(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    found = features("vgg16", weights=str(tmp_path / "vgg16.pth"), digest=None)(samples(pixels))
    assert found.shape == (2, 32) and found.min() == 0 < found.max()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_lpips(tmp_path: Path) -> None:
    """Its package, with its published linear weights and a VGG-16 of random ones; grey images have three channels."""
    package = pytest.importorskip("lpips", reason="lpips is not installed (extra: features)")
    theirs = package.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    layers = {f"features.{name.partition('.')[2]}": value for name, value in theirs.net.state_dict().items()}
    torch.save(layers, tmp_path / "vgg16.pth")
    ours = features("lpips", weights=str(tmp_path / "vgg16.pth"), digest=None)
    x, y = samples(bytes_of(1)), samples(bytes_of(2))
    for one, other in ((x, y), (x[:, :1], y[:, :1])):
        with torch.no_grad():
            found, expected = (ours(one) - ours(other)).square().sum(1), theirs(one, other).flatten()
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    with pytest.raises(UserError, match="features=lpips: takes images of 16 pixels or more, not"):
        ours.prepare((3, 8, 8), lambda: None)


def test_imagenet_s_normalisation_is_torchvision_s() -> None:
    from gan_lab.features.pretrained import Pretrained

    x = torch.rand(2, 3, 4, 4)
    mean, deviation = (torch.tensor(side).view(3, 1, 1) for side in Pretrained.normalisation(None, None))  # type: ignore[arg-type]
    torch.testing.assert_close((x - mean) / deviation, normalize(x, *IMAGENET))


def test_weights_that_are_not_these_are_refused(timm: Any, open_clip: Any, tmp_path: Path) -> None:
    network = timm.create_model("test_convnext.r160_in1k")
    save_file(network.state_dict(), tmp_path / "good.safetensors")
    torch.save({"w": print}, tmp_path / "code.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    (tmp_path / "short.safetensors").write_bytes(b"nothing")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "list.pth").read_bytes()[:200] + b"PK")
    save_file({"w": torch.zeros(2)}, tmp_path / "others.safetensors")
    good = tmp_path / "good.safetensors"
    own = hashlib.sha256(good.read_bytes()).hexdigest()[:10]
    tiny = {"model": "test_convnext.r160_in1k", "size": 160}
    assert features("convnext", **tiny, weights=str(good), digest=own)
    for settings, says in (
        ({"weights": str(good), "digest": "abc"}, f"its SHA-256 begins with {own[:8]}, not with abc; take the"),
        ({"weights": "nowhere.pth"}, "features.weights=nowhere.pth: no such file"),
        ({"weights": str(tmp_path / "code.pth")}, "code.pth: is no file of weights alone, and could run code"),
        ({"weights": str(tmp_path / "list.pth")}, "list.pth: is no file of weights by their names"),
        ({"weights": str(tmp_path / "short.safetensors")}, "short.safetensors: is damaged, or no file of weights"),
        ({"weights": str(tmp_path / "cut.pth")}, "cut.pth: is damaged, or no file of weights"),
        ({"weights": str(tmp_path / "others.safetensors")}, "others.safetensors: not the weights of this network"),
        ({"model": "nonsense", "weights": str(good)}, "features.model=nonsense: timm knows no such network"),
    ):
        with pytest.raises((UserError, InstantiationException), match=says):
            features("convnext", **(tiny | settings))
    with pytest.raises(UserError, match="features.model=nonsense: open_clip knows no such network"):
        features("clip", model="nonsense", weights=str(good), digest=None)
    with pytest.raises(UserError, match="features.pretrained=mine: open_clip knows no such weights of ViT-B-32"):
        features("clip", model="ViT-B-32", pretrained="mine")


@pytest.mark.parametrize("name", ["inception", "inception_spatial", "vgg16", "dinov2", "convnext", "clip", "lpips"])
def test_without_a_network_they_say_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {"dinov2": "timm", "convnext": "timm", "clip": "open_clip", "lpips": "lpips"}
    pytest.importorskip(packages.get(name, "torch_fidelity"))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(UserError, match=rf"features={name}: .*could not be downloaded \(no route to host\)"):
        features(name)


def test_a_file_that_was_fetched_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gan_lab.features.weights import of_hub

    fetched: list[str] = []

    def fetch(url: str, path: str, hash_prefix: str | None) -> None:
        fetched.append(url)
        save_file({"w": torch.full((2,), math.pi)}, path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for _ in range(2):
        found = read_tensors(of_hub("someone/something", "model.safetensors", "clip"))
        assert found["w"][0] == pytest.approx(math.pi)
    assert fetched == ["https://huggingface.co/someone/something/resolve/main/model.safetensors"]
