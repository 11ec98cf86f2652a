"""Weights of the public Osprey-7B as a model of ours, with a report of what became of every one of them.

The names are those of the public code (CircleRadon/Osprey, read for facts). Weights are mapped from the disk, so that
of a model of 7 billion the memory holds one file of the result at a time.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, LlamaConfig, PreTrainedTokenizerBase

from osprey_train.model.assemble import add_placeholders, processor_for, settle_generation
from osprey_train.model.config import OspreyConfig
from osprey_train.model.loading import read_json
from osprey_train.model.modeling import OspreyForConditionalGeneration
from osprey_train.model.vision_weights import encoder_name, read_weights
from schemas.errors import ModelError

NAMES = (
    (r"(model\.(?:embed_tokens|layers|norm)\..+|lm_head\.weight)", r"language_model.\1"),
    (r"model\.mm_projector\.(\d\..+)", r"image_projector.\1"),
    (r"(?:model\.)?mask_extractor\.(res[2-5]\..+)", r"mask_extractor.levels.\1"),
    (r"(?:model\.)?mask_extractor\.feat_linear\.(.+)", r"mask_extractor.mask_token.0.\1"),
    (r"(?:model\.)?mask_extractor\.mask_linear\.layers\.0\.(.+)", r"mask_extractor.spatial_token.0.\1"),
    (r"(?:model\.)?mask_extractor\.mask_linear\.layers\.1\.(.+)", r"mask_extractor.spatial_token.2.\1"),
    (r"(?:model\.)?mask_extractor\.mask_linear\.layers\.2\.(.+)", r"mask_extractor.spatial_token.4.\1"),
)
"""Names there (whole) and here."""
NOT_NEEDED = re.compile(r".*\.rotary_emb\.inv_freq|.*visual\.(trunk\.)?(head|norm_pre)\..+")
"""Weights that Osprey does not use, or that follow from the configuration."""
ROWS = ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight")
"""Weights with a row for every token."""
SETTINGS = {
    "vision_model": "convnext_large_d_320",
    "image_size": 512,
    "pooling": "published",
    "resize": "squash",
    "extractor_width": 1024,
    "mask_token_layers": 1,
    "spatial_size": 112,
}
"""What the public code has written into it, and not into its configuration."""
FILE_SIZE = "2GB"


@dataclass
class Report:
    """What became of the weights; names of theirs, but for `missing`."""

    matched: dict[str, str]
    """Name there -> name here."""
    missing: list[str]
    """Names here that nothing was found for."""
    mismatched: dict[str, str]
    """Name there -> both shapes."""
    left_over: list[str]
    """Unknown ones."""
    not_needed: list[str]
    rows_added: int
    """To the embeddings, for tokens that the public tokenizer lacks; each is the mean of the others."""

    def table(self) -> list[dict[str, object]]:
        """How many weights of each part matched."""
        parts = {name: name.split(".")[0] for name in [*self.matched.values(), *self.missing]}
        return [
            {
                "part": part,
                "matched": sum(parts[name] == part for name in self.matched.values()),
                "missing": sum(parts[name] == part for name in self.missing),
            }
            for part in dict.fromkeys(sorted(parts.values()))
        ]


def import_public(
    source: Path,
    output: Path,
    *,
    vision_weights: Path | None = None,
    tokenizer: str = "",
    system: str = "",
    settings: Mapping[str, Any] | None = None,
    tell: Callable[[Report], object] = lambda report: None,
) -> Report:
    """Write the checkpoint of the public code in `source` as a model of ours to `output`, with import_report.json.

    `vision_weights` is a file of open_clip weights, where the checkpoint has none of the vision encoder; `tokenizer` a
    folder or a name of a hub, where it has no tokenizer; `system` the sentence that prompts begin with; `settings` are
    those of `OspreyConfig` for a checkpoint of another size; `tell` hears of the report before anything is refused.

    Raises:
        ModelError: no such checkpoint, files of it that are missing or broken, or weights that are missing or do not
            fit; import_report.json tells of each.
    """
    public = public_config(source)
    weights = public_weights(source)
    if vision_weights:
        weights |= {name: value for name, value in read_weights(vision_weights).items() if encoder_name(name)}
    spelling = tokenizer_of(tokenizer or str(source))
    config = config_of(public, spelling, len(weights.get("model.embed_tokens.weight", ())), settings or {})
    with torch.device("meta"):
        model = OspreyForConditionalGeneration(config)
    state, report = matched(weights, model.state_dict())
    output.mkdir(parents=True, exist_ok=True)
    (output / "import_report.json").write_text(json.dumps(asdict(report), indent=1), encoding="utf-8")
    tell(report)
    check(source, output, report)
    processor = processor_for(config, spelling, "vicuna_v1", system)
    settle_generation(model, processor)
    model.load_state_dict(state, assign=True)
    config.dtype = model.dtype
    model.save_pretrained(output, max_shard_size=FILE_SIZE)
    processor.save_pretrained(output)
    return report


def public_weights(folder: Path) -> dict[str, Tensor]:
    """Names and tensors of all files of a checkpoint, sharded or not."""
    for kind in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{kind}.index.json"
        if index.is_file():
            files = sorted(set(read_json(index).get("weight_map", {}).values()))
            missing = [name for name in files if not (folder / name).is_file()]
            if missing:
                raise ModelError(
                    f"{folder}: {len(missing)} of {len(files)} files of weights are missing: {', '.join(missing)}",
                    hint="fetch them again: hf download takes up where it stopped",
                )
            return {name: value for file in files for name, value in read_weights(folder / file).items()}
        if (folder / kind).is_file():
            return read_weights(folder / kind)
    raise ModelError(
        f"{folder}: no checkpoint: neither pytorch_model.bin nor model.safetensors, nor an index of several",
        hint="the folder of the public Osprey-7B, as hf download --local-dir fetches it",
    )


def tokenizer_of(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer, with tokens for picture, mask and place."""
    try:
        found = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"{name}: no tokenizer can be loaded: {str(error).strip().splitlines()[0]}",
            hint="--tokenizer takes the folder of Vicuna-7B v1.5, or its name on a hub (HF_HUB_OFFLINE=0 fetches)",
        ) from error
    add_placeholders(found)
    if found.pad_token is None:
        found.pad_token = found.unk_token
    return found


def public_config(folder: Path) -> dict[str, Any]:
    """The public configuration; raises ModelError where that of another model lies there."""
    found = read_json(folder / "config.json")
    if found.get("model_type") != "osprey" or "text_config" in found:
        kind = "a model of ours already" if "text_config" in found else f"a {found.get('model_type')!r} model"
        raise ModelError(f"{folder}: {kind}, not a checkpoint of the public Osprey code", hint="nothing to import")
    return found


def config_of(
    public: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, rows: int, settings: Mapping[str, Any]
) -> OspreyConfig:
    """Our configuration of a model with this public one, whose embeddings have so many rows."""
    known = LlamaConfig().to_dict().keys() | {"rope_theta", "rope_scaling"}
    own = {"model_type", "architectures", "transformers_version", "dtype", "vocab_size"}
    language = LlamaConfig(
        **{key: value for key, value in public.items() if key in known - own and value is not None},
        vocab_size=max(rows, len(tokenizer)),
    )
    image, mask, spatial = add_placeholders(tokenizer)
    return OspreyConfig(
        text_config=language,
        image_token_id=image,
        mask_token_id=mask,
        spatial_token_id=spatial,
        **{**SETTINGS, **settings},
    )


def matched(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Report]:
    """The weights under our names, all in the precision of the embeddings, and what became of each.

    `wanted` are our names and, at least, shapes.
    """
    report = Report({}, [], {}, [], [], 0)
    state: dict[str, Tensor] = {}
    dtype = next((value.dtype for name, value in weights.items() if "embed_tokens" in name), torch.float32)
    for theirs, value in weights.items():
        name = our_name(theirs)
        if NOT_NEEDED.fullmatch(theirs):
            report.not_needed.append(theirs)
        elif name not in wanted:
            report.left_over.append(theirs)
        elif (added := rows_to_add(name, value, wanted[name])) is None:
            report.mismatched[theirs] = f"{tuple(value.shape)} there, {tuple(wanted[name].shape)} here"
        else:
            state[name] = with_rows(value.to(dtype), added)
            report.matched[theirs] = name
            report.rows_added = max(report.rows_added, added)
    report.missing = sorted(wanted.keys() - state.keys() - {our_name(name) for name in report.mismatched})
    return state, report


def our_name(name: str) -> str:
    """Our name of one of their weights, or nothing."""
    if found := encoder_name(name):
        return f"vision.{found}"
    return next((re.sub(theirs, ours, name) for theirs, ours in NAMES if re.fullmatch(theirs, name)), "")


def rows_to_add(name: str, value: Tensor, wanted: Tensor) -> int | None:
    """Rows that the weight lacks, most often 0; None where it does not fit."""
    if value.shape == wanted.shape:
        return 0
    fits = name in ROWS and value.shape[1:] == wanted.shape[1:] and len(value) < len(wanted)
    return len(wanted) - len(value) if fits else None


def with_rows(value: Tensor, added: int) -> Tensor:
    """The weight with rows of its mean at its end."""
    if not added:
        return value
    mean = value.mean(0, keepdim=True, dtype=torch.float32).to(value.dtype)
    return torch.cat([value, mean.expand(added, -1)])


def check(source: Path, output: Path, report: Report) -> None:
    """Raise ModelError unless all that the model needs was found."""
    vision = [name for name in report.missing if name.startswith("vision.")]
    faults = [f"{len(report.missing)} weights are missing: {', '.join(report.missing[:3])}"] if report.missing else []
    if report.mismatched:
        name, shapes = next(iter(report.mismatched.items()))
        faults.append(f"{len(report.mismatched)} do not fit: {name} is {shapes}")
    if not faults:
        return
    hint = "is it Osprey-7B, whole?"
    if vision and len(vision) == len(report.missing):
        hint = "they are the vision encoder's: give --vision-weights, open_clip's file of convnext_large_d_320"
    raise ModelError(f"{source}: {'; '.join(faults)}", hint=f"{hint} {output / 'import_report.json'} lists all")
