"""The README of a trained model: what it was trained on, and under whose licences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from osprey_train.plan import Plan
from osprey_train.stages import WARM_UP
from schemas.licenses import strictest

_TEXT = """\
---
library_name: transformers
pipeline_tag: image-text-to-text
tags: [osprey, region-understanding]
license: other
---

# Osprey model, stage {stage} ({name})

An Osprey model (arXiv 2312.10032): it answers questions about regions that are given as masks.

```python
from osprey_train import OspreyForConditionalGeneration, OspreyProcessor

model = OspreyForConditionalGeneration.from_pretrained("PATH")
processor = OspreyProcessor.from_pretrained("PATH")
inputs = processor(picture, "What is <region1>?", masks=[mask])
print(processor.tokenizer.decode(model.generate(**inputs, max_new_tokens=64)[0]))
```

## Training

| | |
|---|---|
| preset | {preset} |
| started from | {init} |
| learned | {trains} |
| language model | {language} |
| vision encoder | {vision} (frozen) |
| steps, batch | {steps:,} of {batch} samples |
| learning rate | {rate:g}, cosine, warm-up {warm_up} |
| samples seen | {samples:,} |
| cut for the context of {context} tokens | {turns_dropped:,} turns dropped, {answers_cut:,} answers cut |
| recipe of the data | {recipe} |

## Data

| kind | rows | weight |
|---|---:|---:|
{rows}

The strictest licence of the rows is **{license}**. The licences of the language model and of the vision encoder hold
too.
"""


def licenses(plan: Plan) -> set[str]:
    """The licences that rows of the run name."""
    found: set[str] = set()
    for kind, groups in plan.shards.groups.items():
        for index in range(len(groups)):
            found.update(plan.shards.read(kind, index, ["license"])["license"].unique().to_pylist())
    return found


def _strictest(found: set[str]) -> str:
    try:
        return strictest(found)
    except ValueError:  # a licence that is not on our list
        return ", ".join(sorted(map(str, found)))


def recipe(manifest: Mapping[str, Any]) -> str:
    """Name and digest of the recipe in the manifest beside the shards."""
    try:
        return f"{manifest['recipe']['name']} (sha256 {manifest['recipe_sha256'][:16]})"
    except (KeyError, TypeError):
        return "not known: no manifest beside the shards"


def model_card(plan: Plan, record: Mapping[str, Any], config: Any) -> str:
    """The README of a finished run."""
    stage = plan.stage
    rows = "\n".join(
        f"| {kind} | {sum(counts):,} | {stage.weights.get(kind, 1.0):g} |"
        for kind, counts in plan.shards.group_rows.items()
    )
    return _TEXT.format(
        stage=stage.number,
        name=stage.name,
        preset=record["preset"],
        init=Path(record["init"]).name if record["init"] else "a new model",
        trains=", ".join(stage.trains),
        language=Path(config.language.name_or_path or config.language.model_type).name,
        vision=config.vision_model,
        steps=plan.steps,
        batch=stage.batch,
        rate=stage.learning_rate,
        warm_up=WARM_UP,
        context=plan.context,
        recipe=recipe(plan.shards.manifest),
        rows=rows,
        license=_strictest(licenses(plan)),
        **{name: record[name] for name in ("samples", "turns_dropped", "answers_cut")},
    )
