"""Run directories that a stranger has made: whatever they hold, nothing of it is executed, and nothing outside touched.

Each attack changes one copy of a small good run, and is tried on the entry points that could meet it. What may not be
comes out in one line; what is harmless may pass.
"""

import json
import os
import resource
import shutil
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from helpers.commands import run
from helpers.configuration import CONF, SMALL
from helpers.made_up_sets import write_sets
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors import safe_open
from safetensors.torch import save_file

from gan_lab.cli import compare, dashboard, evaluate, sample
from gan_lab.cli import status as sweep_status
from gan_lab.cli.train import prepare_run
from gan_lab.config.check import check
from gan_lab.config.explain import explain
from gan_lab.config.output import Inside
from gan_lab.config.resume import expand
from gan_lab.experiment.run import play

pytestmark = pytest.mark.slow

WATCHED = "callbacks=[metrics,terminate_on_nan,samples,checkpoint]"
PARTS = ["model=mlp", "data=ring", "model.hidden=[8]", "rounds=2", WATCHED]
TINY = [*PARTS, *(override for override in SMALL if "=null" not in override)]
Scene = Path  # a folder with `run`, the attacked copy; `canary`, which stays empty; and `victim`, which stays as it is


# --- the entry points: exit codes ---------------------------------------------------------------------------------


def resume(run: Path) -> int:
    """As train.py does it, in this process."""
    try:
        arguments = [a for a in expand([f"resume={run}", "rounds=3"]) if not a.startswith("hydra.")]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [*arguments, f"directory='{run}'"])
        check(config)
        prepare_run(config, again=False)
        return play(config, arguments)
    except Exception as error:
        line = explain(error, [])
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2


ENTRIES: dict[str, Callable[[Path], int]] = {
    "resume": resume,
    "sample": lambda run: sample.main([str(run), f"out={run.parent / 'out.png'}", "n=4"]),
    "evaluate": lambda run: evaluate.main([str(run), "features=pixels", "metric=frechet", "n=20"]),
    "compare": lambda run: compare.main([str(run)]),
    "sweep_status": lambda run: sweep_status.main([str(run.parent)]),
    "dashboard": lambda run: dashboard.main([str(run)]),
}


# --- the attacks --------------------------------------------------------------------------------------------------


class Attack(NamedTuple):
    """`make(scene)` changes scene/run; `entries`, with commas, meet it; `refused` by each, or else it is harmless."""

    name: str
    entries: str
    make: Callable[[Scene], object]
    refused: bool = True


def text(name: str, content: str | bytes) -> Callable[[Scene], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda scene: (scene / "run" / name).write_bytes(data)


def override(*more: str) -> Callable[[Scene], object]:
    def make(scene: Scene) -> None:
        path = scene / "run" / "overrides.yaml"
        path.write_text(yaml.safe_dump([*yaml.safe_load(path.read_text()), *(m.format(s=scene) for m in more)]))

    return make


def config(**changes: Any) -> Callable[[Scene], object]:
    """Changes of data.module in config.yaml."""

    def make(scene: Scene) -> None:
        path = scene / "run" / "config.yaml"
        tree = yaml.safe_load(path.read_text())
        tree["data"]["module"] |= json.loads(json.dumps(changes).replace("SCENE", str(scene)))
        path.write_text(yaml.safe_dump(tree))

    return make


def recipe(**changes: Any) -> Callable[[Scene], object]:
    """Changes of the generator's part in the recipe; `whole` replaces the recipe."""

    def make(scene: Scene) -> None:
        path = scene / "run" / "generator.safetensors"
        with safe_open(path, framework="pt") as file:
            found = json.loads(file.metadata()["recipe"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        filled = json.loads(json.dumps(changes).replace("SCENE", str(scene)))
        new = filled["whole"] if "whole" in filled else found | {"generator": found["generator"] | filled}
        save_file(tensors, path, {"recipe": new if isinstance(new, str) else json.dumps(new)})

    return make


def checkpoint(change: Callable[[dict[str, Any]], Any]) -> Callable[[Scene], object]:
    """Both checkpoints, whole and with a right checksum, of other content."""

    def make(scene: Scene) -> None:
        from gan_lab.io.checkpoint import PlainCheckpointIO

        path = scene / "run" / "checkpoints" / "last.ckpt"
        found = PlainCheckpointIO().load_checkpoint(path)
        PlainCheckpointIO().save_checkpoint(change(found), path)

    return make


def link(name: str, to: str = "victim") -> Callable[[Scene], object]:
    def make(scene: Scene) -> None:
        path = scene / "run" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.symlink_to(scene / to)

    return make


def pipe(name: str) -> Callable[[Scene], object]:
    def make(scene: Scene) -> None:
        path = scene / "run" / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return make


def summary(**changes: Any) -> Callable[[Scene], object]:
    def make(scene: Scene) -> None:
        path = scene / "run" / "summary.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return make


def header(scene: Scene, **entries: Any) -> None:
    """A safetensors file whose header says anything."""
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    (scene / "run" / "generator.safetensors").write_bytes(struct.pack("<Q", len(head)) + head)


CREATE = '${{oc.create:"{{_target_: os.mkdir, path: SCENE/canary/x}}"}}'.replace("{{", "{").replace("}}", "}")
HUB = "{{_target_: torch.hub.load, repo_or_dir: {s}/hub, model: x, source: local}}"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "".join("  " * n + "a:\n" for n in range(900))
MKDIR = {"_target_": "os.mkdir", "path": "SCENE/canary/x"}
ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202e|"

ATTACKS = [
    # code in overrides
    Attack("override hub", "resume", override("+callbacks.x=" + HUB)),
    Attack("override mkdir", "resume", override("+callbacks.x={{_target_: os.mkdir, path: {s}/canary/x}}")),
    Attack("override joblib", "resume", override("+callbacks.x={{_target_: joblib.load, filename: {s}/hub/x}}")),
    Attack("override numpy", "resume", override("+logger.x._target_=numpy.load", "+callbacks.x._target_=numpy.load")),
    Attack("override addsitedir", "resume", override("+callbacks.x={{_target_: site.addsitedir, sitedir: {s}/hub}}")),
    Attack("override of a target", "resume", override("optimizer.d._target_=os.getcwd")),
    Attack("override partial", "resume", override("model.activation={{_target_: os.abort, _partial_: true}}")),
    Attack("override hydra callback", "resume", override("+hydra.callbacks.x=" + HUB)),
    Attack("override searchpath", "resume", override("hydra.searchpath=[file://{s}/hub]")),
    Attack("override launcher", "resume", override("hydra/launcher=slurm")),
    Attack("override logging", "resume", override("hydra.job_logging.handlers.f.filename={s}/canary/x")),
    Attack("override config dir", "resume", override("--config-dir={s}/hub")),
    Attack("override flag", "resume", override("--multirun")),
    Attack("override shell completion", "resume", override("-sc")),
    Attack("override interpolation", "resume", override("latent.dim=${{oc.env:HOME}}")),
    Attack("override create", "resume", override("'+data.x=${{oc.create:{{a: 1}}}}'")),
    Attack("override environment", "resume", override("data=cartpole", "data.environment=evil:Env-v0")),
    Attack("override option outside", "resume", override("model=../../{s}/hub/evil")),
    Attack("override package", "resume", override("loss@hydra.callbacks=hinge")),
    Attack("override trainer", "resume", override("+trainer.default_root_dir={s}/canary")),
    Attack("override plugins", "resume", override("+trainer.plugins=[{{_target_: os.mkdir, path: x}}]")),
    Attack("override sweep", "resume", override("seed=range(0,1000000)")),
    # paths in overrides
    Attack("override directory", "resume", override("directory={s}/canary")),
    Attack("override samples", "resume", override("callbacks.samples.directory={s}/canary")),
    Attack("override relative", "resume", override("callbacks.samples.directory=../canary")),
    Attack("override root", "resume", override("data=images", "data.root={s}/private")),
    Attack("override start", "resume", override("start_from={s}/private"), refused=False),
    Attack("override memory", "resume", override("data.memory=1000000000000"), refused=False),
    Attack("override logger", "resume", override("logger=wandb", "logger.wandb.entity=evil"), refused=False),
    # sizes in overrides
    Attack("override large", "resume", override("latent.dim=1000000000")),
    Attack("override deep", "resume", override("model.x=" + "[" * 900 + "]" * 900)),
    Attack("override long", "resume", override("model.x=" + "a" * 100_000)),
    Attack("overrides bomb", "resume,compare", text("overrides.yaml", BOMB)),
    Attack("overrides of another kind", "resume,compare", text("overrides.yaml", "a: 1")),
    Attack("overrides tag", "resume,compare", text("overrides.yaml", "!!python/object/apply:os.mkdir [canary/x]")),
    Attack("overrides not text", "resume,compare", text("overrides.yaml", b"\xff\xfe\x00")),
    Attack("overrides escape", "resume", override(f"model.x={ESCAPE}")),
    # config.yaml
    Attack("config create", "evaluate", config(seed=CREATE)),
    Attack("config target", "evaluate", config(**MKDIR)),
    Attack("config extract", "evaluate", config(density={"_target_": "torchvision.datasets.utils.extract_archive"})),
    Attack("config download", "evaluate", config(density={"_target_": "torchvision.datasets.utils.download_url"})),
    Attack("config root", "evaluate", config(_target_="gan_lab.data.images.Images", root="SCENE/private")),
    Attack("config base root", "evaluate", config(base={"_target_": "gan_lab.data.images.Images", "root": "x"})),
    Attack("config position", "evaluate", config(density={"_target_": "gan_lab.densities.ring", "_args_": ["x"]})),
    Attack("config large", "evaluate", config(batch_size=10**9)),
    Attack("config no data", "evaluate", config(_target_="gan_lab.densities.ring", modes=8, radius=1.0, sigma=0.1)),
    Attack("config unknown", "evaluate", config(nothing=1)),
    Attack("config bomb", "resume,evaluate", text("config.yaml", BOMB)),
    Attack("config deep", "resume,evaluate", text("config.yaml", DEEP)),
    Attack("config list", "resume,evaluate", text("config.yaml", "[1, 2]")),
    Attack("config empty", "resume,evaluate", text("config.yaml", "")),
    Attack("config number", "resume,evaluate", text("config.yaml", "data: " + "1:" * 10**5 + "1")),
    Attack("config pipe", "resume,evaluate", pipe("config.yaml")),
    Attack("config link", "resume,evaluate", link("config.yaml", "victim")),
    # generator.safetensors
    Attack("recipe create", "sample,evaluate", recipe(output=CREATE)),
    Attack("recipe target", "sample,evaluate", recipe(output=MKDIR)),
    Attack("recipe hub", "sample,evaluate", recipe(output={"_target_": "torch.hub.load", "repo_or_dir": "SCENE/hub"})),
    Attack("recipe data parallel", "sample,evaluate", recipe(output={"_target_": "torch.nn.DataParallel"})),
    Attack("recipe through a module", "sample,evaluate", recipe(output={"_target_": "gan_lab.latents.torch.load"})),
    Attack("recipe large", "sample,evaluate", recipe(latent_dim=10**9)),
    Attack("recipe wide", "sample,evaluate", recipe(hidden=[10**6, 10**6])),
    Attack("recipe many", "sample,evaluate", recipe(hidden=[1] * 10**5)),
    Attack("recipe deep", "sample,evaluate", recipe(whole="[" * 10**5)),
    Attack("recipe list", "sample,evaluate", recipe(whole=[])),
    Attack("recipe empty", "sample,evaluate", recipe(whole={"format": 2})),
    Attack("recipe escape", "sample,evaluate", recipe(**{ESCAPE: 1})),
    Attack("generator cut", "sample,evaluate", text("generator.safetensors", b"\x10\0\0\0\0\0\0\0{")),
    Attack("generator header", "sample,evaluate", lambda scene: header(scene, x={"dtype": "F32", "shape": [10**12]})),
    Attack("generator pickle", "sample,evaluate", text("generator.safetensors", b"\x80\x04cos\nmkdir\n")),
    Attack("generator pipe", "sample,evaluate", pipe("generator.safetensors")),
    Attack("generator link", "sample,evaluate", link("generator.safetensors")),
    # checkpoints
    Attack("checkpoint pipe", "resume", pipe("checkpoints/last.ckpt")),
    Attack("checkpoint link", "resume", link("checkpoints/last.ckpt")),
    Attack("checkpoint pickle", "resume", text("checkpoints/last.ckpt", b"\x80\x04cos\nmkdir\n")),
    Attack("checkpoint of another run", "resume", checkpoint(lambda found: found | {"run": "other"})),
    Attack("checkpoint list", "resume", checkpoint(lambda found: [1])),
    Attack("checkpoint empty", "resume", checkpoint(lambda found: {})),
    Attack("checkpoint round", "resume", checkpoint(lambda found: found | {"game": {"round": "x"}})),
    Attack("checkpoint no game", "resume", checkpoint(lambda found: found | {"game": None})),
    Attack("checkpoint weights", "resume", checkpoint(lambda found: found | {"state_dict": {}})),
    Attack("checkpoint optimisers", "resume", checkpoint(lambda found: found | {"optimizer_states": [1]})),
    Attack("checkpoint loops", "resume", checkpoint(lambda found: found | {"loops": {"fit_loop": 3}})),
    # links and pipes that would be written through
    Attack("lock link", "resume", link(".lock")),
    Attack("lock pipe", "resume", pipe(".lock")),
    Attack("part link", "resume", link(".config.yaml.part")),
    Attack("checkpoint part link", "resume", link("checkpoints/.last.ckpt.part")),
    Attack("samples link", "resume,evaluate", link("samples", "canary")),
    Attack("checkpoints link", "resume,evaluate", link("checkpoints", "private")),
    Attack("summary link", "resume,evaluate,compare,sweep_status", link("summary.json")),
    Attack("summary lock link", "evaluate", link(".summary.lock")),
    Attack("metrics link", "resume,evaluate", link("metrics.csv")),
    Attack("signatures link", "resume,evaluate", link(".signatures")),
    # what is read to be told
    Attack("summary deep", "compare,sweep_status,evaluate", text("summary.json", "[" * 10**5)),
    Attack("summary kind", "compare,sweep_status,evaluate", text("summary.json", "3")),
    Attack("summary not text", "compare,sweep_status", text("summary.json", b"\xff\xfe")),
    Attack("summary seed", "compare", summary(seed=["x"])),
    Attack("summary score", "compare", summary(**{"score/k/frechet": "1; rm"})),
    Attack("summary huge", "compare", summary(**{"score/k/frechet": 10**400})),
    Attack("summary commit", "compare", summary(git_commit={"a": [1]}), refused=False),
    Attack("summary escape", "compare", summary(**{f"score/k/{ESCAPE}": 1.0}), refused=False),
    Attack("compare escape", "compare", override(f"loss={ESCAPE}"), refused=False),
    Attack("failure escape", "sweep_status", text("failure.txt", f"why\n{ESCAPE}")),
    Attack("failure pipe", "sweep_status", pipe("failure.txt")),
    Attack("metrics binary", "sweep_status,resume", text("metrics.csv", b"\xff\0\xfe")),
    Attack("plan outside", "sweep_status", text("../sweep.yaml", "jobs: [../../etc]")),
    Attack("plan endless", "sweep_status", text("../sweep.yaml", "trials: 1000000000000")),
    Attack("plan bomb", "sweep_status", text("../sweep.yaml", BOMB)),
    Attack("older format", "resume,evaluate,compare", text("run.yaml", "format: 1")),
    Attack("run file kind", "resume,evaluate,compare", text("run.yaml", "- 1")),
    Attack("run file data", "resume,evaluate", text("run.yaml", "format: 2\ndata: 3\nstart: {config_dir: /evil}")),
    Attack("hydra notes", "resume", text(".hydra/hydra.yaml", "hydra: 3"), refused=False),
    Attack("name of a run", "dashboard", lambda scene: None),
]
CASES = [(attack, entry) for attack in ATTACKS for entry in attack.entries.split(",")]


# --- the tests ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run of someone else's, with a score."""
    directory = tmp_path_factory.mktemp("good") / "run"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        made = compose("config", [*TINY, f"directory={directory}"])
    directory.mkdir()
    assert play(made, TINY) == 0
    (directory / ".hydra").mkdir()
    (directory / ".signatures").unlink()
    path = directory / "summary.json"
    found = json.loads(path.read_text())
    scores = {"frechet": 1.0, "procedure/higher_is_better": False, "procedure/n": 20, "generator": found["generator"]}
    path.write_text(json.dumps(found | {f"score/k/{name}": value for name, value in scores.items()}))
    return directory


@pytest.fixture
def scene(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A copy to attack, and around it what must not change."""
    shutil.copytree(good, tmp_path / "sweep" / "run")
    (tmp_path / "run").symlink_to("sweep/run")
    for name in ("canary", "private", "here", "hub"):
        (tmp_path / name).mkdir()
    (tmp_path / "hub" / "hubconf.py").write_text(
        f"import os\nos.mkdir('{tmp_path}/canary/hub')\ndef x(**k):\n    return 0\n"
    )
    (tmp_path / "private" / "secret.png").write_text("secret")
    (tmp_path / "victim").write_text("mine")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def outside(scene: Scene) -> dict[str, bytes]:
    kept = [scene / name for name in ("canary", "private", "here", "hub", "victim")]
    files = [path for top in kept for path in (top, *top.rglob("*")) if "__pycache__" not in path.parts]
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in files}


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) >= 60 and {entry for _, entry in CASES} == ENTRIES.keys()


@pytest.mark.parametrize("entry", [name for name in ENTRIES if name != "dashboard"])
def test_a_strangers_good_run_is_taken(scene: Scene, entry: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ENTRIES[entry](scene / "sweep" / "run") == 0, capsys.readouterr().err


def test_a_strangers_run_on_pictures_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the pictures in a folder that the user names."""
    write_sets(tmp_path)
    root, directory = tmp_path / "folder", tmp_path / "run"
    pictures = ["data=images", f"data.root={root}", "data.image_size=8", "data.channels=1", "data.workers=0"]
    few = ["data.batch_size=6", "data.memory=300000000", "rounds=1", "callbacks=[metrics]"]
    overrides = [*pictures, "model=mlp", "model.hidden=[8]", *few]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        made = compose("config", [*overrides, f"directory={directory}"])
    directory.mkdir()
    assert play(made, overrides) == 0
    (directory / ".signatures").unlink()
    score = [str(directory), "features=pixels", "metric=frechet", "n=20"]
    assert evaluate.main(score) == 2
    assert "say where its data lie here: root=FOLDER" in capsys.readouterr().err
    assert evaluate.main([*score, f"root={root}"]) == 0, capsys.readouterr().err


def test_a_new_run_in_a_strangers_directory_writes_nothing_outside(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hydra's notes are written before anything of ours."""
    link(".hydra", "private")(scene)
    before = outside(scene)
    done = run(f"python train.py {' '.join(PARTS)} hydra.run.dir={scene}/sweep/run", scene / "sweep", code=2)
    assert "/.hydra: is a link that leads out of" in done.line
    with pytest.raises(SystemExit, match="2"):
        Inside().on_multirun_start(OmegaConf.create({"hydra": {"sweep": {"dir": str(scene / "sweep")}}}))
    assert "is a link that leads out of" in capsys.readouterr().err
    assert outside(scene) == before


@pytest.mark.parametrize(("attack", "entry"), CASES, ids=lambda value: getattr(value, "name", value))
def test_nothing_is_executed_and_nothing_outside_is_touched(
    scene: Scene, attack: Attack, entry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    attack.make(scene)
    before, start = outside(scene), time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = ENTRIES[entry](scene / "sweep" / "run")
    assert outside(scene) == before
    assert time.process_time() - start < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 500_000  # KiB
    printed = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in printed.out + printed.err), printed
    lines = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    if entry == "sweep_status" and "plan" not in attack.name:
        assert code == 1 and "failed" in printed.out
    elif attack.refused:
        assert code == 2 and len(lines) == 1 and len(lines[0]) < 1500, printed
    else:
        assert code == 0 and not lines, printed
