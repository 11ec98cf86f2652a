"""The files of a Segment Anything model: a folder as `save_pretrained` leaves it, or a name on the Hugging Face Hub."""

import os
from typing import Any

import msgspec

from pipelines import storage
from pipelines.sources.locate import cache_key, readable
from schemas.errors import SourceError
from schemas.records import Record

CONFIG = "config.json"
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
WEIGHTS = ".safetensors"
MODEL_TYPES = ("sam_hq", "sam")
"""`model_type` of the configurations that can be used: HQ-SAM (Ke et al., NeurIPS 2023), which made Osprey's masks of
Visual Genome, and SAM (Kirillov et al., ICCV 2023)."""

_EXPECTED = f"{CONFIG}, {' or '.join(PROCESSOR)}, and the weights as *{WEIGHTS}"


class Weights(Record, frozen=True, kw_only=True):
    """A model that can be loaded."""

    folder: str
    model_type: str
    key: str
    """Changes with the content of its files."""


def find(name: str, work: str) -> Weights:
    """The model in a local folder, or the one of that name on the Hub.

    From the Hub nothing is fetched while HF_HUB_OFFLINE is 1, as the command line sets it unless it is set otherwise;
    what was fetched before is found. Checksums are remembered under `work`.

    Raises:
        SourceError: the folder lacks a file, or holds another kind of model.
    """
    folder = name if os.path.isdir(name) else _from_hub(name)
    names = storage.list_files(folder)
    settings = [one for one in PROCESSOR if one in names]
    weights = [one for one in names if one.endswith(WEIGHTS)]
    lacking = [
        what
        for what, there in ((CONFIG, CONFIG in names), (" or ".join(PROCESSOR), settings), (f"*{WEIGHTS}", weights))
        if not there
    ]
    if lacking:
        raise SourceError(
            f"{folder}: no segmentation model: lacks {', '.join(lacking)}", hint=f"Expected there: {_EXPECTED}."
        )
    files = {one: storage.join(folder, one) for one in (CONFIG, *settings, *weights)}
    return Weights(folder=folder, model_type=_model_type(files[CONFIG]), key=cache_key("weights", files, work))


def _model_type(path: str) -> str:
    with readable(path):
        content = storage.read_bytes(path)
    try:
        config: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not valid JSON: {error}", hint="Fetch the model again.") from error
    found = config.get("model_type") if isinstance(config, dict) else None
    if found not in MODEL_TYPES:
        raise SourceError(
            f"{path}: model_type is {found!r}", hint=f"Models that can be used: {', '.join(MODEL_TYPES)}."
        )
    return str(found)


def _from_hub(name: str) -> str:
    """The folder of a model fetched earlier, or now where that is allowed."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return str(snapshot_download(name, allow_patterns=["*.json", f"*{WEIGHTS}"]))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise SourceError(
            f"{name}: no folder of that name, and no model of that name was fetched from the Hugging Face Hub",
            hint=f"Give a folder that holds {_EXPECTED}; or a name on the Hub, such as syscv-community/sam-hq-vit-base,"
            " and set HF_HUB_OFFLINE=0 so that it may be fetched.",
        ) from error
