"""A row of ours as a record of LLaVA-style trainers.

`{"id", "image", "conversations": [{"from": "human" | "gpt", "value"}]}`, with `<image>` at the start of the first
question and the picture's path below DATA. Regions keep their names in the text; what they are stands in a field
`regions`, which such trainers pass over: name, box [x, y, width, height] in pixels, mask as compressed RLE, category.
"""

from typing import Any

from pipelines.builders.naming import region_name
from pipelines.exchange.osprey_export import Unfit, annotation, conversation

IMAGE = "<image>"

Row = dict[str, Any]


def record(row: Row) -> Row:
    """The record of a row of any kind; Unfit where a text holds the mark itself."""
    texts = [message["content"] for message in row["messages"]]
    if any(IMAGE in text for text in texts):
        raise Unfit(f"a text holds {IMAGE}, which would stand for another picture")
    regions = [{"name": region_name(n), **annotation(region)} for n, region in enumerate(row["regions"], start=1)]
    return {
        "id": row["sample_id"], "image": row["image"]["path"],
        "conversations": conversation([f"{IMAGE}\n{texts[0]}", *texts[1:]]),
        **({"width": row["width"], "height": row["height"], "regions": regions} if regions else {}),
    }  # fmt: skip
