"""Sampling of finished runs: where the discriminator comes from, what a file remembers, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from helpers.configuration import CONF
from helpers.scores import TINY, evaluate, score
from hydra import compose, initialize_config_dir

import gan_lab
from gan_lab.cli.sample import main
from gan_lab.config.knobs import check_knobs
from gan_lab.config.recipe import check_recipe
from gan_lab.experiment.run import play
from gan_lab.io.generator import load_generator
from gan_lab.sampling import Langevin, Plain, Rejection

QUICK = {
    "plain": [],
    "drs": ["sampling=drs", "sampling.burn_in=50", "callbacks.samples.every=1"],
    "hinge": ["loss=hinge"],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on a ring, which has real samples without end."""
    directory = tmp_path_factory.mktemp("runs")
    for name, overrides in QUICK.items():
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [*TINY, "data=ring", "model=mlp", "model.hidden=[16]", *overrides])
        config.directory = str(directory / name)
        assert play(config, overrides) == 0
    return directory


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "runs"))


def sampled(capsys: pytest.CaptureFixture[str], run: Path, *arguments: str) -> Any:
    """What `gan-lab sample` writes; or what it says instead."""
    code = main([str(run), "n=6", f"out={run / 'x.npz'}", *arguments])
    line = capsys.readouterr().err
    if code:
        assert line.count("\n") == 1
        return line
    return np.load(run / "x.npz")["samples"]


@pytest.mark.slow
def test_a_run_remembers_its_sampling_and_a_plain_one_none(trained: Path) -> None:
    assert "sampling" not in load_generator(trained / "plain" / "generator.safetensors").recipe
    recipe = load_generator(trained / "drs" / "generator.safetensors").recipe
    assert recipe["sampling"] == {"_target_": "gan_lab.sampling.Rejection", "percentile": 95.0, "burn_in": 50}
    assert gan_lab.load(trained / "drs").sampling == Rejection(burn_in=50)
    assert gan_lab.load(trained / "drs", sampling="plain").sampling == Plain()
    assert gan_lab.load(trained / "plain", sampling=Langevin(3)).sampling == Langevin(3)
    assert len({file.read_bytes() for file in (trained / "drs" / "samples").glob("*.png")}) > 1


def test_a_loaded_run_has_one_sampling(trained: Path) -> None:
    run = gan_lab.load(trained / "plain")
    with pytest.raises(gan_lab.UserError, match=r"gan_lab\.load\(RUN_DIR, sampling="):
        run.samples(4, sampling="drs")
    ddls = gan_lab.load(trained / "plain", sampling=Langevin(3))
    z = run.latent.sample(4)
    assert not torch.equal(ddls.sample(z), run.sample(z))
    assert torch.equal(ddls.sample(z), ddls.sample(z))


SAMPLINGS = {
    "truncation": ["sampling=truncation"],
    "drs": ["sampling=drs", "sampling.burn_in=50"],
    "mh": ["sampling=mh", "sampling.length=3", "sampling.held_out=40"],
    "logistic": ["sampling=mh", "calibration@sampling.calibration=logistic", "sampling.length=4"],
    "ddls": ["sampling=ddls", "--sampling.steps=3"],
}


@pytest.mark.parametrize("name", SAMPLINGS)
def test_any_run_is_sampled_by_name(capsys: pytest.CaptureFixture[str], trained: Path, name: str) -> None:
    """D is that of the checkpoint of the generator's round."""
    run = trained / "plain"
    plain, found = (sampled(capsys, run, *given) for given in ([], SAMPLINGS[name]))
    assert found.shape == plain.shape and not np.array_equal(found, plain)
    assert np.array_equal(sampled(capsys, run, *SAMPLINGS[name], "checkpoint=last"), found)
    np.testing.assert_allclose(sampled(capsys, run, *SAMPLINGS[name], "batch_size=2"), found, rtol=1e-4, atol=1e-5)


def test_truncation_is_a_sampling(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    found = sampled(capsys, trained / "plain", "truncation=0.4")
    assert np.array_equal(sampled(capsys, trained / "plain", "sampling=truncation", "sampling.truncation=0.4"), found)
    assert np.array_equal(sampled(capsys, trained / "drs", "sampling=plain"), sampled(capsys, trained / "plain"))


@pytest.mark.parametrize(
    ("run", "arguments", "said"),
    [
        ("plain", ["sampling=drs2"], "sampling=drs2: no such option; did you mean drs"),
        ("plain", ["sampling=drs", "sampling.burn_inn=3"], "did you mean sampling.burn_in"),
        ("plain", ["sampling=drs", "sampling.burn_in=0"], "sampling.burn_in=0: must be greater"),
        ("plain", ["sampling=[drs,mh]"], "must be one option"),
        ("drs", ["truncation=0.5"], "truncation=0.5: is a sampling of its own"),
        ("drs", ["interpolate=3"], "interpolate=3: this sampling takes other noise than it is given"),
        ("plain", ["sampling=style_truncation"], "MLPGenerator has no styles"),
        ("plain", ["sampling=standing_statistics"], "MLPGenerator has no batch normalisation"),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], trained: Path, run: str, arguments: list[str], said: str
) -> None:
    assert said in sampled(capsys, trained / run, *arguments)


def test_a_generator_alone_has_no_discriminator(runs: Path, tmp_path: Path) -> None:
    file = shutil.copy(runs / "drs" / "generator.safetensors", tmp_path / "alone.safetensors")
    with pytest.raises(gan_lab.UserError, match="holds no discriminator, which this sampling needs; give the run's"):
        gan_lab.load(file)
    gan_lab.load(file, sampling="plain")


def test_a_discriminator_of_another_round_or_run_is_refused(runs: Path) -> None:
    last = runs / "plain" / "checkpoints" / "last.ckpt"
    shutil.copy(runs / "hinge" / "checkpoints" / "last.ckpt", last)
    with pytest.raises(gan_lab.UserError, match=r"last\.ckpt: holds another generator than"):
        gan_lab.load(runs / "plain", sampling="drs")
    for file in last.parent.iterdir():
        file.unlink()
    with pytest.raises(gan_lab.UserError, match=r"no checkpoint is of its round \d+"):
        gan_lab.load(runs / "plain", sampling="drs")


def test_logits_that_are_no_ratio_are_told_of(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    for name, said in (("hinge", "warning: Hinge: its logits do not estimate log p_data / p_g"), ("plain", "")):
        gan_lab.load(trained / name, sampling="drs")
        warned = capsys.readouterr().err
        assert said in warned and bool(said) == bool(warned)
    gan_lab.load(trained / "hinge", sampling="mh")
    assert not capsys.readouterr().err


def test_figures_with_and_without_do_not_mix(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = runs / "plain"

    def summary() -> dict[str, Any]:
        return dict(json.loads((run / "summary.json").read_text()))

    def keys(*arguments: str) -> set[str]:
        assert score(run, "metric=[sliced_wasserstein]", "features=pixels", "n=20", *arguments) == 0
        return {name.split("/")[1] for name in summary() if name.startswith("score/")}

    plain = keys()
    assert keys("sampling=plain") == plain
    truncated = keys("sampling=truncation") - plain
    more = keys("sampling=truncation", "sampling.truncation=0.5") - plain - truncated
    assert len(truncated) == len(more) == 1
    named = {name.split("/")[1]: value for name, value in summary().items() if name.endswith("procedure/sampling")}
    assert named.keys() == truncated | more
    assert named[truncated.pop()] == "_target_: gan_lab.sampling.Truncation, truncation: 0.7"


CONDITIONAL = {
    "style_truncation": ["model=stylegan2"],
    "standing_statistics": [
        "model=dcgan",
        "conditioning=batch_norm",
        "sampling.batches=2",
        "sampling.batch_size=16",
    ],
    "drs": ["model=mlp", "conditioning=concat", "sampling.burn_in=40"],
    "ddls": ["model=mlp", "conditioning=concat", "sampling.steps=2"],
}


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_conditional_run_draws_its_pictures_so(played: Callable[..., Path], name: str) -> None:
    """And its generator file, classes by name included, draws the same again."""
    settings = [*CONDITIONAL[name], f"sampling={name}", "data=digits", "rounds=2", "callbacks.samples.every=1"]
    run = gan_lab.load(played(*settings))
    assert len([*(run.directory / "samples").glob("*.png")]) == 2
    one, other = (run.samples(2, label=label) for label in ("1", "2"))
    assert one.isfinite().all() and not torch.equal(one, other)
    assert torch.equal(gan_lab.load(run.directory).samples(2, label="1"), one)
    assert not torch.equal(gan_lab.load(run.directory, sampling="plain").samples(2, label="1"), one)


def test_a_run_that_cannot_be_sampled_so_ends_before_its_first_round(composed: Callable[..., Any]) -> None:
    config = composed("sampling=style_truncation", "model=mlp", "rounds=2")
    with pytest.raises(gan_lab.UserError, match="MLPGenerator has no styles"):
        play(config)
    assert not (Path(config.directory) / "metrics.csv").exists()


def test_a_refusal_in_mid_run_leaves_out_a_look_and_not_the_rounds(
    composed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """G may become one that truncation does not act upon."""

    def check_acts(*_: Any) -> None:
        calls.append(1)
        if len(calls) > 2:  # those before the first round, of the pictures and of the figures
            raise gan_lab.UserError("truncation=0.7: cannot act")

    calls: list[int] = []
    monkeypatch.setattr("gan_lab.sampling.truncation.check_acts", check_acts)
    metrics = [
        "metric@callbacks.evaluation.metrics=[sliced_wasserstein]",
        "features@callbacks.evaluation.features=pixels",
    ]
    every = ["callbacks.samples.every=1", "callbacks.evaluation.every=1", "callbacks.evaluation.n=30"]
    ring = ["data=ring", "model=mlp", "rounds=3", "sampling=truncation"]
    config = composed(*ring, "callbacks=[default,evaluation]", *metrics, *every)
    with pytest.warns(UserWarning, match="(samples|evaluation) left out: truncation=0.7: cannot act"):
        assert play(config) == 0
    run = Path(config.directory)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["rounds"] == 3 and "evaluation/sliced_wasserstein" not in summary
    assert not [*run.glob("samples/round_*.png")]


def test_processes_that_share_their_statistics_do_not_draw_by_standing_ones(composed: Callable[..., Any]) -> None:
    config = composed("sampling=standing_statistics", "trainer=ddp_cpu", "trainer.sync_batchnorm=true")
    with pytest.raises(gan_lab.UserError, match=r"trainer\.sync_batchnorm=true: standing statistics"):
        check_knobs(config)


def test_the_figures_of_a_run_are_those_of_its_evaluation(
    composed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    drs = ["sampling=drs", "sampling.burn_in=50", "sampling.percentile=60"]
    metrics = [
        "metric@callbacks.evaluation.metrics=[sliced_wasserstein]",
        "features@callbacks.evaluation.features=pixels",
    ]
    sizes = ["callbacks.evaluation.n=30", "callbacks.evaluation.every=2"]
    config = composed("data=ring", "model=mlp", "rounds=2", "callbacks=[default,evaluation]", *metrics, *sizes, *drs)
    assert play(config) == 0
    run = Path(config.directory)
    published = json.loads((run / "summary.json").read_text())["evaluation/sliced_wasserstein"]
    asked = ["metric=[sliced_wasserstein]", "features=pixels", "n=30"]
    (figures,) = gan_lab.evaluate(run, *asked).values()
    assert figures["sliced_wasserstein"] == pytest.approx(published, rel=1e-5)
    (plain,) = gan_lab.evaluate(run, *asked, "sampling=plain").values()
    assert plain["sliced_wasserstein"] != pytest.approx(published, rel=1e-3)


def test_a_set_of_samples_names_its_sampling(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tmp_path / "found.json"
    common = [str(runs / "drs"), f"against={runs / 'plain'}", "metric=[sliced_wasserstein]", "features=pixels"]
    assert evaluate.main([*common, "n=30", "real=30", f"out={found}"]) == 0
    (figures,) = json.loads(found.read_text())["figures"].values()
    assert figures["sampling"].startswith("_target_: gan_lab.sampling.Rejection") and "sampling_real" not in figures
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert evaluate.main([str(folder), str(folder), "sampling=drs"]) == 2
    assert "sampling: acts where a generator draws samples" in capsys.readouterr().err


# --- files of strangers -------------------------------------------------------------------------------------------


def test_a_strangers_recipe_names_no_other_sampling() -> None:
    recipe = {
        "generator": {"_target_": "gan_lab.networks.mlp.MLPGenerator", "latent_dim": 2, "shape": [2], "hidden": [4]},
        "latent": {"_target_": "gan_lab.latents.Normal", "dim": 2},
    }
    for sampling, said in (
        ({"_target_": "os.system", "command": "x"}, "is not trusted"),
        ("drs", "must be a part"),
        ({"_target_": "gan_lab.sampling.Rejection", "burn_in": "many"}, "sampling.burn_in='many': must be"),
        ({"_target_": "gan_lab.sampling.Rejection", "burn_in": 10**9}, "too large for a stranger's file"),
    ):
        with pytest.raises(gan_lab.UserError, match=said):
            check_recipe(recipe | {"sampling": sampling}, {})


def strange(run: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The run of another person, who has changed its configuration."""
    (run / ".signatures").unlink()
    config = yaml.safe_load((run / "config.yaml").read_text())
    change(config)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return run


def test_a_strangers_run_is_sampled(runs: Path) -> None:
    expected = gan_lab.load(runs / "drs").samples(5)
    found = gan_lab.load(strange(runs / "drs", lambda config: None)).samples(5)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_target_": "os.system", "command": "touch x"}, "is not trusted"),
        ({"_target_": "gan_lab.networks.mlp.MLPDiscriminator", "shape": ["${oc.env:HOME}"]}, "only words are taken"),
        ({"_target_": "gan_lab.networks.mlp.MLPDiscriminator", "shape": [2], "hidden": [900000]}, "does not fit"),
    ],
)
def test_a_strangers_discriminator_is_data(runs: Path, change: dict[str, Any], said: str) -> None:
    run = strange(runs / "drs", lambda config: config["model"].update(discriminator=change))
    with pytest.raises(gan_lab.UserError, match=said) as caught:
        gan_lab.load(run)
    assert "\n" not in str(caught.value)
