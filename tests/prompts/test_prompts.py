"""Prompt files: whole, well formed, and each row can say which wording made it."""

import pathlib
import re
import shutil
import typing
from collections.abc import Iterator

import jinja2
import msgspec
import pytest

import prompts
from pipelines.builders import BUILDERS, MODEL_KINDS, description
from pipelines.builders.replies import check_talk
from prompts import JSON, Form
from schemas.records import Generator, Kind, Sample
from tests import factories
from tests.builders.both_forms import FORMS, asked_in

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


INCLUDED = re.compile(r'{% include "(.*?)" %}')
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
    own = sorted(path for path in (copied / kind).iterdir() if path.is_file())
    files = [*own, *map(copied.joinpath, prompts.SHARED)]
    assert own
    for path in files:
        path.write_bytes(path.read_bytes() + b" ")
        seen.add(sha256(kind))
    own[0].rename(own[0].with_suffix(".md"))
    seen.add(sha256(kind))
    (copied / kind / "new.txt").write_text("")
    seen.add(sha256(kind))
    assert len(seen) == len(files) + 3


SHA256 = {
    "description": "335a1f7b5b39c3a73b8f753b70c9e6417c69fed2d8ea710b3218e323504c010f",
    "conversation": "72722285a018f11a4c3ce4d6328d52af42420ee39ac1e515f3e8dca31599939b",
    "short_form": "fa5562b753be71354ff915031f26599211218e90dfb7c51c32dca0ac8d34c32f",
    "part_category": "068bb17b9658bdea43cea197449832cbefe14cc8c22ffca551b07f8f66ccbb7b",
    "part_attribute": "c0666071fcc27072f992e5039c04b5a571fc370ff6583976d5c34f6776bf9eab",
}


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_what_belongs_to_json_is_no_part_of_the_text_forms_sha256(kind: str, copied: pathlib.Path) -> None:
    """These are the digests in rows that were made before there was a second form."""
    assert sha256(kind) == SHA256[kind]
    before = prompts.sha256(kind, JSON)
    assert before != SHA256[kind]
    for path in (copied / kind / JSON).iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    (copied / "repair.j2").write_text("something else")
    assert sha256(kind) == SHA256[kind]
    assert prompts.sha256(kind, JSON) != before


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_the_json_forms_sha256_is_of_what_it_sends(kind: str, copied: pathlib.Path) -> None:
    seen = {prompts.sha256(kind, JSON)}
    sent = [*(copied / kind / JSON).iterdir(), copied / kind / "user.j2", copied / kind / "example_user.txt"]
    for path in [*sent, *map(copied.joinpath, prompts.SHARED)]:
        path.write_bytes(path.read_bytes() + b" ")
        prompts.sha256.cache_clear()
        seen.add(prompts.sha256(kind, JSON))
    assert len(seen) == len(sent) + len(prompts.SHARED) + 1
    for name in ("system.txt", "example_assistant.txt"):
        (copied / kind / name).write_text("of the text form alone")
    prompts.sha256.cache_clear()
    assert prompts.sha256(kind, JSON) in seen


def test_every_included_part_counts_as_shared() -> None:
    included = {name for path in prompts.FOLDER.rglob("*.j2") for name in INCLUDED.findall(path.read_text())}
    assert included == set(prompts.SHARED)


def test_sha256_does_not_change_with_other_kinds(copied: pathlib.Path) -> None:
    before = sha256("description")
    (copied / "conversation" / "system.txt").write_text("something else")
    assert sha256("description") == before
    assert sha256("conversation") != before


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_the_worked_example_passes_our_own_checks(kind: str) -> None:
    """What we show the model as a good answer must be one, and the same one in both forms."""
    text, json = prompts.load(kind), prompts.load(kind, JSON)
    messages = MODEL_KINDS[kind].parse(text.example_assistant, waiting(kind))
    assert len(messages) >= 4
    assert "<region1> and <region2>" in text.example_user
    assert json.example_user == text.example_user
    assert MODEL_KINDS[kind].parse(json.example_assistant, asked_in(waiting(kind), JSON)) == messages
    assert MODEL_KINDS[kind].shape.write(pairs_of(json.example_assistant), JSON) == json.example_assistant


def pairs_of(example: str) -> list[tuple[str, str]]:
    """The two fields of each entry."""
    (entries,) = msgspec.json.decode(example).values()
    return [(first, second) for first, second in (entry.values() for entry in entries)]


@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_both_forms_ask_for_the_same_but_for_one_paragraph(kind: str) -> None:
    text, json = (prompts.load(kind, form).system.split("\n\n") for form in FORMS)
    differing = [place for place, (one, other) in enumerate(zip(text, json, strict=True)) if one != other]
    assert len(differing) == 1
    assert "JSON" in json[differing[0]]
    assert "JSON" not in "".join(text)
    filled = {"detail": "", "captions": [], "names": "X", "regions": [], "objects": []}
    assert prompts.load(kind).messages(**filled)[-1] == prompts.load(kind, JSON).messages(**filled)[-1]


def test_names_of_prompts() -> None:
    assert (prompts.name("description"), prompts.name("description", JSON)) == ("description", "description/json")
    assert [prompts.form_of(prompts.load("short_form", form).name) for form in FORMS] == list(FORMS)
    assert (prompts.FOLDER / prompts.name("short_form", JSON)).is_dir()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_said_of_a_bad_reply(form: Form) -> None:
    said = prompts.repair(form, "the reply has no text")
    assert "the reply has no text." in said
    assert ("JSON" in said) == (form == JSON)
    assert HOSTILE in prompts.repair(form, "it is odd", HOSTILE)
    assert said != prompts.repair(form, "the reply has no text", "nothing")


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
