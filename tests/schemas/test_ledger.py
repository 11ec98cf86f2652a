"""read = kept + rejected, on every line."""

import pathlib
import re

import pytest

import pipelines
from schemas import ledger
from schemas.ledger import REASONS, LedgerLine
from schemas.records import Reject


def reject(reason: str, source: str = "coco", unit: str = "annotations") -> Reject:
    return Reject(stage="regions", source=source, unit=unit, key="1", reason=reason)


def line(read: int, kept: int, rejected: dict[str, int], source: str = "coco") -> LedgerLine:
    return LedgerLine(
        stage="regions", source=source, unit="annotations", read=read, kept=kept, rejected=rejected
    )  # fmt: skip


def test_lines_balance() -> None:
    read = {("coco", "annotations"): 5, ("coco", "captions"): 2, ("lvis", "annotations"): 0}
    rejects = [reject("empty_mask"), reject("crowd"), reject("empty_mask"), reject("empty_text", unit="captions")]
    made = ledger.lines("regions", read, rejects)
    assert [(one.source, one.unit, one.read, one.kept, one.rejected) for one in made] == [
        ("coco", "annotations", 5, 2, {"crowd": 1, "empty_mask": 2}),
        ("coco", "captions", 2, 1, {"empty_text": 1}),
        ("lvis", "annotations", 0, 0, {}),
    ]
    assert list(made[0].rejected) == ["crowd", "empty_mask"], "the order must not depend on that of the rejects"


def test_more_rejects_than_records_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="more rejects than the 1 records read"):
        ledger.lines("regions", {("coco", "annotations"): 1}, [reject("crowd"), reject("crowd")])


def test_a_reject_of_what_was_not_read_is_a_bug() -> None:
    with pytest.raises(KeyError):
        ledger.lines("regions", {("coco", "annotations"): 1}, [reject("crowd", source="lvis")])


def test_a_reason_without_a_definition_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="bad_luck"):
        ledger.lines("regions", {("coco", "annotations"): 1}, [reject("bad_luck")])


def test_a_lost_record_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="read 5, accounted for 4"):
        line(5, 3, {"crowd": 1}).check()


def test_merge_sums_lines_of_one_stage_source_and_unit() -> None:
    merged = ledger.merge(
        [line(5, 3, {"crowd": 2}), line(1, 1, {}, source="lvis"), line(2, 0, {"crowd": 1, "empty_mask": 1})]
    )
    assert merged == [line(7, 3, {"crowd": 3, "empty_mask": 1}), line(1, 1, {}, source="lvis")]
    for one in merged:
        one.check()


def test_reasons_and_code_agree() -> None:
    """A reason that no module gives is a promise in the documents that nothing keeps."""
    folder = pathlib.Path(next(iter(pipelines.__path__)))
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    assert {reason for reason in REASONS if f'"{reason}"' not in code} == set()
    given = set(re.findall(r'(?:(?<!finish_)reason=|BadReply\(|BadMask\()"(\w+)"', code))
    assert given - set(REASONS) == set()


def test_losses_are_what_faults_took() -> None:
    first = line(10, 6, {"empty_mask": 3, "crowd": 1})
    second = line(6, 1, {"evaluation_split": 2, "size_mismatch": 2, "empty_mask": 1}, source="coco")
    built = LedgerLine(stage="build:mask_text", source="coco", unit="annotations", read=1, kept=0,
                       rejected={"no_category": 1})  # fmt: skip
    assert ledger.losses([first, second, built]) == {
        ("coco", "annotations"): (10, {"empty_mask": 4, "size_mismatch": 2}),
    }


def test_reasons_that_sound_data_meets_are_reasons() -> None:
    assert set(REASONS) >= ledger.AS_MEANT
