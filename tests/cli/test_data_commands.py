"""`gan-lab data`: what pictures there are, all of them in one file, and known sets."""

import json
import os
import re
import shlex
import signal
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import numpy as np
import pytest
from helpers.commands import Command, run, until
from helpers.made_up_sets import write_sets
from helpers.messy import TURNED, UNREADABLE, bomb, picture, write_messy
from PIL import Image

from gan_lab.cli.data import main


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("a place") / "it's messy"
    write_messy(root)
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def looked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """What `look` says, by its words; what is indented further under `failures`, and the last line as `command`."""
    assert main(["look", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line[2:15].strip(): line[16:] for line in lines if re.match(r"  \S", line)}
    failures = "\n".join(line.strip() for line in lines if line.startswith("    "))
    return found | {"head": lines[0], "failures": failures, "command": lines[-1].strip()}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a mistake is told in."""
    assert main([*arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("workers", [0, 2])
def test_look_tells_what_a_messy_folder_holds(
    messy: Path, here: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    found = looked(capsys, str(messy), f"workers={workers}")
    assert found["head"] == f"{messy}: folder, 31 pictures"
    assert found["classes"] == "3: bad 6, odd 13, whole 12"
    assert "1 ending in .txt (notes.txt)" in found["passed over"]
    assert "1 links that lead nowhere (bad/dead.jpg)" in found["passed over"]
    for part in ("smallest 1 x 1 (odd/one.png)", "largest 35 x 24 (bad/good.png)", "most common 32 x 24 (15)"):
        assert part in found["sizes"]
    assert "11 PNG, 10 JPEG, 2 GIF" in found["formats"]
    for part in ("2 palette", "1 CMYK", "1 grey", "1 black and white", "1 grey of 16 bits", "1 RGBA"):
        assert part in found["modes"]
    assert found["turned"].startswith(f"{len(TURNED)} ")
    assert found["transparent"].startswith("1 ") and "whole/alpha.png" in found["transparent"]
    assert found["animated"].startswith("1 ") and "odd/animated.gif" in found["animated"]
    assert found["ending"].startswith("1 ") and "odd/named.png" in found["ending"]
    assert "whole/again.bmp = whole/cmyk.tif = whole/rgb.png" in found["duplicates"]
    assert found["not readable"].startswith("5")
    for name, line in zip(UNREADABLE, found["failures"].splitlines(), strict=True):
        assert line.startswith(str(messy / "bad" / name))
    with Image.open("contact_sheet.png") as sheet:
        assert sheet.width > 1000 and sheet.height > 400
    command = shlex.split(found["command"])
    assert command[:3] == ["gan-lab", "train", "data=images"]
    assert command[4:] == ["data.skip_corrupt=true", "data.batch_size=31"]


def test_look_samples_what_is_large(messy: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = looked(capsys, str(messy), "workers=0", "sample=4")
    assert found["sample"].startswith("4 of them were opened, evenly spread")


@pytest.mark.slow
@pytest.mark.parametrize("options", [["image_size=16"], ["image_size=[8,16]", "channels=4", "fit=contain"]])
def test_the_command_that_look_ends_with_trains(
    messy: Path, here: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    program, *command = shlex.split(looked(capsys, str(messy), "workers=0", *options)["command"])
    assert program == "gan-lab"
    done = run(["-m", "gan_lab.cli.main", *command, "rounds=1", "callbacks=[metrics]", "hydra.run.dir=run"], here)
    assert "31 samples in 3 classes" in done.out


def test_look_shows_twelve_bits_bright(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("deep").mkdir()
    for i in range(3):
        Image.fromarray(np.full((16, 16), 1000 + 1000 * i, np.uint16)).save(f"deep/{i}.png")
    found = looked(capsys, "deep", "workers=0", "channels=1", "image_size=16")
    assert found["values"].endswith("1000 to 3000") and found["range"].startswith("black is 0 and white 4095")
    assert shlex.split(found["command"])[-2:] == ["data.range=[0,4095]", "data.batch_size=3"]
    Image.fromarray(np.full((16, 16), 0.25, np.float32)).save("deep/3.tif")
    assert "data.range=[0.25,3000]" in shlex.split(looked(capsys, "deep", "workers=0")["command"])
    assert "data.range=[0,9000.5]" in looked(capsys, "deep", "workers=0", "range=[0,9000.5]")["command"]


def archive(path: str, **files: bytes) -> str:
    with ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def png() -> bytes:
    picture().save("a.png")
    return Path("a.png").read_bytes()


@pytest.mark.parametrize("name", ["/etc/a.png", "../a.png", "b/../../a.png", "..\\a.png"])
@pytest.mark.parametrize("command", [["look"], ["pack"]])
def test_names_that_lead_out_of_a_zip_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, command: list[str]
) -> None:
    archive("bad.zip", **{"good.png": png(), name: png()})
    line = refused(capsys, *command, "bad.zip", *(["out.zip"] if command == ["pack"] else []))
    assert line.startswith(f"error: bad.zip: holds {name}, a name that leads out")
    assert not Path("out.zip").exists()


@pytest.mark.parametrize(
    "content, why",
    [
        (b"", "cannot identify"),
        (b"text", "cannot identify"),
        (bomb(), "exceeds limit"),
        (None, "truncated"),
    ],
    ids=["zero bytes", "wrong ending", "bomb", "truncated"],
)
def test_pack_stops_at_what_cannot_be_read_and_goes_on_without_it(
    here: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, why: str
) -> None:
    whole = png()
    Path("photos").mkdir()
    for name in ("a", "b", "d"):
        Path(f"photos/{name}.png").write_bytes(whole)
    Path("photos/c.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    pack = ["pack", "photos", "out.zip", "workers=0", "image_size=8"]
    line = refused(capsys, *pack)
    assert line.startswith("error: photos/c.png: not a readable picture (") and why in line
    assert line.endswith("; skip_corrupt=true leaves it out, and goes on from here")
    assert main([*pack, "skip_corrupt=true"]) == 0
    assert "left out: photos/c.png" in capsys.readouterr().out
    with ZipFile("out.zip") as packed:
        assert packed.namelist() == ["a.png", "b.png", "d.png", "dataset.json"]
    assert not Path("out.zip.part").exists()
    assert "no picture is readable" in refused(capsys, "look", archive("none.zip", **{"a.png": b""}), "workers=0")


def test_a_file_that_may_not_be_read_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("photos").mkdir()
    Path("photos/a.png").write_bytes(png())

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # chmod does not keep root out

    monkeypatch.setattr("gan_lab.data.sources.folder.Image.open", denied)
    line = refused(capsys, "pack", "photos", "out.zip", "workers=0")
    assert "photos/a.png: not a readable picture ([Errno 13] Permission denied)" in line


def test_bad_input_is_told_in_one_line(
    messy: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("made.zip").write_bytes(b"")
    matched = json.dumps({"labels": [["other.png", 0]]}).encode()
    archive("json.zip", **{"a.png": png(), "dataset.json": matched})
    Path("theirs.zip.part").mkdir()
    Path("theirs.zip.part/thesis.tex").touch()
    for arguments, said in {
        ("lok",): "lok: no such command; did you mean look?",
        ("look", "nowhere"): "nowhere: no such folder or file",
        ("look", "made.zip"): "made.zip: not a readable ZIP",
        ("look", "json.zip"): "has no label for a.png",
        ("look", "json.zip", "image_size=0"): "image_size=0: must be greater than 0",
        ("look", "json.zip", "image_size=big"): "image_size=big: must be a valid",
        ("look", "json.zip", "fit=crop"): "fit=crop: must be 'cover'",
        ("look", "json.zip", "range=[1]"): "range=[1]: ",
        ("look", "json.zip", "background=nocolour"): "background=nocolour: must be a colour",
        ("look", "json.zip", "size=3"): "size: no such option",
        ("look", "json.zip", "out=sheet.pdf"): "out=sheet.pdf: must end in .png",
        ("pack", "json.zip"): "json.zip: say where to",
        ("pack", str(messy), "out.rar"): "out.rar: must end in .zip or .npy",
        ("pack", str(messy), "made.zip"): "made.zip: is there already; remove it, or give another OUT",
        ("pack", str(messy), "theirs.zip"): "theirs.zip.part: is in the way, and no unfinished work",
        ("download", "minst"): "minst: no such set; did you mean mnist?",
    }.items():
        assert said in refused(capsys, *arguments), arguments
    assert Path("made.zip").read_bytes() == b"" and [*Path("theirs.zip.part").iterdir()]
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    assert "GB are free there" in refused(capsys, "pack", str(messy), "out.zip")
    assert not Path("out.zip.part").exists()


def test_download_lists_sets_reads_one_and_tells_where_there_is_no_network(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["download"]) == 0
    assert re.search(r"cifar10 .* 50,000 \+ 10,000 .* 170\.5 ", capsys.readouterr().out)
    write_sets(here)
    assert main(["download", "mnist", f"root={here}"]) == 0
    out = capsys.readouterr().out
    assert "23 samples in 10 classes" in out and out.endswith(f"gan-lab train data=mnist data.root={here}\n")

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    assert main(["download", "kmnist", "root=empty"]) == 2
    assert re.search(
        rf"^error: {here}/empty: KMNIST is not there and could not be downloaded", capsys.readouterr().err, re.M
    )


@pytest.mark.slow
def test_pack_killed_at_ten_moments_writes_the_same_bytes(here: Path) -> None:
    Path("many").mkdir()
    for i in range(240):
        picture(300, 200 + i % 7).save(f"many/{i}.png", compress_level=1)
    Path("many/17.png").write_bytes(b"")
    words = "many out.zip workers=2 skip_corrupt=true"
    pack = f"python -m gan_lab.cli.main data pack {words}"
    run(pack, here)
    whole = Path("out.zip").read_bytes()
    Path("out.zip").unlink()
    journal = Path("out.zip.part/journal")
    for moment in range(1, 11):
        command = Command(f"python -m helpers.packing_that_waits {20 * moment + 10} {words}", here, group=True)
        until(lambda lines=20 * moment: journal.exists() and journal.read_bytes().count(b"\n") >= lines, command)
        assert command.pid is not None
        os.killpg(command.pid, signal.SIGKILL)
        command.wait()
        assert command.returncode == -signal.SIGKILL
    run(pack, here)
    assert Path("out.zip").read_bytes() == whole
    assert not Path("out.zip.part").exists()
