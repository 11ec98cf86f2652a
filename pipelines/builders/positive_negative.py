"""`positive_negative`: is the object in the region a ...? Yes and no in equal numbers, without a language model.

An object that several data sets outline is asked about once. The region of the source that the recipe names first
stands for it, as in the join, under its name and with its mask; the ledger counts the others as `same_object`. What any
of them is called is no negative of it.

Every region is asked about twice, once with its own category and once with another, in an order that the seed
mixes over the whole row. The other category is, by a throw of the seed's dice, spatial-aware or class-aware,
and the second way where the first finds nothing:

* spatial-aware: the category of the nearest other object, by distance between masks. What covers the same
  pixels under another name is the same object, not another one. Of a federated source the category must be exhaustive
  on the image: where every object of it has a mask, and this region's pixels have none of it, the region is none. A
  category that is labelled only in part is left out.
* class-aware: one of the eight categories nearest in meaning that are known to be absent. What LVIS lists as
  absent was looked for, and serves every region. COCO annotates its 80 categories throughout, so that what is not
  there is absent, but only for COCO's own regions: COCO misses small objects that LVIS has, and some of LVIS's
  categories are kinds of COCO's (a puppy is a dog). The same goes for data of one's own if the recipe calls it
  exhaustive; otherwise these have spatial-aware negatives alone.

Paper section 2 leaves the distance, the mix and synonyms open; a synonym or a wider term of the true category
is never asked as a No.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import prompts
from pipelines.builders.context import Context
from pipelines.builders.naming import region_name, with_article
from pipelines.builders.parts import is_named, tells_nothing
from pipelines.builders.rows import capped, row, turns
from pipelines.builders.same_object import SAME_OBJECT, Objects, objects
from pipelines.builders.vocabulary import Vocabulary, plain, same_thing
from pipelines.regions.distance import Runs, box_gap, distance, vertical_runs
from schemas import rle
from schemas.keys import stable_choice, stable_int, stable_order
from schemas.records import Built, Region, Reject, Scene

KIND = "positive_negative"
STAGE = f"build:{KIND}"


class Question(NamedTuple):
    """One question to come: the region it is about, the category asked for, and whether that is right."""

    region: Region
    category: str
    right: bool


def build(scene: Scene, context: Context) -> Built:
    """One row for the image: a Yes and a No for each of its regions that has a fitting negative."""
    assert context.vocabulary is not None, "positive_negative needs the vocabulary"
    built = Built([], [], [], {})
    sources = context.kinds[KIND].sources
    by_source = {source: [region for region in scene.regions if region.source == source] for source in sources}
    named = [region for regions in by_source.values() for region in regions if is_named(region)]
    found = objects(named, context.vocabulary)
    negatives = Negatives(scene, context.vocabulary, context.seed, found)
    asked: list[Question] = []
    for source, regions in by_source.items():
        if regions:
            built.read[source, "regions"] = len(regions)
            kept, rest = capped(context, KIND, source, list(_standing(built, regions, found)))
            built.rejects.extend(_reject(region, "region_cap") for region in rest)
            asked += _questions(built, negatives, kept)
    if asked:
        _add_row(built, scene, context, asked)
    return built


def _standing(built: Built, regions: Sequence[Region], found: Objects) -> Iterator[Region]:
    """The regions that stand for an object; those without a name, and what shows an object again, are rejected."""
    for region in regions:
        first, *_ = found.get(region.region_id, (None,))
        if first is region:
            yield region
        elif first is None:
            built.rejects.append(_reject(region, "no_category"))
        else:
            built.rejects.append(_reject(region, "same_object", first.region_id))


def _questions(built: Built, negatives: "Negatives", regions: Sequence[Region]) -> Iterator[Question]:
    """A Yes and a No for each region; one without a fitting negative is rejected."""
    for region in regions:
        negative = negatives.of(region)
        if negative is None:
            built.rejects.append(_reject(region, "no_negative"))
        else:
            yield from (Question(region, region.category, True), Question(region, negative, False))


def _add_row(built: Built, scene: Scene, context: Context, asked: list[Question]) -> None:
    """Regions are numbered by when they are first asked about."""
    mixed = stable_order(asked, lambda question: f"{question.region.region_id}|{question.right}", context.seed, KIND)
    regions = list({question.region.region_id: question.region for question in mixed}.values())
    numbers = {region.region_id: number for number, region in enumerate(regions, start=1)}
    pairs = [
        (_wording(question, numbers[question.region.region_id], context.seed), _answer(question)) for question in mixed
    ]
    sources = {region.source for region in regions}
    built.samples.append(row(context, scene, KIND, regions, turns(pairs), sources=sources))


def _wording(question: Question, number: int, seed: int) -> str:
    form = stable_choice(prompts.questions(KIND), seed, KIND, question.region.region_id, question.right)
    text = form.format(region=region_name(number), a_category=with_article(question.category))
    return text[:1].upper() + text[1:]


def _answer(question: Question) -> str:
    return "Yes" if question.right else "No"


def _reject(region: Region, reason: str, detail: str = "") -> Reject:
    return Reject(stage=STAGE, source=region.source, unit="regions", key=region.region_id, reason=reason, detail=detail)


class Negatives:
    """Negative categories for the regions of one scene; runs and absent categories are worked out once, when needed."""

    def __init__(self, scene: Scene, vocabulary: Vocabulary, seed: int, same: Objects | None = None) -> None:
        self._scene = scene
        self._vocabulary = vocabulary
        self._seed = seed
        self._same = same or {}
        self._runs: dict[str, Runs] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._absent: dict[str, dict[str, frozenset[str]]] = {}

    def of(self, region: Region) -> str | None:
        """A category that the region's object is certainly not, or None; what shows it again may know one more."""
        return next(filter(None, map(self._of, self._all_of(region))), None)

    def _all_of(self, region: Region) -> tuple[Region, ...]:
        """The regions that show the region's object, the one that stands for it first."""
        return self._same.get(region.region_id, (region,))

    def _of(self, region: Region) -> str | None:
        ways = [self.spatial, self.class_aware]
        if stable_int(self._seed, KIND, "way", region.region_id) % 2:
            ways.reverse()
        return ways[0](region) or ways[1](region)

    def spatial(self, region: Region) -> str | None:
        """The category of the nearest other object of the same source that is another thing."""
        best, nearest = float("inf"), None
        for gap, other in self._by_box_gap(region):
            if gap >= best:
                break
            found = distance(self._runs_of(region), self._runs_of(other))
            if found < best:
                best, nearest = found, other
        return nearest.category if nearest else None

    def class_aware(self, region: Region) -> str | None:
        """One of the nearest categories in meaning that are known to be absent."""
        near = [
            text
            for source, absent in self._known_absent(region.source).items()
            for text in self._vocabulary.neighbors.get(source, {}).get(region.category, ())
            if text in absent and not tells_nothing(text) and not self._is_called(region, text)
        ]
        return stable_choice(near, self._seed, KIND, "class", region.region_id) if near else None

    def _by_box_gap(self, region: Region) -> list[tuple[float, Region]]:
        """Other things of the region's source, the nearest box first: a mask is never nearer than its box."""
        incomplete = self._incomplete(region.source)
        others = [
            (box_gap(region.bbox, other.bbox), other)
            for other in self._scene.regions
            if other.source == region.source
            and is_named(other)
            and other.category not in incomplete
            and not self._is_called(region, other.category)
        ]
        return sorted(others, key=lambda pair: (pair[0], pair[1].region_id))

    def _is_called(self, region: Region, category: str) -> bool:
        """Whether the category, or another word for it, is what some data set calls the same pixels."""
        return any(same_thing(self._vocabulary, name, category) for name in self._names_of(region))

    def _names_of(self, region: Region) -> frozenset[str]:
        """The categories of all regions of the object, and those that others give to the pixels of any of them."""
        if region.region_id not in self._names:
            shown = self._all_of(region)
            names = {one.category for one in shown} | {name for one in shown for name in self._names_at(one)}
            self._names |= dict.fromkeys((one.region_id for one in shown), frozenset(names))
        return self._names[region.region_id]

    def _names_at(self, region: Region) -> Iterator[str]:
        overlaps = rle.ious(region.mask, [other.mask for other in self._scene.regions])
        pairs = zip(self._scene.regions, overlaps, strict=True)
        return (other.category for other, overlap in pairs if other.category and overlap >= SAME_OBJECT)

    def _incomplete(self, source: str) -> set[str]:
        """Categories of which the source left some objects unlabelled: the region's object may be one of them."""
        texts = self._vocabulary.texts.get(source, {})
        images = (image for image in self._scene.images if image.source == source)
        return {texts[name] for image in images for name in image.not_exhaustive if name in texts}

    def _runs_of(self, region: Region) -> Runs:
        if region.region_id not in self._runs:
            self._runs[region.region_id] = vertical_runs(region.mask)
        return self._runs[region.region_id]

    def _known_absent(self, asking: str) -> dict[str, frozenset[str]]:
        if asking not in self._absent:
            self._absent[asking] = known_absent(self._scene, self._vocabulary, asking)
        return self._absent[asking]


def known_absent(scene: Scene, vocabulary: Vocabulary, asking: str) -> dict[str, frozenset[str]]:
    """Source -> texts of its categories that regions of the source `asking` can take to be absent under any name.

    Every source's list of absent categories counts; that a source annotates all its categories counts for its own
    regions only. What some source says is present is never absent.
    """
    present = present_texts(scene, vocabulary)
    found: dict[str, frozenset[str]] = {}
    for image in scene.images:
        texts = vocabulary.texts.get(image.source, {})
        whole = image.exhaustive and image.source == asking
        listed = texts.values() if whole else [texts[name] for name in image.absent if name in texts]
        clear = {text for text in listed if not _names(vocabulary, text) & present}
        if clear:
            found[image.source] = found.get(image.source, frozenset()) | clear
    return found


def present_texts(scene: Scene, vocabulary: Vocabulary) -> set[str]:
    """Every name of what is annotated on the image in any form, rejected annotations included."""
    texts = {region.category for region in scene.regions if region.category}
    for image in scene.images:
        known = vocabulary.texts.get(image.source, {})
        texts |= {known[name] for name in (*image.present, *image.not_exhaustive) if name in known}
    return {name for text in texts for name in _names(vocabulary, text)}


def _names(vocabulary: Vocabulary, text: str) -> frozenset[str]:
    return vocabulary.words.get(plain(text), frozenset([plain(text)]))
