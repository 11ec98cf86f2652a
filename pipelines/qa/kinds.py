"""What the kinds are, in a sentence each, for those who read a report or a card and nothing else."""

MEANS: dict[str, str] = {
    "image_text": "a sentence about the whole picture; rows without regions",
    "mask_text": "a region and its category, or a phrase that points it out",
    "description": "a paragraph about each region",
    "conversation": "questions and answers about several regions",
    "short_form": "questions with an answer of a few words",
    "part_category": "what an object is, or which part of which object",
    "part_attribute": "colour, pattern, material and reflectance of objects and parts",
    "positive_negative": "is a region a ...? Yes and no in equal numbers",
    "region_caption": "a region and a phrase about it",
    "commonsense": "questions about a film scene, with answer and reason",
}
