"""Runs on a real SLURM of two nodes, brought up on this machine for the time of the tests; -s tells how long each took.

Sweeps, two nodes in one game, warnings, preemption: each ends as a run that was left alone.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.commands import ROOT, SMALL_GAME, finish, rounds_logged, start, start_afresh, until
from helpers.runs import assert_same_runs

from gan_lab.cli.status import status
from gan_lab.io.run_file import read_facts

LACKING = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(LACKING), reason=f"SLURM is not installed ({', '.join(LACKING)})"),
    pytest.mark.skipif(os.geteuid() != 0, reason="SLURM's daemons need root"),
    pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="submitit is absent (extra 'slurm')"),
]
# Of its rounds a job's first start plays 45, the next one the others.
WARNED_GAME = [*SMALL_GAME, "callbacks.metrics.every=10", "callbacks.checkpoint.every=1000000"]
WARNED_GAME += ["+callbacks.until_warned={_target_:helpers.until_warned.UntilWarned,after:45}"]
NODES = ("127.0.0.1", "127.0.0.2")  # names that resolve: processes find one another by them
# A CPU each; what is in partition `urgent` takes them from what is in `main`, after a warning.
SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket,cred_expire=5
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/%n.pid
SlurmdSpoolDir={home}/%n
StateSaveLocation={home}/state
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,requeue_delay=1
SlurmctldParameters=preempt_send_user_signal
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=4000
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def states() -> str:
    return subprocess.run(["sinfo", "-h", "-N", "-p", "main", "-o", "%T"], capture_output=True, text=True).stdout


def wait(condition: Callable[[], bool], job: str = "") -> None:
    """Until then; or until the job has failed."""
    deadline = time.monotonic() + 300
    while not condition():
        assert not job or " JobState=FAILED " not in ask("scontrol", "show", "job", "-o", job)
        assert time.monotonic() < deadline
        time.sleep(0.1)


def steps() -> str:
    """Steps that are running, JOB.0 and JOB_TASK.0 of those that the jobs' scripts began."""
    return subprocess.run(["squeue", "--steps", "-h", "-o", "%i"], capture_output=True, text=True).stdout


def set_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the jobs: they find the tests' callback, and have a thread each."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def wall_time(request: pytest.FixtureRequest) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"\n{request.node.name}: {time.monotonic() - began:.0f} s")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("slurm")
    for folder in ("state", *NODES):
        (home / folder).mkdir()
    (home / "munge.key").write_bytes(os.urandom(128))
    (home / "munge.key").chmod(0o400)
    conf = home / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    conf.write_text(SLURM_CONF.format(home=home, host=host, nodes=NODES, ports=[free_port() for _ in range(3)]))
    os.environ["SLURM_CONF"] = str(conf)
    munge = [f"--{what}-file={home}/munge.{what}" for what in ("key", "pid", "log", "seed")]
    daemons = [
        ["munged", "--foreground", "--force", f"--socket={home}/munge.socket", *munge],
        ["slurmctld", "-D", "-c", "-f", str(conf)],
        *(["slurmd", "-D", "-c", "-f", str(conf), "-N", node] for node in NODES),
    ]
    running = []
    with (home / "log").open("w") as log:
        try:
            for daemon in daemons:
                running.append(subprocess.Popen(daemon, stdout=log, stderr=log))
                if daemon[0] != "slurmd":
                    time.sleep(1)  # for what the next one speaks to
            wait(lambda: states() == "idle\nidle\n")
            yield
        finally:
            subprocess.run(["scancel", "--user=root"], check=False)
            for process in reversed(running):
                process.terminate()
                process.wait(30)
            del os.environ["SLURM_CONF"]


def test_a_batch_job_that_is_warned_saves_and_comes_back(
    slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an earlier warning came before Python could listen."""
    early = "trap '' USR1; kill -USR1 $$;"
    run = f"{early} exec {sys.executable} {ROOT / 'train.py'} hydra.run.dir=run rounds=60 {' '.join(WARNED_GAME)}"
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch)
    options = ["--parsable", "--requeue", "--open-mode=append", "--signal=B:USR1@90", "--time=10"]
    job = ask("sbatch", *options, "--wrap", run).strip()
    wait(lambda: rounds_logged(tmp_path / "run") > 2, job)
    ask("scancel", "--batch", "--signal=USR1", job)  # as SLURM does 90 seconds before the end
    wait(lambda: " JobState=COMPLETED " in ask("scontrol", "show", "job", "-o", job), job)
    assert " Restarts=1 " in ask("scontrol", "show", "job", "-o", job)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["finished"] is True
    assert (tmp_path / f"slurm-{job}.out").read_text().count("stopped after round") == 1


def test_jobs_of_a_sweep_that_are_warned_and_preempted_end_as_those_that_were_left_alone(
    slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is warned before it can listen, the second preempted in its middle, the third perhaps as it starts."""
    set_environment(monkeypatch)
    size = ["hydra.launcher.timeout_min=10", "hydra.launcher.mem_gb=1", "hydra.launcher.cpus_per_task=1"]
    sweep = ["hydra/launcher=slurm", *size, "hydra.sweep.dir=sweep", "rounds=20,60,10"]
    process = start_afresh("-m", *sweep, *WARNED_GAME, where=tmp_path)
    local = start(*WARNED_GAME, "rounds=60", "hydra.run.dir=local", where=tmp_path)
    until(lambda: "_0.0" in steps(), process, 300)
    (first,) = [step.removesuffix(".0") for step in steps().split() if step.endswith("_0.0")]

    warned = 0.0

    def comes_back() -> bool:
        """After a warning. One that comes before SLURM has begun the step is lost; submitit bears one at a time."""
        nonlocal warned
        if time.monotonic() > warned + 10:
            warned = time.monotonic()
            subprocess.run(["scancel", "--signal=USR2", "--state=RUNNING", first], capture_output=True)
        return " Restarts=1 " in ask("scontrol", "show", "job", "-o", first)

    until(comes_back, process, 300)
    until(lambda: any(rounds_logged(run) > 3 for run in tmp_path.glob("sweep/*=*")), process, 300)
    ask("sbatch", "--partition=urgent", "--exclusive", "--nodes=2", "--output=/dev/null", "--wrap=sleep 1")
    finish(process, seconds=600)

    jobs = [job for job in ask("scontrol", "show", "job", "-o").splitlines() if "ArrayTaskId" in job]
    assert len(jobs) == 3
    (second,) = [job for job in jobs if "ArrayTaskId=1 " in job]
    assert " Restarts=1 " in second
    assert [job.state for job in status(tmp_path / "sweep", 60)] == ["done"] * 3
    starts = [read_facts(run)["start"] for run in tmp_path.glob("sweep/*=*")]
    assert starts == [{"program": ["python", str(ROOT / "train.py")], "flags": []}] * 3
    finish(local, seconds=600)
    assert_same_runs(max(tmp_path.glob("sweep/*=*"), key=rounds_logged), tmp_path / "local")


def test_two_nodes_play_as_two_processes_do_and_come_back_after_a_warning(
    slurm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*WARNED_GAME, "trainer=ddp_cpu", "rounds=60"]
    two = ["trainer.devices=1", "trainer.num_nodes=2", "hydra.run.dir=run"]
    early = "trap 'test $? = 138 && scontrol requeue $SLURM_JOB_ID' EXIT;"  # would Python not listen yet
    run = f"{early} srun -K {sys.executable} {ROOT / 'train.py'} {' '.join([*settings, *two])}"
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch)
    job = ask(
        "sbatch", "--parsable", "--requeue", "--open-mode=append", "--nodes=2", "--ntasks-per-node=1", "--wrap", run
    )
    job, local = job.strip(), start(*settings, "hydra.run.dir=local", where=tmp_path)
    wait(lambda: rounds_logged(tmp_path / "run") > 2, job)
    ask("scancel", "--signal=USR1", job)
    wait(lambda: " JobState=COMPLETED " in ask("scontrol", "show", "job", "-o", job), job)
    assert " Restarts=1 " in ask("scontrol", "show", "job", "-o", job)
    finish(local, seconds=300)
    assert_same_runs(tmp_path / "run", tmp_path / "local")
