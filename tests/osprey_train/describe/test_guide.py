"""What README says about asking a model runs as it stands there, and its table of stages is that of the code."""

import pathlib
import re

import PIL.Image
import pytest

from osprey_train.stages import STAGES

README = (pathlib.Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def test_python_example(
    model_folder: pathlib.Path,
    scene: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = re.search(r"<!-- run by \S+test_guide.py -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / "out/runs/tiny").mkdir(parents=True)
    (tmp_path / "out/runs/tiny/stage3").symlink_to(model_folder)
    PIL.Image.open(scene / "picture.png").convert("RGB").save(tmp_path / "picture.jpg")
    PIL.Image.open(scene / "left.png").save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(found[1], "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_table_of_stages() -> None:
    for stage in STAGES.values():
        row = next(line for line in README.splitlines() if line.startswith(f"| {stage.number} {stage.name} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == ", ".join(f"`{name}`" for name in stage.trains)
        assert set(re.findall(r"`(\w+)`", cells[2])) <= set(stage.kinds)
        assert (float(cells[3]), int(cells[4]), int(cells[5])) == (stage.learning_rate, stage.batch, stage.epochs)
