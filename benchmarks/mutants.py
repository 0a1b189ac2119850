"""Mutants of a room's code, and how many of them its own tests notice: `python benchmarks/mutants.py [ROOM ...]`.

A mutant is the code with one small change, such as `<` for `<=`. Cosmic Ray (`pip install -e '.[mutants]'`) makes them;
here they are put into a copy of the tree, and the tests that reach the changed line are run until the first that fails.
Rooms, their tests and the kinds of changes are in `pyproject.toml`, in `[tool.mutants]`. Prints a row of the table in
docs/mutants.md for each room, and the survivors; keeps them in `mutants/ROOM.json`.

    --most N     draws N of a room's mutants by the seed 0; without it as many as the room's own `most` says
    --survivors  tries again those alone that survived the last time, of files that have not changed
    --count      only counts

Each trial is a fork of one process that has imported what others wrote, so that torch is paid for once.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import parso
import pytest
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.provider import OperatorProvider

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "mutants"
TREE = KEPT / "tree"
SLACK, TIMES = 20, 10  # a trial has that many seconds of CPU, and as many times what the unchanged code took


class SwapReduction(Operator):
    """Another reduction: what is a mean becomes a sum, and so on."""

    pairs = (("mean", "sum"), ("min", "max"), ("clamp_min", "clamp_max"), ("any", "all"))
    others: ClassVar[dict[str, str]] = dict([*pairs, *((b, a) for a, b in pairs)])

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if node.type == "name" and node.value in self.others and (following := node.get_next_leaf()):
            method = node.get_previous_leaf().value == "."
            if following.value == "(" and (method or node.value in ("min", "max", "sum", "any", "all")):
                yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        plain = node.get_previous_leaf().value != "." and node.value == "sum"
        node.value = "len" if plain else self.others[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[Any, ...]:
        return ()


@dataclass
class Mutant:
    """One change of one file; `tests` are those that reach its line."""

    file: str
    line: int
    operator: str
    occurrence: int
    digest: str  # of the unchanged file
    before: str = ""
    after: str = ""
    outcome: str = ""
    seconds: float = 0.0
    tests: list[str] = field(default_factory=list, repr=False)


def settings() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutants"]
    for of in found["rooms"].values():
        of["code"] = sorted(str(path.relative_to(ROOT)) for pattern in of["code"] for path in ROOT.glob(pattern))
    return found


def copy_tree() -> None:
    """All files that git knows or would ask about, afresh."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)


# --- what is changed ------------------------------------------------------------------------------------------------


def left_out(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Spans that are not changed: annotations, types' aliases, errors and their messages, `dataclass`, `field(...)`."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
            made = getattr(node, "value", None)
            if isinstance(made, ast.Call) and getattr(made.func, "id", "") == "field":
                parts.append(made)
        elif isinstance(node, ast.FunctionDef):
            parts = [node.returns]
        elif isinstance(node, ast.ClassDef):
            parts = [decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
        elif isinstance(node, ast.Raise):
            parts = [node]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            parts = [node.value] if getattr(node.value.value, "id", "") == "tuple" else []
        for part in parts:
            if isinstance(part, ast.expr | ast.stmt):
                first = part.col_offset - isinstance(node, ast.ClassDef)  # the decorator's @, too
                spans.append(((part.lineno, first), (part.end_lineno or 0, part.end_col_offset or 0)))
    return spans


def statement(source: str, line: int) -> range:
    """The lines of the innermost statement there; of a compound one, those of its head."""
    best = range(line, line + 1)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            lines = range(node.lineno, max(end, node.lineno) + 1)
            if line in lines and (len(best) == 1 or len(lines) <= len(best)):
                best = lines
    return best


def in_function(source: str, line: int) -> bool:
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return any(node.body[0].lineno <= line <= (node.end_lineno or line) for node in functions)


def operators(names: Sequence[str]) -> dict[str, Operator]:
    provider = OperatorProvider()
    return {name: provider[name]() for name in names} | {"SwapReduction": SwapReduction()}


def mutants_of(file: str, kinds: dict[str, Operator], elsewhere: str) -> list[Mutant]:
    source = (ROOT / file).read_text()
    lines = source.splitlines()
    spans, digest = left_out(source), hashlib.sha256(source.encode()).hexdigest()[:12]
    found = []
    for name, operator in kinds.items():
        positions = (p for node in ast_nodes(parso.parse(source)) for p in operator.mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            if not any(first <= start < end for first, end in spans) and not re.search(elsewhere, lines[start[0] - 1]):
                found.append(Mutant(file, start[0], name, occurrence, digest))
    return found


# --- trials ---------------------------------------------------------------------------------------------------------


class Quick:
    """Of pytest: the tests that play no whole run, as those do which ask for these fixtures."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if not {"played", "runs", "fake_mnist"} & {*item.fixturenames}]


class Chosen:
    """Of pytest: the tests with these names alone, the quickest first."""

    def __init__(self, names: Sequence[str]) -> None:
        self.rank = {name: rank for rank, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.rank), key=lambda i: self.rank[i.nodeid])


class Watch(Quick):
    """Of pytest: which lines each test reaches, and for how long it ran."""

    def __init__(self, files: Sequence[str]) -> None:
        from coverage import Coverage

        self.files = [str(TREE / file) for file in files]
        self.coverage = Coverage(data_file=None, include=self.files, config_file=False)
        self.seconds: dict[str, float] = {}
        self.coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def found(self) -> dict[str, Any]:
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {file: data.contexts_by_lineno(file) for file in self.files}
        return {
            "lines": {str(Path(file).relative_to(TREE)): reached for file, reached in lines.items()},
            "seconds": self.seconds,
            "modules": [name for name in sys.modules if not is_ours(name)],
        }


def is_ours(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return module.split(".")[0] in ("gan_lab", "helpers", "conftest", "__main__") or file.startswith(str(TREE))


def forked(work: Callable[[], int], log: Path, limit: float) -> tuple[int, float]:
    """The exit status of `work` in a process of its own, and its seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
            with log.open("w") as out:
                os.dup2(out.fileno(), 1), os.dup2(out.fileno(), 2)
            os.chdir(TREE)
            status = work()
        finally:
            os._exit(status)
    _, waited = os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return waited, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pytest_on(names: Sequence[str], plugin: Any) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist"]
        return int(pytest.main([*options, f"--basetemp={scratch}/pytest", *names], plugins=[plugin]))


def reach(files: Sequence[str], tests: Sequence[str]) -> tuple[dict[str, Any], float]:
    """What the tests reach in the unchanged code; then this process imports what they did, but for our own."""
    report = KEPT / "reach.json"
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

    def work() -> int:
        watch = Watch(files)
        status = pytest_on(tests, watch)
        report.write_text(json.dumps(watch.found()))
        return status

    _, found = forked(work, KEPT / "log.txt", 3600), json.loads(report.read_text())
    for name in found["modules"]:
        with suppress(Exception):
            importlib.import_module(name)
    status, seconds = forked(lambda: pytest_on(tests, Quick()), KEPT / "log.txt", 3600)
    sys.dont_write_bytecode = True  # what is compiled by now is of the unchanged code
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if status:
        sys.exit(f"the tests fail on the unchanged code: {KEPT / 'log.txt'}")
    return found, seconds


def choose(mutant: Mutant, source: str, found: dict[str, Any]) -> list[str]:
    """The tests that can notice it, the quickest first."""
    reached: dict[str, list[str]] = found["lines"][mutant.file]
    here = {name for line in statement(source, mutant.line) for name in reached.get(str(line), [])}
    everywhere = "" in here or not in_function(source, mutant.line)  # it runs as files are imported
    return sorted(found["seconds"] if everywhere else here, key=lambda name: found["seconds"].get(name, 0.0))


def try_out(mutant: Mutant, source: str, kinds: dict[str, Operator], found: dict[str, Any]) -> None:
    changed = mutate_code(source, kinds[mutant.operator], mutant.occurrence)
    old, new = source.splitlines(), changed.splitlines()
    differ = [i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b] or [mutant.line - 1]
    mutant.before, mutant.after = old[differ[0]].strip(), new[differ[0]].strip()
    mutant.tests = choose(mutant, source, found)
    if not mutant.tests:
        mutant.outcome = "no test"
        return
    (TREE / mutant.file).write_text(changed)
    files = sorted({name.split("::")[0] for name in mutant.tests})
    limit = SLACK + TIMES * sum(found["seconds"].get(name, 0.0) for name in mutant.tests)
    status, mutant.seconds = forked(lambda: pytest_on(files, Chosen(mutant.tests)), KEPT / "log.txt", limit)
    (TREE / mutant.file).write_text(source)
    mutant.outcome = "killed" if status else "survived"


def room(name: str, told: dict[str, Any], kinds: dict[str, Operator], most: int | None, again: bool) -> None:
    of, kept = told["rooms"][name], KEPT / f"{name}.json"
    sources = {file: (TREE / file).read_text() for file in of["code"]}
    every = [mutant for file in of["code"] for mutant in mutants_of(file, kinds, told["elsewhere"])]
    most = most or of.get("most") or len(every)
    drawn = every if most >= len(every) else random.Random(0).sample(every, most)
    done: dict[tuple[str, str, int, str], Mutant] = {}
    if again and kept.exists():
        before = [Mutant(**one) for one in json.loads(kept.read_text())]
        done = {(m.file, m.operator, m.occurrence, m.digest): m for m in before if m.outcome == "killed"}
    found, seconds = reach(of["code"], of["tests"])
    results: list[Mutant] = []
    began = time.monotonic()
    for number, one in enumerate(drawn, 1):
        mutant = done.get((one.file, one.operator, one.occurrence, one.digest), one)
        if mutant is one:
            try_out(mutant, sources[mutant.file], kinds, found)
            if mutant.outcome != "killed":
                print(f"{mutant.outcome}: {mutant.file}:{mutant.line} {mutant.operator}", flush=True)
                print(f"    - {mutant.before}\n    + {mutant.after}", flush=True)
            if number % 20 == 0:
                print(f"    {number} of {len(drawn)}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        results.append(mutant)
        kept.write_text(json.dumps([asdict(m) | {"tests": []} for m in results], indent=1))
    killed = sum(mutant.outcome == "killed" for mutant in results)
    of_all = f"{len(results)}" + (f" of {len(every)}" if len(results) < len(every) else "")
    print(f"| {name} | {of_all} | {killed} | {killed / len(results):.0%} | {seconds:.0f} |", flush=True)


def main() -> None:
    asked, told = argparse.ArgumentParser(), settings()
    asked.add_argument("rooms", nargs="*", choices=[[], *told["rooms"]], default=[])
    asked.add_argument("--most", type=int)
    asked.add_argument("--survivors", action="store_true")
    asked.add_argument("--count", action="store_true")
    options, kinds = asked.parse_args(), operators(told["operators"])
    rooms = options.rooms or list(told["rooms"])
    if options.count:
        for name in rooms:
            print(name, sum(len(mutants_of(file, kinds, told["elsewhere"])) for file in told["rooms"][name]["code"]))
        return
    copy_tree()
    sys.path[:0] = [str(TREE), str(TREE / "tests")]
    paths = {"PYTHONPATH": os.pathsep.join([str(TREE), os.environ.get("PYTHONPATH", "")])}
    os.environ |= paths | {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    for name in rooms:
        room(name, told, kinds, options.most, options.survivors)


if __name__ == "__main__":
    main()
