"""Osprey-724K itself: not read with the other sources, but imported as it is (`osprey-data import`)."""

from pipelines.sources.spec import FileSpec, SourceSpec

_WHERE = "https://huggingface.co/datasets/AntGroup-MI/Osprey-724K (no registration)"

FILES = {
    "description": "osprey_detail_description.json",
    "conversation": "osprey_conversation.json",
    "short_form": "osprey_short_form.json",
    "part_level": "osprey_part_level.json",
    "positive_negative": "osprey_lvis_positive_negative.json",
}
"""Released file by its form; upstream's pages also say `osprey_detailed_description` and `osprey_conversations`."""

SPEC = SourceSpec(
    name="osprey-724k",
    title="Osprey-724K",
    homepage="https://github.com/CircleRadon/Osprey",
    license="CC-BY-NC-4.0",
    license_note="The text rests on LLaVA-Instruct (CC BY-NC 4.0) and was written by GPT-4, so that OpenAI's terms of "
    "use apply; positive_negative was made without a language model. The pictures are COCO's.",
    citation="""@inproceedings{yuan2024osprey,
  title={Osprey: Pixel Understanding with Visual Instruction Tuning},
  author={Yuan, Yuqian and Li, Wentong and Liu, Jian and Tang, Dongqi and Luo, Xinjie and Qin, Chi and Zhang, Lei and
          Zhu, Jianke},
  booktitle={CVPR}, year={2024}
}""",
    layouts=(
        tuple(
            FileSpec(role=form, path=f"osprey-724k/{name}", where=_WHERE, required=False)
            for form, name in FILES.items()
        ),
    ),
    counts={},
    evaluation=(),
    split_note="All for training. The files do not say which evaluation sets their pictures are in: nothing is kept "
    "out on import.",
)
