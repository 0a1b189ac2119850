"""Every part plays: whatever joins a folder of conf joins these tests."""

import csv
import json
import math
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path

import pytest
from helpers.configuration import CONF, QUICK, options, schedules, terms_of
from omegaconf import OmegaConf

from gan_lab.errors import UserError

pytestmark = pytest.mark.slow

RESULTS = {  # what a callback of the experiment's own finds out
    "goodfellow2014_mnist": {"parzen/valid"},
    "mnist_500": {"overfitting/r_v"},
    "semi_supervised_mnist": {"classifier/errors"},
}
SYNTHETIC = ["digits", "ring", "grid", "cartpole", "photographs"]  # data that need no file


# Updates that ask the networks for other things; alternating and both extragradients ask for no more than these.
ASKING = sorted({*options("update")} - {"alternating", "extragradient", "past_extragradient"})
MODELS = [name for name in options("model") if name != "projected"]  # seconds a round, so that one update must do
OTHERS = [update for update in ASKING if update != "unrolled"]
CHOICES = [
    # It differentiates gradients, a matter of the network, too. So does consensus: networks have tests of their own of
    # second derivatives.
    *(("unrolled", model, loss) for model, loss in zip(MODELS, cycle(options("loss")))),
    *zip(OTHERS, cycle(["dcgan", "mlp"]), cycle(options("loss"))),
    *product(["apa", "balanced"], ["mlp"], ["wasserstein", "relativistic"]),
    ("logan", "stylegan2", "hinge"),
    ("unrolled", "projected", "hinge"),
]


@pytest.mark.parametrize(("update", "model", "loss"), CHOICES)
def test_every_model_loss_and_update_plays_three_rounds(
    played: Callable[..., Path], model: str, loss: str, update: str
) -> None:
    few = ["update.steps=2"] if update == "unrolled" else []
    parts = (f"model={model}", f"loss={loss}", f"update={update}", *few, "rounds=3")
    if update in ("apa", "balanced") and loss in ("wasserstein", "relativistic"):
        with pytest.raises(
            UserError, match="gives D no accuracy to balance the players by|has no logit between real and fake"
        ):
            played(*parts)
        return
    directory = played(*parts)
    with (directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["1", "2", "3"]
    assert all(math.isfinite(float(row[name])) for row in rows for name in ("d/loss", "g/loss"))
    assert json.loads((directory / "summary.json").read_text())["rounds"] == 3


# Every term with an update that differentiates gradients; and terms that hold gradients with every update.
TERMS = [*terms_of("d"), *terms_of("g")]
HOLDING = ["term@d_terms=[r1,r2]", "term@d_terms=[gradient_penalty]"]


@pytest.mark.parametrize(
    ("part", "update"),
    sorted({*product(TERMS, ["unrolled"]), *product(HOLDING, options("update"))}),
)
def test_every_term_plays_on_either_player(played: Callable[..., Path], part: str, update: str) -> None:
    played("model=mlp", f"update={update}", part, "rounds=2")


@pytest.mark.parametrize("data", SYNTHETIC)
@pytest.mark.parametrize("latent", options("latent"))
def test_every_synthetic_data_set_and_latent_plays(played: Callable[..., Path], data: str, latent: str) -> None:
    size = "latent.dim=16" if latent == "codes" else "latent.dim=4"
    directory = played("model=mlp", f"data={data}", f"latent={latent}", size, "rounds=3", "callbacks.samples.every=3")
    assert (directory / "samples" / "round_000003.png").stat().st_size > 0


@pytest.mark.parametrize("chosen", [*([f"optimizer={o}"] for o in options("optimizer")), *schedules()], ids=" ".join)
def test_every_optimizer_and_schedule_plays(played: Callable[..., Path], chosen: list[str]) -> None:
    played("model=mlp", *chosen, "rounds=3")


@pytest.mark.parametrize("name", options("ema"))
def test_every_average_plays(played: Callable[..., Path], name: str) -> None:
    played("model=mlp", f"ema={name}", "rounds=3")


@pytest.mark.parametrize("name", options("debug"))
def test_every_debug_setting_plays(played: Callable[..., Path], name: str) -> None:
    played("model=mlp", f"debug={name}", "rounds=3")


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_plays(played: Callable[..., Path], fake_mnist: Path, name: str) -> None:
    config = OmegaConf.load(CONF / "experiment" / f"{name}.yaml")
    data = {str(entry.get("override /data")) for entry in config.defaults if hasattr(entry, "get")}
    files = not data.isdisjoint({"mnist", "stacked_mnist"})
    root = [f"data.root={fake_mnist}"] if files else []
    quiet = ["callbacks.progress=null", "callbacks.report=null", "callbacks.audit=null"]
    small = ["debug=quick", "data.batch_size=4", *quiet, *QUICK.get(name, [])]
    directory = played(f"experiment={name}", *root, *small, small=False)
    assert RESULTS.get(name, {"d/loss"}) <= json.loads((directory / "summary.json").read_text()).keys()
