"""The Python interface: what a notebook does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.commands import ROOT
from helpers.configuration import SMALL

import gan_lab
from gan_lab.config.resume import expand
from gan_lab.io.run_file import read_facts

TINY = [*(option for option in SMALL if "=null" not in option), "model=mlp", "model.hidden=[8]", "rounds=2"]
TINY += ["callbacks=[metrics,samples,checkpoint]"]


def test_importing_it_takes_nothing_with_it() -> None:
    code = "import sys, gan_lab; print(*{name.partition('.')[0] for name in sys.modules} & {'torch', 'hydra', 'yaml'})"
    code += "; assert 'compose' in dir(gan_lab) and not hasattr(gan_lab, 'nothing')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_run_from_python_is_that_of_the_command_line(tmp_path: Path) -> None:
    from gan_lab.experiment.run import play

    experiment = gan_lab.compose(*TINY, "data=ring", directory=tmp_path / "a")
    run = gan_lab.train(experiment)
    assert run.summary["finished"] and run.summary["rounds"] == 2 and run.config.rounds == 2
    other = gan_lab.compose(*TINY, "data=ring", directory=tmp_path / "b")
    config = other.config.copy()
    assert play(config, other.overrides) == 0
    for name, weight in run.generator.state_dict().items():
        assert torch.equal(weight, gan_lab.load(tmp_path / "b").generator.state_dict()[name])
    facts = read_facts(tmp_path / "a")
    assert facts["start"] == {"program": ["gan-lab", "train"], "flags": []}
    again = expand([f"resume={tmp_path / 'a'}", "rounds=3"])
    assert {"data=ring", "rounds=3"} < {*again} and "rounds=2" not in again
    with pytest.raises(gan_lab.UserError, match="holds a run already"):
        gan_lab.train(experiment)


def test_samples_follow_from_their_seed_and_one_s_own_noise(tmp_path: Path) -> None:
    run = gan_lab.train(gan_lab.compose(*TINY, directory=tmp_path))
    samples = run.samples(5, seed=1)
    assert samples.shape == (5, 1, 8, 8)
    torch.testing.assert_close(samples[:2], run.samples(2, seed=1, batch_size=1))
    assert not torch.equal(samples, run.samples(5, seed=2))
    lines = run.interpolate(rows=3, points=4, seed=1)
    assert lines.shape == (3, 4, 1, 8, 8)
    torch.testing.assert_close(lines[:, 0], run.samples(3, seed=1))
    z = run.latent.sample(6)
    assert torch.equal(run.sample(z), run.generator(z)) and not run.sample(z).requires_grad
    assert run.picture(4).size[0] > 64
    assert gan_lab.load(tmp_path, checkpoint="last").samples(2).shape == (2, 1, 8, 8)
    with pytest.raises(gan_lab.UserError, match="truncated: no such option; did you mean truncation"):
        run.samples(2, truncated=0.5)


def test_the_parts_are_built_as_configured() -> None:
    game, data = gan_lab.build(gan_lab.compose(*TINY, "loss=hinge"))
    assert type(game.loss).__name__ == "Hinge" and data.shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["loss=hinje"], r"loss=hinje: no such option; did you mean hinge\?"),
        (["data.batch_size=0"], r"data\.batch_size=0: must be greater than 0"),
        (["seeds=3"], r"seeds=3: is for the command line: gan-lab train seeds=N"),
        (["hydra.run.dir=x"], r"hydra\.run\.dir=x: is for the command line"),
        (["loss="], r"loss=: is empty"),
        (["loss=hinge,minimax"], r"loss=hinge,minimax: is several values"),
    ],
)
def test_a_mistake_is_one_line(overrides: list[str], says: str) -> None:
    with pytest.raises(gan_lab.UserError, match=says) as told:
        gan_lab.compose(*overrides)
    assert "\n" not in str(told.value)


def test_a_composed_configuration_cannot_be_changed_behind_its_overrides() -> None:
    from omegaconf.errors import ReadonlyConfigError

    experiment = gan_lab.compose(*TINY)
    with pytest.raises(ReadonlyConfigError):
        experiment.config.rounds = 5


def test_options_of_one_s_own_are_found_again_when_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "conf" / "loss").mkdir(parents=True)
    (tmp_path / "conf" / "loss" / "mine.yaml").write_text("_target_: gan_lab.losses.Hinge\n")
    run = gan_lab.train(
        gan_lab.compose(*TINY, "loss=mine", config_dir=tmp_path / "conf", directory=tmp_path / "run it")
    )
    assert expand([f"resume={run.directory}"])[0] == f"--config-dir={tmp_path / 'conf'}"


@pytest.mark.slow
def test_the_lines_of_the_documentation_run_in_a_notebook(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cells = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    lines = [line for cell in cells[:2] for line in cell.splitlines() if line]
    assert len(lines) <= 12
    assert "".join(cells[:2]) in (ROOT / "README.md").read_text()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=":")
        patch.setenv("OMP_NUM_THREADS", "1")
        nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.outputs]
    assert any("image/png" in data for data in shown)
    assert "kernel" in shown[-1]["text/plain"]
