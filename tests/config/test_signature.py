"""What a part takes is read from its source, which is not imported."""

import pytest

from gan_lab.config.signature import ABSENT, signature
from gan_lab.config.source import NoSuchTarget

pytestmark = pytest.mark.usefixtures("lab")


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("fake_lab.parts.Child", ["steps", "seed", "once"]),
        ("fake_lab.Kid", ["steps", "seed", "once"]),
        ("fake_lab.parts.Heir", ["steps", "seed", "once"]),
        ("fake_lab.parts.Pair", ["x", "y"]),
        ("fake_lab.parts.Plain", []),
        ("fake_lab.parts.call", ["x", "y", "z"]),
        ("fake_lab.parts.call_again", ["x", "y", "z"]),
        ("torch.nn.LeakyReLU", ["negative_slope", "inplace"]),
        ("torch.nn.init.uniform_", ["tensor", "a", "b", "generator"]),
        ("gan_lab.updates.Alternating", ["d_steps", "g_steps"]),
    ],
)
def test_parameters_are_read(target: str, names: list[str]) -> None:
    takes = signature(target)
    assert takes is not None and not takes.open
    assert list(takes.parameters) == names


@pytest.mark.parametrize("target", ["torch.optim.Adam", "torch.optim.SGD", "pytorch_lightning.Trainer"])
def test_parameters_agree_with_the_running_class(target: str) -> None:
    import inspect

    from hydra.utils import get_class

    takes = signature(target)
    assert takes is not None
    assert list(takes.parameters) == list(inspect.signature(get_class(target)).parameters)


def test_an_open_signature_keeps_what_it_names() -> None:
    takes = signature("fake_lab.parts.Open")
    assert takes is not None and takes.open
    assert list(takes.parameters) == ["n"]  # `rate` is positional only


def test_defaults_and_annotations_are_read() -> None:
    takes = signature("fake_lab.parts.Child")
    assert takes is not None
    assert takes.parameters["seed"].default == 7 and takes.parameters["seed"].annotation == "int"
    assert takes.parameters["once"].annotation == "float"
    plain = signature("fake_lab.parts.Net")
    assert plain is not None and plain.parameters["path"].default is ABSENT


@pytest.mark.parametrize(
    "target",
    [
        "fake_lab.parts.Stranger",
        "fake_lab.parts.Decorated",
        "fake_lab.parts.made",
        "fake_lab.parts.torn",
        "fake_lab.parts.Net.build",
        "fake_lab.gone",
        "fake_lab.lazy.Anything",
        "fake_lab.fast.Thing",
        "fake_lab.circle.Ring",
        "fake_lab.circle.Heir",
        "fake_lab.circle.Nothing",
        "builtins.open",
        "math.sqrt",
        "torch.sigmoid",
    ],
)
def test_what_the_source_does_not_tell_is_not_judged(target: str) -> None:
    assert signature(target) is None


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("fake_lab.parts.Chidl", "fake_lab.parts has no Chidl; did you mean Child?"),
        ("fake_lab.prats.Child", "fake_lab has no prats; did you mean parts?"),
        ("fake_lab.parts", "fake_lab.parts is a module, not a class or function"),
        ("fake_labs.Child", "there is no module fake_labs"),
        ("torch.nn.LeakyRelu", "torch.nn has no LeakyRelu; did you mean LeakyReLU?"),
    ],
)
def test_a_target_that_does_not_exist_is_named(target: str, text: str) -> None:
    with pytest.raises(NoSuchTarget) as caught:
        signature(target)
    assert str(caught.value) == text
