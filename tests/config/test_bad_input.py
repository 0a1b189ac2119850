"""A user's mistakes at the real command line: one clear line, exit code 2, no traceback, and soon.

`PYTHONPATH=tests python tests/config/test_bad_input.py` prints the whole table.
"""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.commands import ROOT, Command, Done
from PIL import Image

pytestmark = pytest.mark.slow


class Mistake(NamedTuple):
    arguments: str  # of train.py; {tmp} is the folder of `scene`
    says: str  # a regular expression
    at_once: bool = True  # the configuration alone tells: two seconds


MISTAKES = [
    Mistake("los=hinge", r"did you mean loss\?"),
    Mistake("loss=hinje", r"did you mean hinge\?.*allowed: hinge, least_squares"),
    Mistake("rouns=10", r"rouns.*did you mean rounds\?"),
    Mistake("data.batchsize=3", r"data\.batchsize.*did you mean data\.batch_size\?"),
    Mistake("+update.d_stepz=2", r"update\.d_stepz.*did you mean d_steps\?"),
    Mistake("+key.typo=1", r"key: there is no such key"),
    Mistake("+optimizer.typo=1", r"optimizer\.typo.*"),
    Mistake("conditioning=concat data=ring model=mlp", r"refers to data\.num_classes, which data does not have"),
    Mistake("conditioning=projection conditioning.discriminator.shap=3", r"shap.*did you mean .*shape"),
    Mistake("conditioning=batch_norm model=mlp", r"MLPGenerator has no batch normalisation", False),
    Mistake("wrapper@d_wrappers=[minibatch_std,virtual_batch_norm]", r"put virtual_batch_norm first", False),
    Mistake("conditioning=concat model=dirac", r"has no shape to make room for y", False),
    Mistake("degradation=[half,low_resolution]", r"degradation: must be one option"),
    Mistake("degradation=half degradation.share=1", r"degradation\.share=1: must be less than 1"),
    Mistake("term@g_terms=[consistency]", r"degradation=\{\}: must be a part .*for g_terms\.consistency"),
    Mistake(
        "degradation=low_resolution degradation.factor=3",
        r"degradation\.factor=3: must divide the images' size, 8 x 8",
        False,
    ),
    Mistake("model=srgan degradation=half", r"refers to degradation\.factor, which degradation does not have"),
    Mistake(
        "degradation=half data=ring model=mlp", r"degradation: takes parts of images, and data\.shape=\[2\]", False
    ),
    Mistake("degradation=half", r"degradation: neither network reads what is given; take model=pix2pix", False),
    Mistake(
        "data=paired_folder data.root={tmp}/pairs model=pix2pix", r"pairs: given/b\.png has no pair in target/", False
    ),
    Mistake("data=paired_folder data.root={tmp}/empty model=pix2pix", r"empty/given: no such folder", False),
    Mistake("model=pix2pix", r"the condition must be images \(1, 8, 8\), and it is no images", False),
    Mistake(
        "model=pix2pix degradation=low_resolution", r"must be images \(1, 8, 8\), and it is images \(1, 2, 2\)", False
    ),
    Mistake("model=pix2pix degradation=half model.discriminator.layers=2", r"layers=2 leave nothing of 8 x 8", False),
    Mistake("term@d_terms=[r1,r3]", r"r3.*allowed: .*r2"),
    Mistake("rounds=[1", r"rounds=\[1"),
    Mistake("rounds=ten", r"rounds='ten': must be an integer"),
    Mistake("loss.smoothing=1.5", r"loss\.smoothing=1\.5: must be"),
    Mistake("rounds=-1", r"rounds=-1: must be greater than 0"),
    Mistake("data.image_size=30", r"image size must be one, doubled at least once, whose smaller side is 4, 5, 6 or 7"),
    Mistake("data=ring model=dcgan", r"data\.shape=\[2\]: must have 3 items"),
    Mistake("data=images", r"data\.root: must be given"),
    Mistake("gan.ema_decay=0.9", r"gan\.ema_decay=0\.9: is now ema\.decay \(where it was null, ema=none\)"),
    Mistake("ema=power ema.width=0.3", r"ema: width=0\.3: must be below 0\.2887", False),
    Mistake("+ema@averages=delayed", r"averages: is one part, and must hold parts by their names"),
    Mistake("+ema@averages.raw=delayed", r"averages\.raw: has another meaning; give the average another name", False),
    Mistake("data=image_folder data.root={tmp}/pairs", r"data=image_folder: is now data=images data\.root=\.\.\."),
    Mistake("resume={tmp}/nowhere", r"nowhere: not a run directory"),
    Mistake("resume={tmp}/run loss=hinge", r"another configuration \(loss\._target_ is .* only rounds"),
    Mistake("-m resume={tmp}/run", r"does not go with --multirun"),
    Mistake("directory=elsewhere", r"directory: follows hydra\.run\.dir"),
    Mistake("hydra.run.dir={tmp}/run", r"holds a run already; go on with it", False),
    Mistake("trainer.accelerator=abacus", r"trainer: .*accelerator", False),
    Mistake("trainer.precision=16-true", r"trainer\.precision=16-true: must be one of 32-true, bf16-mixed"),
    Mistake("trainer.precision=16-mixed trainer.accelerator=cpu", r"trainer\.precision=16-mixed: needs a GPU", False),
    Mistake("+trainer.max_steps=5", r"trainer\.max_steps: use rounds=N"),
    Mistake("trainer.devices=2 trainer.accelerator=cpu", r"trainer\.devices: for 2 processes take trainer=ddp", False),
    Mistake("trainer=ddp_cpu data.batch_size=7", r"data\.batch_size=7: must be a multiple of the 2 processes", False),
    Mistake("data.batch_size=2000", r"batch_size=2000.*larger than the data set, which has 1797", False),
    Mistake("data=photographs data.image_size=448 model.width=1", r"larger than coffee\.png, .* 400 x 600", False),
    Mistake("data=mnist data.root={tmp}/nowhere", r"MNIST is not there and could not be downloaded", False),
    Mistake("data=images data.root={tmp}/nowhere", r"nowhere", False),
    Mistake("data=images data.root={tmp}/empty", r"empty.*\.png", False),
    Mistake("data=images data.root={tmp}/corrupt data.batch_size=2 data.workers=1", r"b\.png", False),
    Mistake("optimizer.betas=[0.5,2.0]", r"optimizer\.betas=\[0\.5, 2\.0\]: item 1 must be less than 1"),
    Mistake("resume={tmp}/damaged rounds=4", r"last\.ckpt: not a whole checkpoint", False),
    Mistake("model=mlp optimizer=sgd optimizer.lr=1e12 rounds=99", r"(discriminator|generator)'s .*round", False),
]

# Those of settings, whose laws test_idle_settings.py, test_arguments.py and test_exhausted.py check without a process
# for each: they are in the table alone.
SETTINGS = [
    Mistake("experiment=nope", r"experiment=nope.*allowed: .*ring"),
    Mistake("conditioning=[concat,projection]", r"conditioning: must be one option"),
    Mistake("conditioning=concat data.num_classes=null", r"data\.num_classes=null: must be an integer"),
    Mistake("loss=[hinge,minimax]", r"must be one option"),
    Mistake("seed=-3", r"seed=-3: must be"),
    Mistake("update.d_steps=0", r"update\.d_steps=0: must be greater than 0"),
    Mistake("data.batch_size=0", r"data\.batch_size=0: must be greater than 0"),
    Mistake("optimizer.lr=-1", r"optimizer\.lr=-1: must be greater than 0"),
    Mistake("callbacks.checkpoint.mode=best", r"checkpoint\.mode='best': must be.*'max'"),
    Mistake("term@d_terms=r1 d_terms.r1.every=0", r"d_terms\.r1\.every=0: must be"),
    Mistake("ema=half_life ema.half_life=0", r"ema\.half_life=0: must be greater than 0"),
    Mistake("schedule=exponential schedule.gamma=-1", r"schedule\.gamma=-1: must be greater than 0"),
    Mistake("schedule=cosine schedule.eta_min=-1", r"schedule\.eta_min=-1: must be greater than or equal to 0"),
    Mistake("schedule=cosine schedule.T_max=0", r"schedule\.T_max=0: must be greater than 0"),
    Mistake("schedule=linear schedule.total_iters=0", r"schedule\.total_iters=0: must be greater than 0"),
    Mistake("schedule=linear schedule.start_factor=5", r"schedule\.start_factor=5: must be less than or equal to 1"),
    Mistake("data.labels=100", r"data\.labels=100: no term reads them; take model=mlp_2016"),
    Mistake("data.labels_seed=1", r"data\.labels_seed=1: picks the labels that are shown, and all are"),
    Mistake("term@d_terms=[mode_seeking]", r"d_terms\.mode_seeking: acts on the generator alone"),
    Mistake("term@g_terms=[r1]", r"g_terms\.r1: acts on the discriminator alone"),
    Mistake("loss.generator_weight=0", r"leaves the generator no aim"),
    Mistake("+trainer.logger=true", r"trainer\.logger: use logger="),
    Mistake("+trainer.enable_checkpointing=false", r"trainer\.enable_checkpointing: use callbacks\.checkpoint"),
    Mistake("+trainer.default_root_dir=x", r"trainer\.default_root_dir: use hydra\.run\.dir"),
    Mistake("+trainer.deterministic=perhaps", r"trainer\.deterministic=perhaps: must be true, false or 'warn'"),
    Mistake("experiment=[ring,grid]", r"experiment=\[ring,grid\]: must be one option"),
    Mistake("data.num_classes=12", r"data\.num_classes=12: the data have 10 classes", False),
    Mistake("data.subset=5000", r"data\.subset=5000: larger than the data set", False),
    Mistake("+optimizer.d.maximize=true", r"optimizer\.d\.maximize=true: must be false"),
    Mistake("+optimizer.d.differentiable=true", r"optimizer\.d\.differentiable=true: must be false"),
    Mistake("+optimizer.d.capturable=true", r"optimizer\.d\.capturable=true: must be false"),
    Mistake("optimizer.d._target_=os.getcwd", r"optimizer\.d: posix\.getcwd\(\) takes no keyword arguments", False),
    Mistake("latent=codes latent.categorical=[] latent.continuous=0", r"leave no codes; take latent=uniform", False),
    Mistake("~model.generator", r"model\.generator: must be given"),
    Mistake("seed=12345678901234567890123", r"seed=12345678901234567890123: must be below 2\^63"),
    Mistake("data.batch_size=1000000000000 data=ring model=mlp", r"out of memory", False),
    Mistake("resume=", r"resume=: is empty; was a shell variable not set\?"),
    Mistake("hydra.run.dir=", r"hydra\.run\.dir=: is empty"),
    Mistake("data=images data.root=", r"data\.root=: is empty"),
    Mistake("data=images data.root=~/no_pictures_here", r"data\.root=/.*/no_pictures_here: no such folder", False),
    Mistake(f"hydra.run.dir={{tmp}}/{'x' * 300}", r"File name too long"),
    Mistake(f"resume={'x' * 300}", r"File name too long"),
    Mistake("-m seed=0,1 hydra/launcher=slurm hydra.sweep.dir={tmp}/sweep", r"there is no SLURM on this machine"),
    Mistake(
        "-m seed=0,1 hydra/launcher=joblib hydra.launcher.n_jobs=0 hydra.sweep.dir={tmp}/sweep", r"n_jobs=0: must be"
    ),
    Mistake(
        "-m hydra/sweeper=optuna objective=g/los seed=choice(0,1) rounds=2 model=mlp hydra.sweep.dir={tmp}/search",
        r"objective=g/los: summary\.json has no such number; did you mean g/loss\?",
        False,
    ),
]


def words(arguments: str, directory: Path) -> str:
    """The arguments of train.py, with a run directory of their own where they name none."""
    named = any(given in arguments for given in ("resume=", "run.dir", "sweep.dir"))
    place = "" if named else f" hydra.run.dir={directory / secrets.token_hex(4)}"
    return arguments.format(tmp=directory) + place


def run(arguments: str, directory: Path) -> Done:
    """train.py to its end, all that is slow to import being there already."""
    return Command(["train.py", *words(arguments, directory).split()], directory).done()


def make_scene(directory: Path) -> None:
    """Folders of pictures that are wrong in some way, a finished run, and one whose checkpoint was cut short."""
    for name in ("empty", "corrupt"):
        (directory / name).mkdir()
    Image.new("RGB", (70, 70)).save(directory / "corrupt" / "a.png")
    for name in ("given/a", "given/b", "target/a"):
        (directory / "pairs" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(directory / "pairs" / f"{name}.png")
    (directory / "corrupt" / "b.png").write_bytes((directory / "corrupt" / "a.png").read_bytes()[:40])
    for name in ("run", "damaged"):
        done = run(f"model=mlp rounds=2 callbacks.audit=null hydra.run.dir={directory / name}", directory)
        assert done.code == 0, done.err
    checkpoint = directory / "damaged" / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("scene")
    make_scene(directory)
    return directory


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.arguments)
def test_a_mistake_is_told_in_one_line(scene: Path, mistake: Mistake) -> None:
    done = run(mistake.arguments, scene)
    assert done.code == 2, done.err
    assert re.search(mistake.says, done.line), done.line
    if mistake.at_once:
        assert done.err.splitlines() == [done.line]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{tmp}/nowhere", r"nowhere: no run directory with a finished run"),
        ("{tmp}/run nn=3", r"nn: no such option; did you mean n\?|nn: no such option"),
        ("{tmp}/run n=0", r"n=0: must be greater than 0"),
        ("{tmp}/run n=many", r"n=many: must be a valid integer"),
        ("{tmp}/run label=3", r"label=3: this generator is not conditional"),
        ("{tmp}/run weights=best", r"weights=best: must be one of "),
        ("{tmp}/run out=x.mp3", r"out=x\.mp3: must end in one of \.npz"),
        (
            "{tmp}/run n=2 out={tmp}/corrupt",
            r"corrupt: has pictures already \([ab]\.png\); empty it, or name another",
        ),
    ],
)
def test_mistakes_when_sampling(scene: Path, arguments: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    from gan_lab.cli.sample import main

    assert main(arguments.format(tmp=scene).split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line


def timed(arguments: str, directory: Path) -> tuple[int, str, float]:
    """Exit code, standard error and seconds of train.py as it is started by a user."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(directory / ".config")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *words(arguments, directory).split()],
        capture_output=True, text=True, cwd=directory, env=environment, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr, time.perf_counter() - start


def table(directory: Path, write: Callable[[str], None] = print) -> None:
    make_scene(directory)
    write("| `python train.py ...` | exit | seconds | printed |\n|---|---|---|---|")
    for mistake in [*MISTAKES, *SETTINGS]:
        code, errors, seconds = timed(mistake.arguments, directory)
        lines = [line for line in errors.splitlines() if line.startswith("error: ")]
        shown = " ".join(lines).replace(str(directory), "TMP").replace("|", "\\|").replace("x" * 300, "xxx...")
        assert code == 2 and "Traceback" not in errors and re.search(mistake.says, shown), errors
        write(f"| `{mistake.arguments.format(tmp='TMP')}` | {code} | {seconds:.1f} | {shown} |")


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        table(Path(temporary))
