"""Files of a generator for other programs: ONNX, and the archive of `torch.export`."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.export.graph import Inputs, Source, captured, difference, draws_noise, first_line, quietly
from gan_lab.io.files import write_atomically
from gan_lab.networks.fastgan import Noise

LARGEST = 2**31  # bytes of one ONNX file


def export_torch(source: Source, path: Path) -> str:
    """Write an archive that `torch.export.load(path).module()` makes a module of; says how near it is to the network.

    A generator that draws noise draws it there, too, by torch's own seed.

    Raises:
        UserError: torch cannot export it, or gives back something else.
    """
    network, program = captured(source)
    found: list[str] = []

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            torch.export.save(program, file, extra_files={"gan_lab.json": described(source)})
        with temporary.open("rb") as file:
            again = torch.export.load(file).module()
        found.append(difference(source, network, lambda inputs: again(*inputs)))

    write_atomically(path, write)
    return found[0]


def export_onnx(source: Source, path: Path) -> str:
    """Write an ONNX model with the inputs z and y, and check it by onnxruntime; says how near it is to the network.

    A generator that draws noise draws it there, too (`RandomNormalLike`), and is compared with the noise at 0.

    Raises:
        UserError: the extra is missing; the model is too large, or computes something else.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"onnx: {error.name} is not installed; pip install 'gan_lab[export]'") from error
    if sum(value.numel() * value.element_size() for value in source.generator.state_dict().values()) >= LARGEST:
        raise UserError("onnx: the weights do not fit into one ONNX file of 2 GiB; take the format torch")
    network, program = captured(source)
    try:
        with quietly():
            made: Any = torch.onnx.export(
                program, dynamo=True, input_names=source.names, output_names=["x"], verbose=False
            )
    except Exception as error:  # whatever torch makes of an operation that ONNX lacks
        raise UserError(f"onnx: {type(source.generator).__name__} cannot be exported ({first_line(error)})") from error
    made.model.metadata_props["gan_lab"] = described(source)
    model = made.model_proto
    quiet = _without_noise(model, network).SerializeToString()

    def run(inputs: Inputs) -> Tensor:
        given = {name: value.numpy() for name, value in zip(source.names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    try:
        session = onnxruntime.InferenceSession(quiet)
        found = difference(source, network, run)
    except UserError:
        raise
    except Exception as error:  # of onnxruntime, whose errors have no class in common
        raise UserError(f"onnx: onnxruntime cannot run what was exported ({first_line(error)})") from error
    write_atomically(path, lambda temporary: onnx.save(model, str(temporary)))
    return found


def described(source: Source) -> str:
    """What a program has to know to ask the generator for samples, as JSON."""
    kept = ("latent", "num_classes", "classes", "shape", "degradation")
    return json.dumps({key: source.recipe[key] for key in kept if key in source.recipe})


def noise_in_words(source: Source) -> str:
    """What becomes of the noise that a generator takes beside z, in words; nothing where it takes none."""
    if draws_noise(source.generator):
        return "noise is drawn at each call"
    if any(name.endswith(".noise") for name, _ in source.generator.named_buffers()):
        return "the noise of each pixel is the constant one, as in evaluation"
    return ""


def _without_noise(model: Any, network: nn.Module) -> Any:
    """A copy of the model with the strength of its noise at 0; so is the network's, which is a copy already."""
    import onnx

    if not draws_noise(network):
        return model
    names = [f"{name}.weight" for name, module in network.named_modules() if isinstance(module, Noise)]
    for name in names:
        network.get_parameter(name).zero_()
    quiet = onnx.ModelProto()
    quiet.CopyFrom(model)
    for initial in quiet.graph.initializer:
        if initial.name in names:
            initial.raw_data = bytes(len(initial.raw_data))
    return quiet
