"""README does not rot: its output is what the command prints, its tables what was built, its snippet runs.

After a wanted change run `make readme` and read the difference in git.
"""

import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

from pipelines.qa.overview import checks_table, kinds_table
from pipelines.shards.manifest import read_manifest
from tests.phases.conftest import Run, osprey_data  # noqa: F401 - a fixture

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def block(marker: str) -> str:
    """The fenced block after a marker."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README has no block marked {marker!r}"
    return found[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, str]:
    """What `make build-dataset` makes, and what it prints."""
    folder = tmp_path_factory.mktemp("readme")
    images = re.search(r"^IMAGES \?= (\d+)$", MAKEFILE, re.MULTILINE)
    assert images
    command = [sys.executable, "-m", "pipelines.cli"]
    subprocess.run(
        [*command, "sample", "out/scenes", "--images", images[1]], check=True, cwd=folder, env=_environment()
    )
    build = ["build", "--data", "out/scenes", "--out", "out/dataset"]
    done = subprocess.run(
        [*command, *build], check=True, cwd=folder, env=_environment(), capture_output=True, text=True
    )
    return folder / "out", done.stdout


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def generated(marker: str, content: str, request: pytest.FixtureRequest, name: str = "README.md") -> None:
    """Between the marker and the end of the block stands this; with --renew-readme it is put there."""
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {re.escape(marker)} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert found, f"{name} has no block marked {marker!r}"
    if request.config.getoption("--renew-readme"):
        path.write_text(text[: found.start(1)] + content + text[found.end(1) :], encoding="utf-8")
    else:
        assert found[1] == content, "make readme"


def test_output_of_the_first_command(built: tuple[pathlib.Path, str], request: pytest.FixtureRequest) -> None:
    """What follows the table of kinds, which stands in a section of its own."""
    printed = [line.rstrip() for line in built[1].splitlines()]
    end = printed[next(number for number, line in enumerate(printed) if line.startswith("ledger: ")) :]
    generated("output of build-dataset", "\n".join(["```text", *end, "```", ""]), request)


def test_table_of_kinds(built: tuple[pathlib.Path, str], request: pytest.FixtureRequest) -> None:
    """Generated from the build, not typed."""
    table = kinds_table(read_manifest(str(built[0] / "dataset")))
    generated("kinds of that build", f"\n{table}\n", request)


def test_table_of_checks(request: pytest.FixtureRequest) -> None:
    generated("checks of the content", f"\n{checks_table()}\n", request, "pipelines/qa/README.md")


def test_snippet(built: tuple[pathlib.Path, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built[0].parent)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    names: dict[str, Any] = {}
    exec(block("run by tests/test_docs.py"), names)
    from PIL import Image

    drawn, row = Image.open("region1.png"), names["row"]
    original = Image.open(pathlib.Path(names["DATA"], row["image"]["path"])).convert("RGB")
    assert drawn.size == original.size
    assert drawn.tobytes() != original.tobytes()


def test_every_variable_of_a_make_line_is_known() -> None:
    used = set(re.findall(r"\b([A-Z_]+)=", "\n".join(re.findall(r"make build-dataset.*", README))))
    assert used
    assert all(f"$({name})" in MAKEFILE for name in used), used


@pytest.mark.parametrize("command", sorted(set(re.findall(r"osprey-data (\w+)", README))))
def test_commands_explain_themselves(command: str, osprey_data: Run) -> None:  # noqa: F811
    ran = osprey_data(command, "--help")
    assert ran.code == 0
    assert "Usage" in ran.out


def test_files_that_documents_point_to_exist() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / link).exists(), f"{name}: {link}"
    for path in re.findall(r"`((?:pipelines|tests|schemas|prompts)/[\w/]+\.\w+)`", README):
        assert (ROOT / path).exists(), path


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200
