"""What is wrong with a command line is told before libraries are loaded and anything is written."""

import pathlib
import subprocess
import sys

import pytest

from pipelines.options import check_folders
from schemas.errors import BuildError
from tests.phases.conftest import Run

HEAVY = ("apache_beam", "great_expectations", "pandas")
BUILD = ("build", "--data", "nowhere")
FAST = """
import sys
sys.argv = ["osprey-data", *sys.argv[1:]]
from pipelines import cli
try:
    cli.main()
finally:
    print(*sys.modules)
"""


@pytest.mark.parametrize(
    ("command", "wrong", "says"),
    [
        (BUILD, ("--recipe", "stage9"), "stage9"),
        (BUILD, ("--kinds", "mask_txt"), "mask_txt"),
        (BUILD, ("--generator", "openia"), "openia"),
        (BUILD, (), "no data folder"),
        (("doctor", "nowhere"), (), "no data folder"),
    ],
)
def test_a_slip_needs_no_library(
    command: tuple[str, ...], wrong: tuple[str, ...], says: str, tmp_path: pathlib.Path
) -> None:
    command = (*command, *wrong, "--out", str(tmp_path / "out"))
    here = pathlib.Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", FAST, *command], cwd=here, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 1
    assert says in ran.stderr
    assert not set(HEAVY) & set(ran.stdout.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["build", "plan", "import"])
def test_out_and_data_are_two_folders(command: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "data").mkdir()
    files = [tmp_path / "osprey_conversation.json"] if command == "import" else []
    ran = osprey_data(command, *files, "--data", tmp_path / "data", "--out", f"{tmp_path}/data/")
    assert ran.code == 1
    assert f"--out {tmp_path}/data/ and --data {tmp_path}/data" in ran.err
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(
    ("out", "apart"), [("", False), (".", False), ("..", False), ("coco", False), ("sa1b/new", False),
                       ("out", True), ("../database", True), ("../other/data", True)],
)  # fmt: skip
def test_out_beside_data(out: str, apart: bool, tmp_path: pathlib.Path) -> None:
    (tmp_path / "data").mkdir()
    folders = (str(tmp_path / "data"), f"{tmp_path}/data/{out}")
    if apart:
        check_folders(*folders)
    else:
        with pytest.raises(BuildError, match="lie in one another"):
            check_folders(*folders)


def test_links_are_followed_and_buckets_compared(tmp_path: pathlib.Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(BuildError):
        check_folders(str(tmp_path / "data"), str(tmp_path / "link"))
    with pytest.raises(BuildError):
        check_folders("memory://raw/", "memory://raw", "")
    check_folders(str(tmp_path / "data"), "memory://raw")


def test_data_is_a_folder(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "file").write_text("")
    ran = osprey_data("build", "--data", tmp_path / "file", "--out", tmp_path / "out")
    assert ran.code == 1
    assert "file is not a folder" in ran.err


def test_sample_into_a_file(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "Makefile").write_text("")
    ran = osprey_data("sample", tmp_path / "Makefile")
    assert ran.code == 1
    assert "Makefile is no folder to write to" in ran.err


REMOTE = {
    "no such protocol": ("zzz://a/b", "cannot be reached: Protocol not known: zzz"),
    "no library": ("gs://a/b", "cannot be reached: Please install gcsfs"),
    "no network": ("hf://datasets/a/b", "HF_HUB_OFFLINE=0"),
}


@pytest.mark.parametrize("command", [
    ("build", "--out", "out", "--data"), ("build", "--data", ".", "--out"), ("plan", "--data", ".", "--recipe"),
    ("report",), ("validate",), ("diff", "out"), ("show",), ("export", "--to", "out"), ("export", "out", "--to"),
])  # fmt: skip
@pytest.mark.parametrize("why", REMOTE)
def test_what_cannot_be_reached(
    command: tuple[str, ...], why: str, osprey_data: Run, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    if why == "no library":
        monkeypatch.setitem(sys.modules, "gcsfs", None)
    url, said = REMOTE[why]
    ran = osprey_data(*command, url)
    assert ran.code == 1
    assert url in ran.err
    assert " ".join(said.split()) in " ".join(ran.err.split())
    assert "Traceback" not in ran.said
    assert not list(tmp_path.iterdir())


def test_what_goes_to_beam_or_names_a_database_is_not_asked(osprey_data: Run, tmp_path: pathlib.Path) -> None:
    ran = osprey_data(
        "build", "--data", tmp_path / "none", "--out", tmp_path / "out", "--replies", "zzz://host/db",
        "--temp_location=zzz://bucket",
    )  # fmt: skip
    assert "no data folder" in ran.err


def test_a_remote_folder_that_is_not_there_is_the_commands_affair(osprey_data: Run) -> None:
    assert "no folder memory://nothing/here" in osprey_data("report", "memory://nothing/here").err
