"""Rows that show an image of an evaluation set, under whichever name."""

from collections.abc import Iterable

import numpy as np

from pipelines.qa.checks.base import KEPT, Finding, Scene, Spec
from pipelines.qa.checks.gathered import Hashes, Numbers, hashed, looked_up, named
from pipelines.qa.checks.lists import NO_LIST, EvaluationImages, Names
from pipelines.qa.checks.seen import ImageCheck, SeenImages
from pipelines.qa.pieces import column
from pipelines.qa.results import Evidence, LeakLine


class _InEvaluationSets(ImageCheck):
    """Judges every image against some of the evaluation sets, by the lists that the build left."""

    none_such: str
    """Said where there is no set to judge against."""

    def finding(self, scene: Scene) -> Finding:
        """Images in these sets, with a row that shows them and the set's own name of the image."""
        names = Names.read(scene.out)
        known = EvaluationImages.read(scene.out, names)
        if known is None:
            return Finding(0, 0, note=NO_LIST)
        chosen = [number for number, name in enumerate(known.sets) if self.judges(name, excluded(scene))]
        if not chosen:
            return Finding(0, 0, note=self.none_such if known.sets else "the sources have no evaluation set")
        images = self.seen.images()
        pictures = names.pictures_of(images.keys)
        inside = np.isin(pictures, np.concatenate([known.members[number] for number in chosen]))
        note = f"against {', '.join(known.sets[number] for number in chosen)}"
        bad = np.flatnonzero(inside)
        return Finding(len(pictures), len(bad), tuple(self._evidence(scene, bad[:KEPT], pictures, known, names)), note)

    def judges(self, evaluation_set: str, kept_out: frozenset[str]) -> bool:
        """Whether a set is judged against."""
        raise NotImplementedError

    def _evidence(
        self, scene: Scene, bad: Numbers, pictures: Hashes, known: EvaluationImages, names: Names
    ) -> Iterable[Evidence]:
        images = self.seen.images()
        places = [images.place(number) for number in bad.tolist()]
        rows = looked_up(scene.out, places, ["sample_id"])
        listed = names.pictures_of(hashed(column(known.table, "image_id")))
        for number, place in zip(bad.tolist(), places, strict=True):
            entries = known.table.take(np.flatnonzero(listed == pictures[number])).to_pylist()
            sets = ", ".join(dict.fromkeys(entry["evaluation_set"] for entry in entries))
            told = f"{images.row(number)['image_id']} is {entries[0]['image_id']} of {sets}"
            yield named(place, rows[place], told)


class ExcludedImages(_InEvaluationSets):
    """What the recipe keeps out must not be in: one such row makes every score on that set doubtful."""

    spec = Spec(
        "no_evaluation_images", "no image is in an evaluation set that the recipe keeps out", "leakage", "fail", 0.0,
        "images",
    )  # fmt: skip
    none_such = "the recipe keeps no evaluation set out (exclude_evaluation)"

    def judges(self, evaluation_set: str, kept_out: frozenset[str]) -> bool:
        """Those that the recipe names."""
        return evaluation_set in kept_out


class AdmittedImages(_InEvaluationSets):
    """What the recipe lets in is wanted, but nobody may forget it when scores are compared."""

    spec = Spec(
        "no_admitted_evaluation_images", "no image is in an evaluation set that the recipe lets in", "leakage", "warn",
        0.0, "images",
    )  # fmt: skip
    none_such = "the recipe keeps all evaluation sets out"

    def judges(self, evaluation_set: str, kept_out: frozenset[str]) -> bool:
        """All others."""
        return evaluation_set not in kept_out


def excluded(scene: Scene) -> frozenset[str]:
    """The evaluation sets that the recipe keeps out."""
    return frozenset(scene.manifest.recipe.get("exclude_evaluation") or ())


def leak_lines(seen: SeenImages, scene: Scene) -> tuple[LeakLine, ...]:
    """Every source against every evaluation set: before any image was kept out, and in the finished rows."""
    names = Names.read(scene.out)
    known = EvaluationImages.read(scene.out, names)
    members = dict(zip(known.sets, known.members, strict=True)) if known else {}
    pictures = {source: names.pictures_of(images.values()) for source, images in seen.sources.items()}
    none = np.zeros(0, np.uint64)
    return tuple(
        LeakLine(
            source=line.source, evaluation_set=line.evaluation_set, images_before=line.images,
            annotations_before=line.annotations,
            images_after=_inside(pictures.get(line.source, none), members.get(line.evaluation_set)),
        )
        for line in scene.manifest.overlap
    )  # fmt: skip


def _inside(pictures: Hashes, members: Hashes | None) -> int | None:
    return None if members is None else int(np.isin(pictures, members).sum())


def leakage_of(checks: Iterable[object], scene: Scene) -> tuple[LeakLine, ...]:
    """The lines by what the checks have seen; none where none of them looks at images."""
    seen = next((check.seen for check in checks if isinstance(check, ImageCheck)), None)
    return leak_lines(seen, scene) if seen else ()
