"""Weights of other frameworks: their files, imitated, become generators here that compute the same; hostile ones none.

`ours` gives a network's own weights the names that the authors' networks have, written out by hand.
"""

import io
import pickle
import pickletools
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import gan_lab
from gan_lab.cli.import_weights import main
from gan_lab.networks.conditioning import BatchNormGenerator, ConcatGenerator
from gan_lab.networks.r3gan import R3GANGenerator
from gan_lab.networks.resnet import ResNetGenerator
from gan_lab.networks.stylegan2 import StyleGAN2Generator
from gan_lab.networks.stylegan3 import StyleGAN3Generator
from gan_lab.networks.wrappers import spectral_norm

SOURCE = "import pathlib; pathlib.Path('canary').touch()"  # what StyleGAN's files carry as the source of their modules


# --- files like those of the authors' own save code -----------------------------------------------------------------


class Persistent:
    """Pickled as StyleGAN's modules are: a call of their persistence, with source text and a state."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": "Generator", "state": self.state}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


@pytest.fixture(autouse=True)
def their_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Modules by the names that their pickles refer to, which only pickling here needs."""

    def module(name: str, **content: Any) -> None:
        found = types.ModuleType(name)
        for key, value in content.items():
            value.__module__, value.__qualname__, value.__name__ = name, key, key
            setattr(found, key, value)
        monkeypatch.setitem(sys.modules, name, found)

    def _reconstruct_persistent_obj(meta: Any) -> None:
        raise AssertionError("executed")

    for package in ("torch_utils", "training", "R3GAN"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    module("torch_utils.persistence", _reconstruct_persistent_obj=_reconstruct_persistent_obj)
    module("training.networks", Generator=type("Generator", (), {}))
    module("R3GAN.Networks", Convolution=type("Convolution", (), {}))
    monkeypatch.chdir(tmp_path)


def tree(state: dict[str, Tensor], settings: dict[str, Any], make: Callable[[dict[str, Any]], Any]) -> Any:
    """A module with these weights and attributes, by dotted names; `make` makes each of a module's attributes."""
    children: dict[str, tuple[dict[str, Tensor], dict[str, Any]]] = {}
    own: dict[str, Any] = {"training": False, "_parameters": {}, "_buffers": OrderedDict(), "_modules": OrderedDict()}
    for kind, found in enumerate((state, settings)):
        for name, value in found.items():
            head, _, rest = name.partition(".")
            if rest:
                children.setdefault(head, ({}, {}))[kind][rest] = value
            elif kind:
                own[head] = value
            else:
                own["_buffers" if "filter" in head else "_parameters"][head] = value
    own["_modules"] |= {name: tree(*child, make) for name, child in children.items()}
    return make(own)


def plain_module(name: str) -> Callable[[dict[str, Any]], Any]:
    def make(attributes: dict[str, Any]) -> Any:
        made = getattr(sys.modules[name], {"training.networks": "Generator"}.get(name, "Convolution"))()
        made.__dict__ |= attributes
        return made

    return make


# --- networks of this lab, and their weights under the authors' names ------------------------------------------------


def filled(network: nn.Module) -> nn.Module:
    """With numbers in all that a new network has at 0, in evaluation mode."""
    torch.manual_seed(0)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(0.1 * torch.rand(tensor.shape))
    return network.eval()


FILTER = torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8] * 2)


def style_names(mapping: int, embedded: bool) -> dict[str, str]:
    names = {f"mapping.fc{i}.{k}": f"mapping.layers.{i}.{k}" for i in range(mapping) for k in ("weight", "bias")}
    names |= {f"mapping.embed.{k}": f"mapping.embedding.{k}" for k in ("weight", "bias")} if embedded else {}
    return names | {"mapping.w_avg": "mean"}


def stylegan2(classes: int | None) -> tuple[nn.Module, Any]:
    network = filled(StyleGAN2Generator(5, (3, 8, 8), classes, width=3, max_width=4, dim=6, mapping=2))
    names = style_names(2, classes is not None) | {"synthesis.b4.const": "constant"}
    for theirs, ours in (("b4.conv1", "convs.0"), ("b8.conv0", "convs.1"), ("b8.conv1", "convs.2")):
        for k in ("affine.weight", "affine.bias", "weight"):
            names[f"synthesis.{theirs}.{k}"] = f"{ours}.conv.{k}"
        for a, b in (("bias", "bias"), ("noise_const", "noise"), ("noise_strength", "strength")):
            names[f"synthesis.{theirs}.{a}"] = f"{ours}.{b}"
    for i, block in enumerate(("b4", "b8")):
        for k in ("affine.weight", "affine.bias", "weight"):
            names[f"synthesis.{block}.torgb.{k}"] = f"pictures.{i}.{k}"
        names[f"synthesis.{block}.torgb.bias"] = f"biases.{i}"
    state = {theirs: network.state_dict()[ours] for theirs, ours in names.items()}
    settings = {"z_dim": 5, "c_dim": classes or 0, "synthesis.b8.architecture": "skip", "mapping.fc0.bias_gain": 0.01}
    return network, (state | {"synthesis.b8.resample_filter": FILTER}, settings)


def stylegan3(rotation: bool) -> tuple[nn.Module, Any]:
    setting = {"width": 3, "max_width": 4, "dim": 6, "mapping": 2, "layers": 4, "rotation": rotation}
    network = filled(StyleGAN3Generator(5, (3, 16, 16), 2, **setting))
    names = style_names(2, True) | {"synthesis.input.freqs": "features.frequencies"}
    names |= {f"synthesis.input.{k}": f"features.{k}" for k in ("phases", "weight", "affine.weight", "affine.bias")}
    state = {"synthesis.input.transform": torch.eye(3)}
    for i, layer in enumerate(network.layers):
        theirs = f"synthesis.L{i}_16_4"
        names |= {f"{theirs}.{k}": f"layers.{i}.{k}" for k in ("weight", "bias", "affine.weight", "affine.bias")}
        names[f"{theirs}.magnitude_ema"] = f"layers.{i}.magnitude"
        if layer.nonlinear is not None:
            state |= {f"{theirs}.up_filter": layer.nonlinear.rise, f"{theirs}.down_filter": layer.nonlinear.fall}
    state |= {theirs: network.state_dict()[ours] for theirs, ours in names.items()}
    settings = {
        "z_dim": 5,
        "c_dim": 2,
        "img_resolution": 16,
        "synthesis.margin_size": 10,
        "synthesis.output_scale": 0.25,
    }
    return network, (state, settings)


def r3gan(classes: int | None) -> tuple[nn.Module, Any]:
    setting = {"width": 4, "max_width": 8, "blocks": 2, "group_width": 2}
    made: nn.Module = R3GANGenerator(5 + 2 * bool(classes), (3, 16, 16), **setting)
    names = {"Layers.0.Basis": "basis", "Layers.0.LinearLayer.weight": "modulation.weight"}
    names = {f"Model.MainLayers.0.{theirs}": ours for theirs, ours in names.items()}
    for stage, first in enumerate((0, 3, 7)):  # maps of 4, 8 and 16 pixels, with 8, 8 and 4 channels
        for block in (1, 2):
            theirs, ours = f"Model.MainLayers.{stage}.Layers.{block}", f"net.{first + block - 1}.branch"
            names |= {f"{theirs}.LinearLayer{i + 1}.Layer.weight": f"{ours}.{2 * i}.weight" for i in range(3)}
            names |= {f"{theirs}.NonLinearity{i + 1}.Bias": f"{ours}.{2 * i}.bias" for i in range(2)}
    names |= {"Model.MainLayers.2.Layers.0.LinearLayer.Layer.weight": "net.5.weight"}
    names |= {"Model.AggregationLayer.Layer.weight": "net.9.weight"}
    own = filled(made).state_dict()
    state = {theirs: own[ours] for theirs, ours in names.items()} | {
        "Model.MainLayers.1.Layers.0.Resampler.Kernel": FILTER
    }
    if classes is None:
        return made, (state, {})
    embedding = torch.rand(2, classes)
    network = ConcatGenerator(lambda latent_dim: R3GANGenerator(latent_dim, (3, 16, 16), **setting), 5, classes)
    weight = torch.cat([own["modulation.weight"][:, :5], own["modulation.weight"][:, 5:] @ embedding], 1)
    network.network.load_state_dict(own | {"modulation.weight": weight})
    return network.eval(), (state | {"Model.EmbeddingLayer.weight": embedding}, {})


def mimicry(sagan: bool) -> tuple[nn.Module, Any]:
    base = lambda: ResNetGenerator(5, (3, 32, 32), 4, 4, attention=16 if sagan else 0, bilinear=True)
    network = filled(spectral_norm(BatchNormGenerator(base, 3)) if sagan else base())
    places = (0, 1, 3) if sagan else (0, 1, 2)
    layers = {"l1": "affine", "c5": "last"} | {
        f"block{i + 2}.{theirs}": f"blocks.{place}.{ours}"
        for i, place in enumerate(places)
        for theirs, ours in (("c1", "conv1"), ("c2", "conv2"), ("c_sc", "skip"))
    }
    if sagan:
        layers |= {
            f"attn_block.{a}": f"blocks.2.{b}" for a, b in (("theta", "g"), ("phi", "f"), ("g", "h"), ("o", "v"))
        }
    names = {}
    for theirs, ours in layers.items():
        kinds = {"weight": "weight", "bias": "bias"}
        if sagan:
            kinds = {"weight_orig": "parametrizations.weight.original", "bias": "bias"}
            kinds |= {f"weight_{k}": f"parametrizations.weight.0._{k}" for k in "uv"}
        names |= {f"{theirs}.{a}": f"{ours}.{b}" for a, b in kinds.items() if not (a == "bias" and "attn" in theirs)}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    names |= {f"b5.{k}": f"norm.{k}" for k in ("weight", "bias", *statistics)}
    own = {name.removeprefix("network.") if sagan else name: value for name, value in network.state_dict().items()}
    state = {}
    for i, place in enumerate(places):
        for n in (1, 2):
            theirs, ours = f"block{i + 2}.b{n}", f"blocks.{place}.norm{n}"
            names |= {f"{theirs}.{'bn.' * sagan}{k}": f"{ours}.{'norm.' * sagan}{k}" for k in statistics}
            if sagan:
                state[f"{theirs}.embed.weight"] = torch.cat([own[f"{ours}.scale"], own[f"{ours}.shift"]], 1)
            else:
                names |= {f"{theirs}.{k}": f"{ours}.{k}" for k in ("weight", "bias")}
    state |= {theirs: own[ours] for theirs, ours in names.items()}
    return network, OrderedDict(state | ({"attn_block.gamma": own["blocks.2.gamma"]} if sagan else {}))


def pickled(ours: tuple[nn.Module, Any], path: Path, make: Callable[[dict[str, Any]], Any] = Persistent) -> nn.Module:
    network, (state, settings) = ours
    other = {name: torch.zeros_like(value) if "Basis" in name else value for name, value in state.items()}
    content = {"G": tree(other, settings, make), "G_ema": tree(state, settings, make), "cur_nimg": 5}
    path.write_bytes(pickle.dumps(content))
    return network


def saved(ours: tuple[nn.Module, Any], path: Path, new: bool = True) -> nn.Module:
    network, state = ours
    content = {"model_state_dict": state, "optimizer_state_dict": {"state": {}, "param_groups": []}, "global_step": 7}
    torch.save(content, path, _use_new_zipfile_serialization=new)
    return network


FILES: dict[str, Callable[[Path], nn.Module]] = {
    "stylegan2.pkl": lambda path: pickled(stylegan2(None), path),
    "stylegan2_classes.pkl": lambda path: pickled(stylegan2(3), path),
    "stylegan3_t.pkl": lambda path: pickled(stylegan3(False), path),
    "stylegan3_r.pkl": lambda path: pickled(stylegan3(True), path),
    "r3gan.pkl": lambda path: pickled(r3gan(None), path, plain_module("training.networks")),
    "r3gan_classes.pkl": lambda path: pickled(r3gan(3), path, plain_module("R3GAN.Networks")),
    "sngan.pth": lambda path: saved(mimicry(False), path),
    "sagan.pth": lambda path: saved(mimicry(True), path),
    "sagan_old.pth": lambda path: saved(mimicry(True), path, new=False),
}


@pytest.mark.parametrize("name", FILES)
def test_a_generator_of_others_computes_here_what_it_did_there(name: str, tmp_path: Path) -> None:
    network = FILES[name](tmp_path / name)
    assert main([name, "out=imported"]) == 0
    run = gan_lab.load("imported")
    z = torch.randn(4, 5)
    y = [torch.tensor([0, 1, 1, 0])] if run.recipe.get("num_classes") else []
    with torch.no_grad():
        assert torch.equal(run.generator(z, *y), network(z, *y))
    assert run.samples(3).isfinite().all()
    assert not (tmp_path / "canary").exists()


def test_what_is_built_otherwise_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(ours: Any, **changes: Any) -> str:
        state, settings = ours[1]
        state = {k: changes.pop(k, v) for k, v in state.items()}
        (tmp_path / "file.pkl").write_bytes(pickle.dumps({"G": tree(state, settings | changes, Persistent)}))
        assert main(["file.pkl"]) == 2
        return capsys.readouterr().err

    assert "architecture='resnet': this lab's network has 'skip'" in refused(
        stylegan2(None), **{"synthesis.b8.architecture": "resnet"}
    )
    assert "this lab's network has [1, 3, 3, 1]" in refused(
        stylegan2(None), **{"synthesis.b8.resample_filter": torch.eye(4)}
    )
    assert "the images are turned or moved" in refused(
        stylegan3(False), **{"synthesis.input.transform": 2 * torch.eye(3)}
    )
    assert "its cutoffs are not those" in refused(
        stylegan3(False), **{"synthesis.L1_16_4.up_filter": torch.ones(12) / 12}
    )
    assert "error: file.pkl: generator.shape=[3, 16384, 16384]: is too large" in refused(
        stylegan3(False), img_resolution=2**14
    )
    assert "holds NaN or infinite weights (mapping.w_avg)" in refused(
        stylegan2(None), **{"mapping.w_avg": torch.full((6,), torch.nan)}
    )


# --- hostile files --------------------------------------------------------------------------------------------------


class Call:
    """Pickled as a call of a function by its name, which need not be there."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def touch() -> Any:
    import os

    return Call(os.system, "touch canary")


def nested(content: Any) -> bytes:
    """A storage as StyleGAN's pickles hold it, a whole file of torch, with something else in it."""
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, content, [])
    return b"".join(pickle.dumps(part, 2) for part in parts)


def inner() -> Any:
    from torch.storage import _load_from_bytes

    state, settings = stylegan2(None)[1]
    module = tree(state, settings, Persistent)
    storage = Call(_load_from_bytes, nested(touch()))
    module.state["_parameters"]["x"] = Call(torch._utils._rebuild_tensor_v2, storage, 0, (1,), (1,), False, {})
    return module


def zipped(content: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(content, 2))
    return file.getvalue()


def overlapping() -> bytes:
    """A ZIP that claims a member of 16 GiB."""
    file = bytearray(zipped({}))
    at = file.index(b"PK\x01\x02")
    file[at + 24 : at + 28] = b"\xff\xff\xff\xfe"
    return bytes(file)


def again_and_again() -> bytes:
    """A thousand tensors of one storage of 4 kB."""
    file = io.BytesIO()
    whole = torch.zeros(1000)
    torch.save({"model_state_dict": {str(i): whole for i in range(1000)}}, file)
    return file.getvalue()


NETWORK = b"\x80\x04}\x8c\x01G"  # what a pickle of {"G": ...} begins with

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a call": (lambda: pickle.dumps({"G": touch()}), "asks for posix.system"),
    "eval": (lambda: pickle.dumps({"x": Call(eval, "1")}), "asks for builtins.eval"),
    "exec, in protocol 0": (lambda: pickle.dumps({"x": Call(exec, "1")}, 0), "asks for __builtin__.eval"[:20]),
    "an attribute": (lambda: b"cbuiltins\ngetattr\n.", "asks for builtins.getattr"),
    "a name beside those allowed": (lambda: b"ctorch.nn.modules.container\n_os.system\n.", "_os.system"),
    "a module that only looks so": (lambda: b"cR3GAN.Networks.os\nSystem\n.", "asks for R3GAN.Networks.os.System"),
    "an instance": (lambda: b"(S'touch canary'\nios\nsystem\n.", "opcode INST"),
    "an extension": (lambda: b"\x80\x02\x82\x01.", "opcode EXT1"),
    "a state for a name": (lambda: b"\x80\x02ctorch\nSize\n}b.", "gives a state to what has none"),
    "in a storage": (lambda: pickle.dumps({"G": inner()}), "posix.system"),
    "in a file of torch": (lambda: zipped({"model_state_dict": touch()}), "asks for posix.system"),
    "in an old file of torch": (lambda: nested(touch()), "asks for posix.system"),
    "a large memo": (lambda: b"\x80\x02Nr\xff\xff\xff\xff.", "holds no networks"),
    "a long text": (lambda: b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fab", "cannot be read as weights"),
    "a tensor again and again": (again_and_again, "its tensors are more than 4 times as large as the file"),
    "a name that is no text": (lambda: b"\x80\x04))\x93.", "it names what is no text"),
    "a key of tuples": (lambda: b"\x80\x04}N\x85\x85Ns.", "a key that is neither text nor a number"),
    "a damaged ZIP": (
        lambda: zipped({"model_state_dict": {}}).replace(b"x/data.pkl", b"y/data.pkl", 1),
        "cannot be read",
    ),
    "a large member": (overlapping, "its members overlap"),
    "half a pickle": (lambda: pickle.dumps({"G": [1] * 99})[:20], "cannot be read as weights"),
    "no pickle": (lambda: b"\x89PNG\r\n", "cannot be read as weights"),
    "nothing": (lambda: b"", "cannot be read as weights"),
    "no network": (lambda: pickle.dumps({"G": 3}), "a network is no module"),
    "a module within itself": (lambda: NETWORK + b"]q\x00h\x00as.", "a network is no module"),
    "no names": (lambda: pickle.dumps([1]), "holds no networks by their names"),
    "other names": (lambda: pickle.dumps({"\x1b[2J": 1}), "it holds \\x1b[2J"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_file_is_refused_in_a_line_and_nothing_executes(
    attack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = HOSTILE[attack]
    (tmp_path / "file.pkl").write_bytes(make())
    assert main(["file.pkl"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: file.pkl: ") and line.count("\n") == 1 and said in line
    assert "\x1b" not in line
    assert not (tmp_path / "canary").exists() and not (tmp_path / "imported").exists()


def test_modules_without_end_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = Persistent({"_parameters": {}, "_modules": {}})
    for _ in range(30):
        module = Persistent({"_parameters": {}, "_modules": {"a": module, "b": module}})
    (tmp_path / "file.pkl").write_bytes(pickle.dumps({"G": module}))
    assert main(["file.pkl"]) == 2
    assert "its modules are too many" in capsys.readouterr().err


def test_the_machine_reads_what_pickle_writes() -> None:
    """Plain data of every kind, in every protocol, against the standard library."""
    from gan_lab.io.pickles import read_pickle

    shared = [1]
    value = {
        "numbers": [0, -1, 255, 65536, 2**31, -(2**70), 1.5, True, False, None],
        "text": "ü" * 300, "bytes": b"x" * 300, "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "again": [shared, shared], "set": {1, 2}, 3: {},
    }  # fmt: skip
    for protocol in range(6):
        plain = {key: v for key, v in value.items() if protocol > 3 or key not in ("set", "bytes")}
        text = pickle.dumps(plain, protocol)
        assert read_pickle(io.BytesIO(text), lambda name: False) == plain
        assert read_pickle(io.BytesIO(pickletools.optimize(text)), lambda name: False) == plain
