"""Prompt files: whole, well formed, and each row can say which wording made it."""

import pathlib
import shutil
import typing
from collections.abc import Iterator

import jinja2
import pytest

import prompts
from pipelines.builders import BUILDERS, MODEL_KINDS, description
from pipelines.builders.replies import check_talk
from schemas.records import Generator, Kind, Sample
from tests import factories

QUESTION_LISTS = sorted(
    (path.parent.name, path.stem) for path in prompts.FOLDER.glob("*/*questions.txt")
)  # fmt: skip


@pytest.fixture
def copied(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """The prompt folders, free to be changed."""
    folder = tmp_path / "prompts"
    shutil.copytree(prompts.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(prompts, "FOLDER", folder)
    prompts.sha256.cache_clear()
    yield folder
    prompts.sha256.cache_clear()


def sha256(kind: str) -> str:
    prompts.sha256.cache_clear()
    return prompts.sha256(kind)


WITHOUT_REGION = [("commonsense", "why_questions"), ("image_text", "questions")]
"""Lists of questions that follow an answer, or are about the whole picture."""
ABOUT_IMAGE = [name for name, kind in MODEL_KINDS.items() if kind.about_image]


def waiting(kind: str) -> Sample:
    """The row of the worked examples: what is told of a guitar and of a cup's handle, elsewhere of two children."""
    seen = (("dark brown", "black"), "plain", "wood", "opaque"), ("white", (), "ceramic", ())
    looks = [
        factories.looks(color=color, pattern_marking=pattern, material=material, transparency=clear)
        for color, pattern, material, clear in seen
    ]
    return Sample(
        sample_id="x", kind=kind, split="train", image_id="coco/1", path="a.jpg", width=80, height=60,
        regions=tuple(factories.region(number, attributes=known) for number, known in enumerate(looks)), messages=(),
        generator=Generator(name="template"), sources=("coco",), license="CC-BY-4.0",
    )  # fmt: skip


@pytest.mark.parametrize("kind", BUILDERS)
def test_sha256_changes_with_any_file(kind: str, copied: pathlib.Path) -> None:
    seen = {sha256(kind)}
    files = sorted([*(copied / kind).iterdir(), *copied.glob("*.j2")])
    assert len(files) > 2
    for path in files:
        path.write_bytes(path.read_bytes() + b" ")
        seen.add(sha256(kind))
    files[0].rename(files[0].with_suffix(".md"))
    seen.add(sha256(kind))
    (copied / kind / "new.txt").write_text("")
    seen.add(sha256(kind))
    assert len(seen) == len(files) + 3


def test_sha256_does_not_change_with_other_kinds(copied: pathlib.Path) -> None:
    before = sha256("description")
    (copied / "conversation" / "system.txt").write_text("something else")
    assert sha256("description") == before
    assert sha256("conversation") != before


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_the_worked_example_passes_our_own_checks(kind: str) -> None:
    """What we show the model as a good answer must be one."""
    prompt = prompts.load(kind)
    messages = MODEL_KINDS[kind].parse(prompt.example_assistant, waiting(kind))
    assert len(messages) >= 4
    assert "<region1> and <region2>" in prompt.example_user


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_nothing_is_missing_from_a_request_in_silence(kind: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        prompts.load(kind).messages(detail="", captions=["A dog."], names="<region1>")


HOSTILE = "{{ 1 + 1 }} {% include 'x' %} <b>&"


@pytest.mark.parametrize("kind", ABOUT_IMAGE)
def test_text_of_the_sources_is_never_read_as_a_template(kind: str) -> None:
    made = prompts.load(kind).messages(detail="", captions=[HOSTILE], names="<region1>", regions=[], objects=[])
    assert HOSTILE in made[-1]["content"]


@pytest.mark.parametrize("kind", sorted(set(MODEL_KINDS) - set(ABOUT_IMAGE)))
def test_names_and_looks_are_never_read_as_a_template(kind: str) -> None:
    told = {"name": "<region1>", "label": HOSTILE, "facts": [{"name": "colour", "words": HOSTILE}]}
    made = prompts.load(kind).messages(detail="", captions=[], names="<region1>", regions=[told])
    assert made[-1]["content"].count(HOSTILE) == 2


def test_a_region_is_told_with_what_there_is() -> None:
    told = {"name": "<region1>", "category": "dog", "box": "[0,0,1,1]", "expressions": []}
    regions = [told, told | {"category": "", "expressions": ["wet one", "it"]}, told | {"expressions": ["it"]}]
    made = prompts.load("short_form").messages(detail="", captions=[], names="X", regions=regions)
    assert made[-1]["content"] == (
        "The regions to ask about are X.\n\n<region1> is annotated as dog at [0,0,1,1].\n\n"
        "<region1> lies at [0,0,1,1]. People pointed it out with these words:\n- wet one\n- it\n\n"
        "<region1> is annotated as dog at [0,0,1,1]. People pointed it out with these words:\n- it"
    )
    whole = prompts.load("description").messages(detail="", captions=[], names="X", regions=regions, objects=[])
    assert whole[-1]["content"].startswith("Write about X.\n\n<region1> is annotated")


@pytest.mark.parametrize(("kind", "name"), QUESTION_LISTS)
def test_questions_are_of_one_form(kind: str, name: str) -> None:
    found = prompts.questions(kind, name)
    assert len(found) == len(set(found)) >= 8
    for question in found:
        filled = question.format(region="<region7>", a_category="a dog")
        assert filled.count("<region7>") == ((kind, name) not in WITHOUT_REGION)
        assert filled[-1] in ".?"
        assert "{" not in filled
        if kind == description.KIND:
            check_talk([filled])


def test_every_kind_has_its_folder() -> None:
    for kind in BUILDERS:
        assert (prompts.FOLDER / kind).is_dir()
    assert {kind for kind, _ in QUESTION_LISTS} == set(BUILDERS) - {"conversation", "short_form"}
    assert list(BUILDERS) == list(typing.get_args(Kind))
