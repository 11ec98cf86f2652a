"""What a run does: its data, in which order, in what portions, and what makes it the run that it is."""

from typing import Any, NamedTuple

import torch
from transformers import TrainingArguments

from osprey_train import checkpoints
from osprey_train.data.loader import loader
from osprey_train.data.order import VERSION, GlobalBatches, Order
from osprey_train.data.shards import Shards
from osprey_train.model import OspreyProcessor
from osprey_train.stages import WARM_UP, Stage
from schemas.columns import SCHEMA_VERSION


class Plan(NamedTuple):
    """What a run does: its data, in which order, and in what portions."""

    stage: Stage
    shards: Shards
    order: Order
    steps: int
    per_device: int
    context: int
    workers: int
    seed: int
    rank: int
    world: int
    sharded_by: str = "nothing"
    """FSDP, or DeepSpeed in so many processes: what alone can read the checkpoints."""

    @property
    def accumulation(self) -> int:
        """Micro-batches of a step on one device."""
        return self.stage.batch // (self.per_device * self.world)

    @property
    def samples(self) -> int:
        """Of the whole run."""
        return self.steps * self.stage.batch

    def batches(self, processor: OspreyProcessor, start: int = 0, workers: int | None = None) -> Any:
        """A loader of this process's micro-batches from a step on."""
        sampler = GlobalBatches(
            self.order, self.stage.batch, self.per_device, self.rank, self.world, steps=self.steps, start=start
        )
        return loader(self.shards, sampler, processor, self.context, self.workers if workers is None else workers)


def identity_of(plan: Plan) -> dict[str, Any]:
    """What the samples of a run and their gradients depend on, in the words of JSON."""
    stage, shards = plan.stage, plan.shards
    return {
        "schema": SCHEMA_VERSION,
        "order": VERSION,
        **{
            f"{checkpoints.SHARDS_OF}{kind}": f"{sum(rows)} rows in {len(rows)} groups ({shards.digests[kind]})"
            for kind, rows in shards.group_rows.items()
        },
        checkpoints.CONTENTS: dict(shards.contents),
        "stage": stage.number,
        "trains": list(stage.trains),
        "weights": {kind: float(weight) for kind, weight in sorted(stage.weights.items())},
        "learning rate": stage.learning_rate,
        "batch": stage.batch,
        "steps": plan.steps,
        "context": plan.context,
        "seed": plan.seed,
        "sharded by": plan.sharded_by,
    }


def arguments(
    plan: Plan,
    output: str,
    *,
    bf16: bool,
    checkpointing: bool,
    save_every: int,
    log_every: int,
    deepspeed: str = "",
    fsdp: str = "",
) -> TrainingArguments:
    """The plan in Trainer's words. `deepspeed` and `fsdp` are paths of JSON files; `fsdp` may be `on`."""
    gpu = torch.cuda.is_available()
    args = TrainingArguments(
        output_dir=output,
        max_steps=plan.steps,
        per_device_train_batch_size=plan.per_device,
        gradient_accumulation_steps=plan.accumulation,
        average_tokens_across_devices=True,
        learning_rate=plan.stage.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=WARM_UP,
        weight_decay=0.0,
        bf16=bf16,
        activation_checkpointing=checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if checkpointing else None,
        save_strategy="steps",
        save_steps=save_every,
        logging_steps=log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        ignore_data_skip=True,  # the loader starts at the right place by itself
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
        disable_tqdm=True,
        report_to="none",
        use_cpu=not gpu,
        ddp_backend="gloo" if plan.world > 1 and not gpu else None,
        seed=plan.seed,
        deepspeed=deepspeed or None,
        fsdp=bool(fsdp) or None,
        fsdp_config=fsdp if fsdp not in ("", "on") else None,
    )
    args._n_gpu = min(args.n_gpu, 1)  # a process takes one GPU; several of them are for torchrun
    return args
