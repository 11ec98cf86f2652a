"""RefCOCO, RefCOCO+ (Yu et al., ECCV 2016), RefCOCOg (Mao et al., CVPR 2016): referring expressions on COCO masks."""

from pipelines.sources import mdetr, refer
from pipelines.sources.spec import FileSpec, Reading, Source, SourceSpec

_REFER = "https://github.com/lichengunc/refer (no registration)"
_OSPREY_TRAIN = "https://huggingface.co/datasets/sunshine-lwt/Osprey-TrainingData (no registration)"
_OSPREY_VAL = "https://huggingface.co/datasets/sunshine-lwt/Osprey-ValData (no registration)"
_MDETR = "https://github.com/ashkamath/mdetr (its conversion of REFER's files; masks to be joined from COCO)"

_YU = """@inproceedings{yu2016refcoco,
  title={Modeling Context in Referring Expressions},
  author={Yu, Licheng and Poirson, Patrick and Yang, Shan and Berg, Alexander C. and Berg, Tamara L.},
  booktitle={ECCV}, year={2016}
}"""
_MAO = """@inproceedings{mao2016refcocog,
  title={Generation and Comprehension of Unambiguous Object Descriptions},
  author={Mao, Junhua and Huang, Jonathan and Toshev, Alexander and Camburu, Oana and Yuille, Alan L.
          and Murphy, Kevin},
  booktitle={CVPR}, year={2016}
}"""


def _layouts(
    name: str, split_by: str, *, google: bool, osprey: tuple[FileSpec, ...]
) -> tuple[tuple[FileSpec, ...], ...]:
    """REFER's layout wins over Osprey's where both are there, because it has all splits."""
    folder = f"refer/{name}"
    instances = FileSpec(role="instances", path=f"{folder}/instances.json", where=_REFER)
    refs = FileSpec(role="refs", path=f"{folder}/refs({split_by}).p", where=_REFER)
    other = FileSpec(role="refs_google", path=f"{folder}/refs(google).p", where=_REFER)
    return ((refs, instances), *([(other, instances)] if google else []), osprey)


def _osprey(name: str, where: str) -> FileSpec:
    return FileSpec(role="mdetr", path=f"refcocos/finetune_{name}_train_with_mask.json", where=where)


_VAL = FileSpec(
    role="mdetr_val", path="refcocos/finetune_refcocog_val_with_mask.json", where=_OSPREY_VAL, required=False
)


def _source(spec: SourceSpec) -> Source:
    def read(files: dict[str, str]) -> Reading:
        """In REFER's layout where the pickle is there, else in Osprey's."""
        refs = files.get("refs") or files.get("refs_google")
        if refs:
            return refer.read(spec.name, refs, files["instances"])
        return mdetr.read(spec.name, files["mdetr"], files.get("mdetr_val"))

    return Source(spec, read)


_TERMS = {
    "homepage": "https://github.com/lichengunc/refer",
    "license": "LicenseRef-unstated",
    "license_note": "The authors state no licence for the expressions; boxes and masks are COCO's.",
}

REFCOCO = _source(
    SourceSpec(
        name="refcoco",
        title="RefCOCO",
        **_TERMS,
        citation=_YU,
        layouts=_layouts("refcoco", "unc", google=True, osprey=(_osprey("refcoco", _OSPREY_TRAIN),)),
        counts={"images": 19_994, "references": 50_000, "expressions": 142_210},
        evaluation=("refcoco_val", "refcoco_testA", "refcoco_testB", "refcoco_test"),
        split_note="UNC's splits are by image: train, val, testA (people), testB (other objects); all within COCO "
        "train2014. Google's part the objects of one image. Osprey's files hold train only.",
    )
)

REFCOCO_PLUS = _source(
    SourceSpec(
        name="refcoco+",
        title="RefCOCO+",
        **_TERMS,
        citation=_YU,
        layouts=_layouts("refcoco+", "unc", google=False, osprey=(_osprey("refcoco+", _OSPREY_TRAIN),)),
        counts={"images": 19_992, "references": 49_856, "expressions": 141_564},
        evaluation=("refcoco+_val", "refcoco+_testA", "refcoco+_testB"),
        split_note="By image, as RefCOCO, but not the same: an image may be for training here, for evaluation there.",
    )
)

REFCOCOG = _source(
    SourceSpec(
        name="refcocog",
        title="RefCOCOg",
        **_TERMS,
        citation=_MAO,
        layouts=_layouts("refcocog", "umd", google=True, osprey=(_osprey("refcocog", _MDETR), _VAL)),
        counts={"images": 25_799, "references": 49_822, "expressions": 95_010},
        evaluation=("refcocog_val", "refcocog_test"),
        split_note="UMD's splits are by image: train, val, test. Its evaluation images may be for training in RefCOCO.",
    )
)
