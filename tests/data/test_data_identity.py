"""A run knows its data: what is not what it has learnt from is refused in one line, and what has only moved is not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.commands import run
from helpers.made_up_sets import OFFLINE, Make
from PIL import Image

from gan_lab.data.identity import DataIdentity
from gan_lab.data.listing import list_pictures
from gan_lab.io.ownership import write_own
from gan_lab.io.run_file import note, read_facts

pytestmark = pytest.mark.slow

SMALL = "model=mlp model.hidden=[8] data.image_size=8 data.channels=1 data.batch_size=4 data.workers=0 latent.dim=4"
TRAIN = f"python train.py data=images {SMALL} callbacks.samples=null"
CLASSES = "data.num_classes=2 conditioning=concat"
SWEEP = TRAIN.replace("train.py", "train.py -m")


def pictures(folder: Path, level: int = 0, count: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng(level + i).integers(0, 255, (8, 8 + level // 100), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional run on cats and dogs, and a folder of birds."""
    where = tmp_path_factory.mktemp("scene")
    pictures(where / "pets" / "cat")
    pictures(where / "pets" / "dog", 100)
    pictures(where / "birds" / "cat", 200)
    pictures(where / "birds" / "dog", 300)
    run(f"{TRAIN} {CLASSES} data.root=pets rounds=2 hydra.run.dir=run", where)
    return where


@pytest.fixture
def scene(made: Path, tmp_path: Path) -> Iterator[Path]:
    """The same, to be changed: it is put back afterwards, where it was."""
    shutil.copytree(made, tmp_path / "before")
    yield made
    shutil.rmtree(made)
    shutil.copytree(tmp_path / "before", made)


def renamed(where: Path) -> str:
    (where / "pets" / "dog").rename(where / "pets" / "ant")
    return "class 0 was cat and is ant"


def added(where: Path) -> str:
    Image.new("L", (8, 8)).save(where / "pets" / "cat" / "new.png")
    return "there were 8 samples, and now there are 9"


def removed(where: Path) -> str:
    (where / "pets" / "dog" / "0.png").unlink()
    return "there were 8 samples, and now there are 7"


def exchanged(where: Path) -> str:
    Image.new("L", (8, 8)).save(where / "pets" / "dog" / "0.png")
    return "as many samples, and not the same ones"


@pytest.mark.parametrize(
    ("change", "rounds"), [(renamed, ""), (added, "rounds=4"), (removed, ""), (exchanged, ""), (exchanged, "rounds=4")]
)
def test_other_data_are_refused_at_a_resume(scene: Path, change: object, rounds: str) -> None:
    difference = change(scene)  # type: ignore[operator]
    line = run(f"python train.py resume=run {rounds}", scene, code=2).line
    assert difference in line
    assert "begin a new run with its weights: start_from=" in line
    run(f"{TRAIN} {CLASSES} data.root=pets rounds=1 start_from=run", scene)  # the advice, followed


def test_another_folder_is_refused_and_one_that_has_moved_is_not(scene: Path) -> None:
    before = (scene / "run" / "checkpoints" / "last.ckpt").read_bytes()
    assert "not the same ones" in run("python train.py resume=run rounds=4 data.root=birds", scene, code=2).line
    assert (scene / "run" / "checkpoints" / "last.ckpt").read_bytes() == before
    (scene / "pets").rename(scene / "moved")
    assert "nothing to do" in run("python train.py resume=run data.root=moved", scene).out
    run("python train.py resume=run data.root=moved rounds=4", scene)
    assert yaml.safe_load((scene / "run" / "config.yaml").read_text())["data"]["root"] == str(scene / "moved")


def test_another_run_s_checkpoint_is_refused(scene: Path) -> None:
    run(f"{TRAIN} {CLASSES} data.root=pets rounds=2 seed=1 hydra.run.dir=other", scene)
    shutil.copy(scene / "other" / "checkpoints" / "last.ckpt", scene / "run" / "checkpoints" / "last.ckpt")
    line = run("python train.py resume=run rounds=4", scene, code=2).line
    assert "run/checkpoints/last.ckpt: is a checkpoint of another run" in line


def test_a_class_is_asked_for_by_its_name(scene: Path) -> None:
    for label, number in (("dog", 1), ("cat", 0), ("1", 1)):
        run(f"python -m gan_lab.sample run label={label} n=3 out=x.npz", scene)
        assert np.load(scene / "x.npz")["labels"].tolist() == [number] * 3
    line = run("python -m gan_lab.sample run label=doog", scene, code=2).line
    assert "classes are 0 to 1: cat, dog; did you mean dog?" in line


def test_a_sweep_s_results_do_not_stand_for_other_data(scene: Path) -> None:
    sweep = f"{SWEEP} data.root=pets hydra.sweep.dir=sweep"
    run(f"{sweep} seed=0 rounds=1", scene)
    summary = next((scene / "sweep").glob("*/summary.json"))
    before = summary.read_bytes()
    line = run(f"{sweep} seed=0,1 rounds=1 data.root=birds".replace("data.root=pets ", ""), scene, code=2).line
    assert "sweep: the runs there have learnt from other data" in line and "hydra.sweep.dir" in line
    assert summary.read_bytes() == before
    assert (
        not list((scene / "sweep").glob("*/failure.txt")) and len(list((scene / "sweep").glob("*/summary.json"))) == 1
    )
    (scene / "pets").rename(scene / "moved")
    moved = run(f"{sweep} seed=0,1 rounds=1".replace("data.root=pets", "data.root=moved"), scene)
    assert moved.out.count("nothing to do") == 1
    assert len(list((scene / "sweep").glob("*/summary.json"))) == 2


def test_a_search_goes_on_with_its_own_data_and_settings_only(scene: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    search = f"{SWEEP} rounds=1 hydra/sweeper=optuna hydra.sweeper.n_jobs=1 'optimizer.lr=interval(1e-5,1e-2)'"
    search += " hydra.sweep.dir=search hydra.sweeper.n_trials=1 objective=min/g/loss"
    run(f"{search} data.root=pets", scene)
    line = run(f"{search} data.root=birds", scene, code=2).line
    assert "search: the runs there have learnt from other data" in line
    line = run(f"{search} data.root=pets loss=hinge", scene, code=2).line
    assert "search: holds a search with other settings" in line
    line = run(f"{search} data.root=pets objective=min/d/loss", scene, code=2).line
    assert "objective min/g/loss, and now min/d/loss" in line
    run(f"{search} data.root=pets", scene)  # all of it is done


def test_the_first_lines_say_what_was_found(scene: Path) -> None:
    Image.new("L", (8, 8)).save(scene / "pets" / "preview.png")
    (scene / "pets" / "cat" / "notes.txt").touch()
    out = run(f"{TRAIN} data.root=pets rounds=1", scene).out
    assert "8 samples in 2 classes: cat 4, dog 4" in out
    assert "1 beside the folders of classes (preview.png)" in out and "1 ending in .txt (cat/notes.txt)" in out


def test_a_run_of_the_earlier_reader_is_evaluated_and_sampled_and_does_not_go_on(scene: Path) -> None:
    """Its settings and its digest as version 0.1 wrote them."""
    config = yaml.safe_load((scene / "run" / "config.yaml").read_text())
    known = ("root", "shape", "num_classes", "batch_size", "crop", "flip", "workers", "skip_corrupt", "seed")
    module = {key: config["data"]["module"][key] for key in known}
    config["data"]["module"] = {"_target_": "gan_lab.data.folder.ImageFolder", **module}
    facts = read_facts(scene / "run")
    data = {key: facts["data"][key] for key in ("samples", "classes")}
    before = list_pictures(str(scene / "pets")).digest
    note(scene / "run", data={**data, "digest": before})
    write_own(scene / "run" / "config.yaml", yaml.safe_dump(config))
    write_own(scene / "run" / "overrides.yaml", yaml.safe_dump(["data=image_folder", f"data.root={scene / 'pets'}"]))
    found = run("python -m gan_lab.evaluate run features=pixels metric=sliced_wasserstein n=4", scene)
    assert "sliced_wasserstein" in found.out and "other data" not in found.out + found.err
    run("python -m gan_lab.sample run n=3 label=dog out=x.npz", scene)
    line = run("python train.py resume=run rounds=4", scene, code=2).line
    assert "has learnt from data=image_folder" in line and "begin a new run" in line


# --- the identity itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OFFLINE)
def test_every_data_set_has_an_identity_that_no_seed_or_batch_changes(make: Make, name: str) -> None:
    one, other = make(name), make(name, seed=1, batch_size=2)
    assert one.identity == other.identity
    assert DataIdentity.from_json(one.identity.to_json()) == one.identity
    assert one.identity.difference(other.identity) is None
    assert one.found
    assert one.class_names is None or len(one.class_names) == one.num_classes


def test_data_in_memory_are_known_by_their_content(make: Make) -> None:
    whole, part = make("mnist"), make("mnist", subset=10)
    assert whole.identity.digest and whole.identity.digest != part.identity.digest
    assert "23 samples, and now there are 10" in str(whole.identity.difference(part.identity))
    assert make("mnist", image_size=32).identity == whole.identity  # the same pictures


def test_the_notes_of_a_run_hold_it(made: Path) -> None:
    facts = read_facts(made / "run")
    assert facts["data"]["classes"] == [["cat", 4], ["dog", 4]]
    assert facts.get("start_from") is None
