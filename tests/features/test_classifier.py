"""The judge: good at its work, the same every time, and cached so that no damage or race can change its verdict."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.commands import ROOT
from helpers.digits import DAMAGE, digits, few
from torch import Tensor

from gan_lab.features import classifier as room
from gan_lab.features.classifier import Classifier, accuracy, default_cache_dir, judge, load_or_train, train_classifier
from gan_lab.types import Batch

STEPS = 15


def state(classifier: Classifier) -> list[Tensor]:
    return list(classifier.state_dict().values())


def same(a: Classifier, b: Classifier) -> bool:
    return all(torch.equal(p, q) for p, q in zip(state(a), state(b), strict=True))


@pytest.mark.slow
def test_it_knows_real_digits_after_seconds() -> None:
    train, test = digits()
    classifier = train_classifier(train.x, train.y, seed=0, steps=300)
    assert accuracy(classifier, test.x, test.y) >= 0.97


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 13), (1, 28, 28), (3, 33, 64)])
def test_it_takes_any_size_and_judges_alike_in_any_chunks(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    classifier, x = Classifier(shape[0], 4), torch.rand(7, *shape) * 2 - 1
    whole, parts = judge(classifier, x), judge(classifier, x, chunk=3)
    assert (whole.features.shape, whole.logits.shape, whole.labels.shape) == ((7, 64), (7, 4), (7,))
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(classifier.eval()(x), whole.logits)


def test_it_is_trained_by_its_seed_alone() -> None:
    train, _ = few()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train_classifier(train.x, train.y, seed=3, steps=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, train_classifier(train.x, train.y, seed=3, steps=3))
    assert not same(first, train_classifier(train.x, train.y, seed=4, steps=3))


def test_shifts_move_the_picture_and_continue_its_rim() -> None:
    x = torch.full((200, 1, 28, 28), -1.0)
    x[:, 0, 10, 15] = 1
    places = room.shifted(x, torch.Generator().manual_seed(0)).flatten(1)
    assert places.sum(1).eq(2 - 28 * 28).all()
    at = places.argmax(1)
    assert {(int(i) // 28 - 10, int(i) % 28 - 15) for i in at} == {(a, b) for a in range(-2, 3) for b in range(-2, 3)}


@pytest.mark.parametrize("shape", [(2, 64), (2, 1, 7, 28)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="takes images"):
        judge(Classifier(1, 10), torch.zeros(shape))


def test_labels_must_match() -> None:
    with pytest.raises(ValueError, match="as many labels"):
        train_classifier(torch.zeros(3, 1, 8, 8), torch.zeros(2, dtype=torch.int64), seed=0)


def test_the_cache_answers_for_the_same_question_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = few()
    first = load_or_train(tmp_path, train, test, seed=0, steps=STEPS)
    assert first.accuracy == accuracy(first.classifier, test.x, test.y)
    other = Batch(train.x, train.y.roll(1))
    load_or_train(tmp_path, other, test, seed=0, steps=STEPS)
    load_or_train(tmp_path, train, Batch(test.x[1:], test.y[1:]), seed=0, steps=STEPS)
    load_or_train(tmp_path, train, test, seed=1, steps=STEPS)
    with monkeypatch.context() as patch:
        patch.setattr(room, "RECIPE", -1)
        load_or_train(tmp_path, train, test, seed=0, steps=STEPS)
    assert len(list(tmp_path.glob("*.safetensors"))) == 5

    monkeypatch.setattr(room, "train_classifier", None)  # nothing is trained from here on
    again = load_or_train(tmp_path, train, test, seed=0, steps=STEPS)
    assert same(again.classifier, first.classifier)
    assert again.accuracy == first.accuracy
    assert not again.classifier.training


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_replaced(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = few()
    first = load_or_train(tmp_path, train, test, seed=0, steps=STEPS)
    (path,) = tmp_path.glob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[damage](whole))
    assert path.read_bytes() != whole
    load_or_train(tmp_path, train, test, seed=0, steps=STEPS)
    monkeypatch.setattr(room, "train_classifier", None)  # nothing is trained from here on
    again = load_or_train(tmp_path, train, test, seed=0, steps=STEPS)
    assert same(again.classifier, first.classifier)
    assert again.accuracy == first.accuracy


TWICE = """
import sys, torch
sys.path.insert(0, "tests")
from pathlib import Path
from helpers.digits import few
from gan_lab.features.classifier import load_or_train
trained = load_or_train(Path(sys.argv[1]), *few(), seed=0, steps=60)
print(trained.accuracy, [float(p.sum()) for p in trained.classifier.parameters()])
"""


@pytest.mark.slow
def test_two_processes_at_once_train_one_classifier(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TWICE, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=-1, stderr=-1) for _ in range(2)]
    (out_a, err_a), (out_b, err_b) = (process.communicate(timeout=300) for process in running)
    assert [process.returncode for process in running] == [0, 0], err_a + err_b
    assert out_a == out_b != ""
    assert ("60/60" in err_a) + ("60/60" in err_b) == 1
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".lock", ".safetensors"]


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_dir() == Path("/somewhere/gan_lab")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache_dir() == Path("/home/ada/.cache/gan_lab")
