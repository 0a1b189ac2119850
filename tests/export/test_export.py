"""Exports: other programs compute what the generator computes, a hub folder loads, and its card shows text as text."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.run_directories import write_run
from hydra.utils import instantiate
from torch import Tensor, nn

import gan_lab
from gan_lab.cli.export import Options, figures_of, main
from gan_lab.errors import UserError
from gan_lab.evaluation.evaluator import VERSION
from gan_lab.export import graph
from gan_lab.export.graph import Source, captured, difference
from gan_lab.export.hub import Figures, model_card, plain
from gan_lab.io.generator import save_generator
from gan_lab.latents import Normal

NETWORKS = "gan_lab.networks"
LATENT = {"_target_": "gan_lab.latents.Normal", "dim": 4}
DCGAN = {"_target_": f"{NETWORKS}.dcgan.DCGANGenerator", "latent_dim": 4, "shape": [3, 8, 8], "width": 4}
FASTGAN = {"_target_": f"{NETWORKS}.fastgan.FastGANGenerator", "latent_dim": 4, "shape": [1, 8, 8], "width": 1}
RECIPES: dict[str, dict[str, Any]] = {
    "labels": {
        "generator": {
            "_target_": f"{NETWORKS}.conditioning.BatchNormGenerator",
            "num_classes": 3,
            "_args_": [{**DCGAN, "_partial_": True}],
        },
        "num_classes": 3,
        "classes": ["cat", "dog", "[x](javascript:1)<script>"],
    },
    "noise": {"generator": {"_target_": f"{NETWORKS}.wrappers.spectral_norm", "_args_": [FASTGAN]}},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of generator files, of weights that differ from those that networks start with."""
    place = tmp_path_factory.mktemp("runs")
    for name, recipe in RECIPES.items():
        torch.manual_seed(0)
        network = instantiate(recipe["generator"])
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.rand_like(parameter))
        save_generator(
            place / name / "generator.safetensors", recipe | {"latent": LATENT, "round": 7}, {"raw": network}
        )
    return place


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def samples(run: gan_lab.TrainedRun) -> tuple[list[Tensor], Tensor]:
    inputs = [torch.randn(5, 4), *([torch.tensor([0, 1, 2, 1, 0])] if "num_classes" in run.recipe else [])]
    with torch.no_grad():
        return inputs, run.generator(*inputs)


@pytest.mark.slow
def test_onnx_gives_the_generators_samples(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    assert main([str(runs / "labels"), "onnx"]) == 0
    assert "on 100 z and 3 labels" in capsys.readouterr().out
    session = onnxruntime.InferenceSession("generator.onnx")
    inputs, wanted = samples(gan_lab.load(runs / "labels"))
    (got,) = session.run(None, {"z": inputs[0].numpy(), "y": inputs[1].numpy()})
    assert torch.allclose(torch.from_numpy(got), wanted, atol=1e-6)
    assert json.loads(session.get_modelmeta().custom_metadata_map["gan_lab"])["latent"] == LATENT


@pytest.mark.slow
def test_onnx_draws_the_noise_that_the_generator_draws(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    assert main([str(runs / "noise"), "onnx"]) == 0
    assert "on 100 z; noise is drawn at each call" in capsys.readouterr().out
    session = onnxruntime.InferenceSession("generator.onnx")
    one, other = (session.run(None, {"z": torch.ones(1, 4).numpy()})[0] for _ in range(2))
    assert abs(one - other).max() > 0


def test_an_archive_of_torch_gives_the_generators_samples(runs: Path) -> None:
    assert main([str(runs / "labels"), "torch", "out=x.pt2"]) == 0
    inputs, wanted = samples(gan_lab.load(runs / "labels"))
    archive = torch.export.load("x.pt2").module()
    assert torch.equal(archive(*inputs), wanted)


def test_weights_that_are_normalised_stay_so_in_the_network_itself(runs: Path) -> None:
    run = gan_lab.load(runs / "noise")
    before = run.samples(4)
    captured(Source(run.generator, run.latent, run.recipe))
    assert torch.equal(run.samples(4), before)


def test_a_hub_folder_loads_and_says_what_it_is(runs: Path) -> None:
    assert main([str(runs / "labels"), "hub", "licence=cc-by-4.0"]) == 0
    assert torch.equal(gan_lab.load("hub").samples(4), gan_lab.load(runs / "labels").samples(4))
    assert json.loads(Path("hub/config.json").read_text())["weights"] == "raw"  # which the run has alone
    card = Path("hub/README.md").read_text()
    assert "license: cc-by-4.0" in card and "after round 7" in card and "Intended use" in card
    assert Path("hub/samples.png").stat().st_size > 0
    assert "<script>" not in card and "](javascript" not in card


def test_figures_are_those_of_the_weights(runs: Path) -> None:
    source = Source(nn.Linear(4, 2), Normal(4), RECIPES["labels"] | {"latent": LATENT})
    figures = Figures([("frechet", 12.345, "features=inception, n=50000")], "COPIES (1 of 1)")
    card = model_card(source, True, figures, "mit")
    assert "| frechet | 12.35 | features=inception, n=50000 |" in card
    assert "\nCopies of training data: COPIES \\(1 of 1\\).\n" in card
    assert plain("a|b\n![x](y)") == "a\\|b \\!\\[x\\]\\(y\\)"


def test_figures_and_copies_are_those_of_the_weights_that_are_exported(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [])
    summary: dict[str, Any] = {"seed": 0, "rounds": 9, "finished": True, "generator": "g"}
    for key, weights, value in (("a-1", "average", 0.9), ("r-1", "raw", 0.5)):
        head = f"score/{key}"
        summary |= {f"{head}/copying": value, f"{head}/copying/error": 0.05, f"{head}/generator": "g"}
        summary |= {f"{head}/procedure/{name}": what for name, what in (("weights", weights), ("best/copying", 0.5))}
        summary |= {f"{head}/procedure/version": VERSION}
    (run / "summary.json").write_text(json.dumps(summary))
    average, raw = (figures_of(run, Options(weights=weights)) for weights in ("average", "raw"))
    assert average.copies.startswith("COPIES (1 of 1)") and raw.copies.startswith("no (0 of 1)")
    assert [value for _, value, _ in average.found] == [0.9] and [value for _, value, _ in raw.found] == [0.5]
    along = {
        "seed": 0,
        "rounds": 9,
        "finished": True,
        "evaluation/copying": 0.8,
        "evaluation/copying/error": 0.05,
        "best/copying": 4.0,
    }
    (run / "summary.json").write_text(json.dumps(along))  # tested along the run, by its average, and not scored
    for options, copies in (
        (Options(), "COPIES (1 of 1), at least 6.0"), (Options(weights="raw"), "not tested"),
        (Options(checkpoint="best"), "COPIES (1 of 1), at least 4.0"), (Options(checkpoint="last"), "not tested"),
    ):  # fmt: skip
        assert figures_of(run, options).copies.startswith(copies)
    source = Source(nn.Linear(4, 2), Normal(4), RECIPES["labels"] | {"latent": LATENT})
    assert "Copies of training data: COPIES" in model_card(source, False, figures_of(run, Options()), "mit")


def test_a_folder_is_uploaded_only_where_it_is_asked_for(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the extra export is not installed")
    calls: list[Any] = []

    class Api:
        def create_repo(self, name: str, private: bool, exist_ok: bool) -> None:
            calls.append((name, private))

        def upload_folder(self, folder_path: Path, repo_id: str, allow_patterns: list[str]) -> str:
            calls.append(sorted(allow_patterns))
            return f"https://hub/{repo_id}"

    monkeypatch.setattr(hub, "HfApi", Api)
    assert main([str(runs / "labels"), "hub"]) == 0 and not calls
    assert main([str(runs / "labels"), "hub", "push_to_hub=me/gan"]) == 0
    assert calls == [("me/gan", True), ["README.md", "config.json", "generator.safetensors", "samples.png"]]


def test_pictures_go_into_a_zip_with_their_labels(runs: Path) -> None:
    assert main([str(runs / "labels"), "images", "n=4"]) == 0
    with zipfile.ZipFile("samples.zip") as archive:
        assert archive.namelist() == ["00000.png", "00001.png", "00002.png", "00003.png", "dataset.json"]
        labels = json.loads(archive.read("dataset.json"))["labels"]
    assert labels == [["00000.png", 0], ["00001.png", 1], ["00002.png", 2], ["00003.png", 0]]


class Undecided(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return z if z.sum() > 0 else -z


def test_what_cannot_be_exported_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {"latent": LATENT}
    with pytest.raises(UserError, match="Undecided: cannot be exported") as caught:
        captured(Source(Undecided(), Normal(4), recipe))
    assert "\n" not in str(caught.value) and not capsys.readouterr().err
    with pytest.raises(UserError, match="condition is neither a label nor an image"):
        Source(Undecided(), Normal(4), recipe | {"num_classes": None})
    network = nn.Linear(4, 2)
    with pytest.raises(UserError, match="differs from the network by 0.1 of"):
        difference(Source(network, Normal(4), recipe), network, lambda inputs: network(*inputs) + 0.1)
    for arguments, said in (
        (["onxx"], "onxx: no such format; did you mean onnx? (allowed: hub, images, onnx, torch)"),
        (["onnx", "out=x.pt2"], "out=x.pt2: must end in .onnx"),
        (["torch", "licence=mit"], "licence: no such option"),
        (["hub", "licence=a b"], "licence=a b: "),
        (["images", "out=x.png"], "out=x.png: must end in .zip"),
        ([], "format: no such format"),
    ):
        assert main([str(runs / "labels"), *arguments]) == 2
        line = capsys.readouterr().err
        assert said in line and line.count("\n") == 1
    assert not list(Path().iterdir())


def test_every_label_and_every_z_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    for classes in (3, 2000):
        recipe = {"latent": LATENT, "num_classes": classes}
        batches = list(Source(nn.Identity(), Normal(4), recipe).batches())
        z, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
        assert len(y.unique()) == classes and len(z.unique(dim=0)) == graph.DRAWS
        assert {len(batch[0]) for batch in batches} >= set(graph.BATCHES)
