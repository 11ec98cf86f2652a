"""Imports run one way, from the vocabulary to the command line (`ORDER`)."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
ORDER = (
    "schemas", "prompts", "pipelines.storage", "pipelines.recipes", "pipelines.sources", "pipelines.regions",
    "pipelines.views", "pipelines.builders", "pipelines.generation", "pipelines.shards", "pipelines.qa",
    "pipelines.segmentation", "pipelines.exchange", "pipelines.phases", "pipelines.console",
    "pipelines.console_asking", "pipelines.console_replies", "pipelines.console_looking", "pipelines.options",
    "pipelines.looking_commands", "pipelines.commands", "pipelines.replies_commands", "pipelines.cli_files",
    "pipelines.cli_looking", "pipelines.cli_replies", "pipelines.cli",
)  # fmt: skip
ALONE = {"pipelines.scenes": ("schemas", "pipelines.storage"), "osprey_train": ("schemas",), "schemas": ()}
"""Packages that may import these of ours and nothing else."""
OURS = ("schemas", "prompts", "pipelines", "osprey_train", "tests", "benchmarks")

MODULES = sorted(
    path for top in ("schemas", "prompts", "pipelines", "osprey_train") for path in (ROOT / top).rglob("*.py")
)


def area(module: str) -> str:
    """The longest listed name that a module lies in."""
    names = [name for name in (*ORDER, *ALONE) if module == name or module.startswith(f"{name}.")]
    return max(names, key=len, default="")


def imported(tree: ast.AST) -> set[str]:
    """Every module of ours that is imported anywhere, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OURS}


def faults(module: str, source: str) -> list[str]:
    """Imports of a module that run against the direction."""
    here = area(module)
    assert here or module in ("pipelines", "pipelines.scenes"), f"{module} has no place in the order"
    return [name for name in sorted(imported(ast.parse(source))) if not _allowed(here, name)]


def _allowed(here: str, name: str) -> bool:
    there = area(name)
    if there == here or name.startswith(f"{here}."):
        return True
    if here in ALONE:
        return there in ALONE[here]
    if there == "pipelines.scenes":
        return here == "pipelines.cli"
    return (there in ORDER and ORDER.index(there) < ORDER.index(here)) or name == "pipelines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_direction(path: pathlib.Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    text = path.read_text(encoding="utf-8")
    assert not faults(module, text)
    if "apache_beam" in text:
        assert "from __future__ import annotations" not in text, "it silences Beam's type hints"


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("schemas.records", "import prompts"),
        ("prompts", "from pipelines import storage"),
        ("pipelines.sources.coco", "from pipelines.regions import clean"),
        ("pipelines.builders.mask_text", "from pipelines.shards.writing import write_shard"),
        ("pipelines.scenes.draw", "from pipelines.sources import coco"),
        ("pipelines.qa.page.report", "def f():\n    from pipelines.cli import main"),
        ("osprey_train.data", "from pipelines.shards.counts import count"),
    ],
)
def test_the_test_notices(module: str, line: str) -> None:
    assert faults(module, line)
