"""Sweeps at the real command line: what failed is told, what is done stays done, what is missing is run."""

import importlib.util
import json
import os
import signal
import time
from pathlib import Path

import pytest
from helpers.commands import SMALL_GAME, finish, rounds_logged, run, start, start_afresh, until
from helpers.configuration import CONF
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gan_lab.cli.status import main, status
from gan_lab.errors import UserError
from gan_lab.sweeps.plan import LONGEST, OPTUNA, Plan, objective, run_name
from gan_lab.sweeps.study import Study

pytestmark = pytest.mark.slow

QUICK = ["callbacks.metrics.every=1", "callbacks.checkpoint.every=5", "callbacks.samples=null"]


def plugin(name: str, extra: str) -> pytest.MarkDecorator:
    found = importlib.util.find_spec(f"hydra_plugins.{name}") if importlib.util.find_spec("hydra_plugins") else None
    return pytest.mark.skipif(found is None, reason=f"{name} is not installed (the extra {extra!r})")


def states(sweep: Path) -> dict[str, str]:
    return {job.name.rpartition("data.batch_size=")[2].partition(",")[0]: job.state for job in status(sweep, 60)}


def test_a_directory_is_named_after_the_overrides() -> None:
    assert run_name(["seed=1", "loss=hinge"]) == run_name(["loss=hinge", "seed=1"]) == "loss=hinge,seed=1"
    assert run_name([]) == "default"
    assert run_name(["seed=1", "data.root=/a", "objective=g/loss", "rounds=3"]) == "seed=1"
    assert run_name(["seed=1", "rounds=3"], "rounds") == "rounds=3,seed=1"
    odd = run_name(["model.hidden=[16,16]", "term@d_terms=[r1]", "+x='a/b c'"])
    assert not set(odd) & set("/[]' ")
    long = [run_name([*(f"key{n}=value" for n in range(99)), f"seed={seed}"]) for seed in (1, 2)]
    assert len(set(long)) == 2
    assert all(len(name) <= LONGEST for name in long)


def test_a_sweep_that_was_killed_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = tmp_path / "sweep"
    command = ["-m", "data.batch_size=9999,8,16,32", *SMALL_GAME[:2], *QUICK, "rounds=150", "hydra.sweep.dir=sweep"]
    process = start(*command, where=tmp_path)
    until(lambda: any(rounds_logged(job) > 10 for job in sweep.glob("*batch_size=16,*")), process, 240)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert states(sweep) == {"9999": "failed", "8": "done", "16": "running", "32": "waiting"}
    played = {path.parent.name: path.stat().st_mtime_ns for path in sweep.glob("*batch_size=8,*/metrics.csv")}

    process = start(*command, where=tmp_path)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert out.count("nothing to do") == 1
    assert "error: job 0: data.batch_size=9999: larger than the data set" in errors
    assert states(sweep) == {"9999": "failed", "8": "done", "16": "done", "32": "done"}
    assert played == {name: (sweep / name / "metrics.csv").stat().st_mtime_ns for name in played}

    assert main([str(sweep)]) == 1
    table = capsys.readouterr().out
    assert "failed | data.batch_size=9999: larger than the data set, which has 1797 samples |" in table
    assert "4 jobs: 3 done, 0 running, 1 failed, 0 waiting" in table


@pytest.mark.parametrize("several", ["-m loss=hinge,minimax hydra.sweep.dir=s", "seeds=2 hydra.run.dir=s"])
def test_with_more_rounds_a_sweep_goes_on_with_its_runs(tmp_path: Path, several: str) -> None:
    def ended() -> list[int]:
        return [json.loads(path.read_text())["rounds"] for path in (tmp_path / "s").glob("*/summary.json")]

    command = f"python train.py {several} {' '.join(SMALL_GAME[:2])} callbacks=[metrics,checkpoint] rounds="
    run(f"{command}3", tmp_path)
    assert ended() == [3, 3] and [job.state for job in status(tmp_path / "s", 60)] == ["done"] * 2
    run(f"{command}5", tmp_path)
    assert ended() == [5, 5]
    refused = run(f"{command}4", tmp_path, code=2)
    assert "rounds=4: the run in " in refused.err and "has played 5 already; give more" in refused.err
    assert [job.state for job in status(tmp_path / "s", 60)] == ["done"] * 2
    if "-m" in several:
        run(f"{command}1,2", tmp_path)
        assert sorted(ended()) == [1, 1, 2, 2, 5, 5]


@plugin("hydra_joblib_launcher", "dependencies")
def test_joblib_plays_several_at_once(tmp_path: Path) -> None:
    command = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "data.batch_size=8,9999", *SMALL_GAME[:2]]
    process = start_afresh(*command, *QUICK, "rounds=5", "hydra.sweep.dir=sweep", where=tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 2, errors
    assert "Traceback" not in errors
    assert states(tmp_path / "sweep") == {"8": "done", "9999": "failed"}


@plugin("hydra_optuna_sweeper", "optuna")
def test_a_search_that_was_killed_goes_on_to_its_number_of_trials(tmp_path: Path) -> None:
    import optuna

    sweep = tmp_path / "sweep"
    command = ["-m", "hydra/sweeper=optuna", "objective=min/g/loss", "hydra.sweeper.n_trials=4", *SMALL_GAME, *QUICK]
    command += ["rounds=150", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "hydra.sweeper.sampler.seed=0"]
    command += ["hydra.sweeper.n_jobs=1", "hydra.sweep.dir=sweep"]
    process = start(*command, where=tmp_path)
    until(
        lambda: len(list(sweep.glob("*/metrics.csv"))) == 2 and len(list(sweep.glob("*/summary.json"))) == 1,
        process,
        240,
    )
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [job.state for job in status(sweep, 60)].count("waiting") == 2
    said = run(["train.py", *command], tmp_path, seconds=300)
    assert [job.state for job in status(sweep, 60)] == ["done"] * 4
    trials = optuna.load_study("study", f"sqlite:///{sweep}/study.db").get_trials(
        states=[optuna.trial.TrialState.COMPLETE]
    )
    assert len(trials) == 4
    found = {json.loads(path.read_text())["min/g/loss"] for path in sweep.glob("*/summary.json")}
    assert {trial.value for trial in trials} == found
    assert f", min/g/loss {min(found):.5g}; copies of training data: not tested" in said.out


def test_the_best_run_of_a_search_is_named_and_marked_where_it_copies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copying = {"evaluation/copying": 0.9, "evaluation/copying/error": 0.01}
    runs = {"a": {"frechet": 2.0}, "b": {"frechet": 1.0} | copying, "c": {"frechet": float("inf")}, "d": {}}
    for name, figures in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps({"finished": True} | figures))
    sweeper = {"_target_": OPTUNA, "direction": "minimize"}
    config = {"objective": "frechet", "hydra": {"sweeper": sweeper, "sweep": {"dir": str(tmp_path)}}}
    Study().on_multirun_end(OmegaConf.create(config))
    assert capsys.readouterr().out == (
        f"best run: {tmp_path / 'b'}, frechet 1; copies of training data: COPIES (1 of 1), at least 40.0 standard "
        "deviations from chance\n"
    )
    sweeper["direction"] = "maximize"
    Study().on_multirun_end(OmegaConf.create(config))
    assert capsys.readouterr().out == f"best run: {tmp_path / 'a'}, frechet 2; copies of training data: not tested\n"
    config["objective"] = "kernel"
    Study().on_multirun_end(OmegaConf.create(config))
    assert not capsys.readouterr().out


def test_a_search_without_an_objective_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    target = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    with pytest.raises(SystemExit, match="2"):
        Study().on_multirun_start(OmegaConf.create({"objective": None, "hydra": {"sweeper": {"_target_": target}}}))
    assert capsys.readouterr().err.startswith("error: objective: must name a figure")


def test_the_first_of_several_processes_plans_a_sweep_and_none_of_the_others_searches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    Plan().on_multirun_start(OmegaConf.create())
    with pytest.raises(SystemExit, match="2"):
        Study().on_multirun_start(OmegaConf.create({"objective": "g/loss", "hydra": {"sweeper": {"_target_": OPTUNA}}}))
    assert "one process searches" in capsys.readouterr().err


def test_jobs_of_one_name_are_refused(tmp_path: Path) -> None:
    process = start("-m", "data=mnist", "data.root=/a,/b", "hydra.sweep.dir=sweep", where=tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: data=mnist: several jobs would have this directory (data.root, data.workers, ")
    assert errors.count("\n") == 1


def test_the_objective_is_a_number_of_the_summary(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"g/loss": 0.5, "finished": true, "equilibrium/verdict": "still moving"}')

    def named(name: str | None) -> float | None:
        return objective(OmegaConf.create({"objective": name, "directory": str(tmp_path)}))

    assert named(None) is None
    assert named("g/loss") == 0.5
    with pytest.raises(UserError, match=r"objective=g/los: .*did you mean g/loss\? \(allowed: g/loss\)"):
        named("g/los")


def test_the_state_of_each_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def write(name: str, text: str, age: float = 0.0) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time.time() - age,) * 2)

    plan = "jobs: [seed=0, seed=1, seed=2, seed=3, seed=4, seed=10]"
    write("sweep.yaml", plan)
    for job, age in (("seed=0", 5000), ("seed=1", 5000), ("seed=2", 10), ("seed=10", 60)):
        write(f"{job}/config.yaml", "", 9000)
        write(f"{job}/metrics.csv", "round,d/loss\n50,1.0\n100,1.0\n15", age)
    write("seed=0/summary.json", '{"finished": true, "rounds": 120, "budget": 120}', 4999)
    write("seed=10/summary.json", '{"finished": false, "rounds": 110}', 50)  # Ctrl-C
    write("seed=3/failure.txt", "Traceback:\n  ...\nValueError: too bad\n")
    assert [(job.name, job.state) for job in status(tmp_path, 900)] == [
        ("seed=0", "done"), ("seed=1", "waiting"), ("seed=2", "running"),
        ("seed=3", "failed"), ("seed=4", "waiting"), ("seed=10", "waiting"),
    ]  # fmt: skip
    assert main([str(tmp_path), "minutes=100"]) == 1
    out = capsys.readouterr().out
    assert "| seed=0 | done | 120 rounds |" in out
    assert "| seed=1 | running | round 100, seen " in out
    assert "| seed=3 | failed | ValueError: too bad |" in out
    assert "| seed=4 | waiting | not started |" in out
    assert "| seed=10 | waiting | stopped after round 100 |" in out
    write("sweep.yaml", f"{plan}\nrounds: 200")  # started again with more rounds, and not far yet
    assert status(tmp_path, 900)[0][1:] == ("waiting", "120 of 200 rounds")
    assert main([str(tmp_path), "minute=3"]) == main([str(tmp_path), "minutes=-1"]) == main([str(tmp_path / "no")]) == 2
    assert all(line.startswith("error: ") for line in capsys.readouterr().err.splitlines())


@plugin("hydra_submitit_launcher", "slurm")
def test_the_launcher_for_clusters_composes() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["hydra/launcher=slurm", "hydra.launcher.timeout_min=5"], return_hydra_config=True)
    launcher = config.hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher")
    assert (launcher.timeout_min, launcher.max_num_timeout, launcher.signal_delay_s) == (5, 100, 90)


def test_a_requeued_run_resumes_by_itself(tmp_path: Path) -> None:
    """The same command twice; the second time SLURM says that it has started the job before."""
    command = [*SMALL_GAME, *QUICK, "rounds=300", "hydra.run.dir=run"]
    process = start(*command, where=tmp_path)
    until(lambda: rounds_logged(tmp_path / "run") > 10, process, 240)
    process.send_signal(signal.SIGUSR1)
    finish(process, 128 + signal.SIGUSR1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_RESTART_COUNT", "1")
        finish(start(*command, where=tmp_path), seconds=300)
        assert "nothing to do" in finish(start(*command, where=tmp_path), seconds=300)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["finished"] is True
