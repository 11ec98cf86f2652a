"""Pictures that look alike: in two images of the rows, in both splits, in the rows and in evaluation sets."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipelines.qa.checks.base import KEPT, Finding, Scene, Spec
from pipelines.qa.checks.gathered import counted, looked_up, named
from pipelines.qa.checks.resemblance import Resemblance, resemblance
from pipelines.qa.checks.seen import ImageCheck
from pipelines.qa.results import Evidence

Chosen = npt.NDArray[np.bool_]


class _PictureCheck(ImageCheck):
    """Judges images by what their pictures look like; all such checks look at them once."""

    def finding(self, scene: Scene) -> Finding:
        """What looks alike, with both images."""
        if self.seen.memo is None or self.seen.memo[0] is not scene:
            self.seen.memo = (scene, resemblance(self.seen, scene))
        found = self.seen.memo[1]
        if isinstance(found, str):
            return Finding(0, 0, note=found)
        if not (found.usable & found.own).any():
            return Finding(0, 0, note=found.left_out or "there is no image")
        return self.judged(found, scene)

    def judged(self, found: Resemblance, scene: Scene) -> Finding:
        """The finding, where there are pictures."""
        raise NotImplementedError

    def evidence(self, found: Resemblance, scene: Scene, fault: Chosen, others: Chosen) -> Iterator[Evidence]:
        """One image of each of the largest groups, and beside it the nearest of the others."""
        labels, first, sizes = np.unique(found.groups.labels[fault], return_index=True, return_counts=True)
        shown = np.flatnonzero(fault)[first[np.argsort(-sizes, kind="stable")][:KEPT]].tolist()
        partners = [_partner(found, number, others) for number in shown]
        own = {number for number in [*shown, *partners] if number < len(found.images.keys)}
        places = {number: found.images.place(number) for number in sorted(own)}
        rows = looked_up(scene.out, places.values(), ["sample_id"])
        size = dict(zip(labels.tolist(), sizes.tolist(), strict=True))
        for number, partner in zip(shown, partners, strict=True):
            count = size[int(found.groups.labels[number])]
            told = f"{found.images.row(number)['image_id']} looks like {_told(found, partner)}"
            if partner in places:
                other = places[partner]
                told += f" (sample {rows[other]['sample_id']}, {other.file} row {other.row})"
            more = f"; {count:,} images of this picture are at fault" if count > 1 else ""
            yield named(places[number], rows[places[number]], told + more)


def _partner(found: Resemblance, number: int, others: Chosen) -> int:
    """What an image was compared with, where that is one of the others; else the first of the group that is."""
    direct = int(found.groups.partners[number])
    if direct >= 0 and others[direct]:
        return direct
    same = (found.groups.labels == found.groups.labels[number]) & others
    same &= found.pictures != found.pictures[number]
    return int(np.flatnonzero(same)[0])


def _told(found: Resemblance, number: int) -> str:
    """An image of the rows, or of evaluation sets, by name."""
    if number < len(found.images.keys):
        return str(found.images.row(number)["image_id"])
    one = found.held_out[number - len(found.images.keys)]
    return f"{one.image_id} of {', '.join(one.sets)}"


class NearPictures(_PictureCheck):
    """Sources share pictures under names of their own: what they say themselves (`same_as`) is no fault. A picture that
    comes twice weighs twice in training; of photographs from the web some in a thousand do.
    """

    spec = Spec(
        "pictures_differ", "no two images show the same picture, unless their sources say so", "repeats", "warn", 0.01,
        "images",
    )  # fmt: skip

    def judged(self, found: Resemblance, scene: Scene) -> Finding:
        """Images of which another image shows the picture."""
        fault = found.own & found.usable & found.beside(found.own)
        count = int(fault.sum())
        groups = len(np.unique(found.groups.labels[fault]))
        told = [f"{count:,} images show {counted(groups, 'picture')}"] * (count > 0) + [found.left_out] * bool(
            found.left_out
        )
        evidence = tuple(self.evidence(found, scene, fault, found.own))
        return Finding(int((found.usable & found.own).sum()), count, evidence, "; ".join(told))


class PicturesOfSplits(_PictureCheck):
    """A picture that was trained on tells nothing when it is validated on. Two in a hundred would hardly be seen."""

    spec = Spec(
        "pictures_in_one_split", "no picture of the split val is, under another name, in train", "leakage", "warn",
        0.01, "images of val",
    )  # fmt: skip

    def judged(self, found: Resemblance, scene: Scene) -> Finding:
        """Images of val that look like one of train."""
        train, val = (self._in(found, name) for name in ("train", "val"))
        judged = val & found.usable
        if not judged.any() or not train.any():
            return Finding(0, 0, note="there are no two splits")
        fault = judged & ~train & found.beside(train)
        return Finding(
            int(judged.sum()), int(fault.sum()), tuple(self.evidence(found, scene, fault, train)), found.left_out
        )

    def _in(self, found: Resemblance, split: str) -> Chosen:
        members = self.seen.splits[split].values()
        inside = np.zeros(len(found.usable), bool)
        inside[: len(found.images.keys)] = np.isin(found.images.keys, members)
        return inside


class EvaluationPictures(_PictureCheck):
    """The same id is looked for elsewhere; this finds the picture under a name that no source connects with it. What
    looks the same need not be, hence a warning.
    """

    spec = Spec(
        "no_evaluation_pictures", "no image looks like a picture of an evaluation set that the recipe keeps out",
        "leakage", "warn", 0.0, "images",
    )  # fmt: skip

    def judged(self, found: Resemblance, scene: Scene) -> Finding:
        """Images that look like one of an evaluation set."""
        theirs = ~found.own & found.usable
        if not theirs.any():
            return Finding(0, 0, note="no picture of an evaluation set that the recipe keeps out is at hand")
        fault = found.own & found.usable & found.beside(theirs)
        note = "; ".join(
            [f"against {counted(int(theirs.sum()), 'picture')}", *([found.left_out] if found.left_out else [])]
        )
        judged = int((found.usable & found.own).sum())
        return Finding(judged, int(fault.sum()), tuple(self.evidence(found, scene, fault, theirs)), note)
