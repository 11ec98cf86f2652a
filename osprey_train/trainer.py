"""The Trainer of transformers with our order of samples, our counts, and checkpoints that are whole or not there.

The loss is the mean over the answer tokens of the global batch, whatever the micro-batches and processes it is split
into (`num_items_in_batch`), and the run is one flat sequence of global batches, so Trainer sees a single epoch.
"""

import contextlib
import json
import math
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from osprey_train import checkpoints, console
from osprey_train.model import OspreyForConditionalGeneration, OspreyProcessor
from osprey_train.model.modeling import MODULES
from osprey_train.plan import Plan
from schemas.errors import ShardError, TrainingError

LOG, SAMPLES, BOARD = "log.jsonl", "samples-{rank}.jsonl", "tensorboard"
COUNTS = ("samples", "tokens", "turns_dropped", "answers_cut")


def freeze(model: OspreyForConditionalGeneration, trains: tuple[str, ...]) -> None:
    """Let the named parts learn, in single precision, and no other."""
    for name, module in model.named_children():
        module.requires_grad_(name in trains)
        if name in trains:
            module.float()


def halve(model: nn.Module) -> list[tuple[nn.Parameter, torch.Tensor]]:
    """Hold frozen weights in bf16, half the memory of a device; gives each with its value, which stays where it was.

    Buffers are left alone: the frequencies of rotary positions need single precision.
    """
    frozen = [(weight, weight.data) for weight in model.parameters() if not weight.requires_grad]
    for weight, value in frozen:
        weight.data = value.bfloat16()
    return frozen


@contextlib.contextmanager
def restored(frozen: list[tuple[nn.Parameter, torch.Tensor]]) -> Iterator[None]:
    """For saving: frozen weights as they were before `halve`, so that no stage changes a bit of what it froze."""
    halves = [weight.data for weight, _ in frozen]
    try:
        for weight, value in frozen:
            weight.data = value
        yield
    finally:
        for (weight, _), half in zip(frozen, halves, strict=True):
            weight.data = half


def settle_modes(model: nn.Module, trains: tuple[str, ...], checkpointing: bool) -> None:
    """Evaluation mode for what is frozen, against dropout in it.

    With gradient checkpointing a frozen language model stays in training mode, without which transformers would keep
    its activations after all.
    """
    for name, module in model.named_children():
        if name in MODULES and name not in trains and not (checkpointing and name == "language_model"):
            module.eval()


class Stop(TrainerCallback):
    """On SIGINT or SIGTERM: finish the step, save, and end. A second signal ends at once."""

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, self._before[number])
        os.write(2, b"\nstopping after this step; once more stops at once, without saving\n")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ask the other processes too, so that all stop after the same step."""
        if args.world_size > 1:
            heard = torch.tensor(self.signal, device=args.device)
            torch.distributed.all_reduce(heard, torch.distributed.ReduceOp.MAX)
            self.signal = int(heard)
        if self.signal:
            control.should_save = control.should_training_stop = True


class OspreyTrainer(Trainer):
    """Trains one stage of a model as a plan says."""

    def __init__(
        self,
        plan: Plan,
        model: OspreyForConditionalGeneration,
        processor: OspreyProcessor,
        args: TrainingArguments,
        identity: Mapping[str, Any],
        start: checkpoints.Checkpoint | None = None,
        *,
        keep: int = 2,
        log_samples: bool = False,
    ) -> None:
        self.plan, self.processor, self.identity, self.keep, self.stop = plan, processor, dict(identity), keep, Stop()
        self.start = start.step if start else 0
        self.totals: Counter[str] = Counter(start.totals if start else {})
        self.counts: Counter[str] = Counter()
        self._folder, self._logged_at = args.output_dir, time.monotonic()
        freeze(model, plan.stage.trains)
        halves = args.bf16 and not args.fsdp and not args.deepspeed  # which want weights of one kind
        frozen = halve(model) if halves else []
        self.frozen = frozen if args.should_save else []
        super().__init__(model=model, args=args, callbacks=[self.stop])
        self.remove_callback(PrinterCallback)
        if args.fsdp and not self.sharded:
            raise TrainingError(
                "--fsdp has no effect here",
                hint="It needs GPUs, and torchrun --nproc-per-node N; without it DDP is used.",
            )
        self._loss_shifts_labels = True  # whatever language model is inside, its labels are those of the next token
        self.bar: console.Bar | None = None
        self.board: SummaryWriter | None = None
        self._samples = Path(args.output_dir, SAMPLES.format(rank=plan.rank)) if log_samples else None

    @property
    def plain_model(self) -> OspreyForConditionalGeneration:
        """The model without what distributed training wraps around it."""
        return self.accelerator.unwrap_model(self.model)

    @property
    def sharded(self) -> bool:
        """Whether no process has the whole model."""
        return bool(self.is_fsdp_enabled or self.is_deepspeed_enabled)

    def run(self, checkpoint: checkpoints.Checkpoint | None) -> None:
        """Train to the end, or until a signal; `stop.signal` then says which."""
        if self.is_world_process_zero():
            forget_after(Path(self.args.output_dir), self.start)
        self.bar = console.Bar(self.start, self.plan.steps)
        if self.is_world_process_zero():
            self.board = SummaryWriter(os.path.join(self.args.output_dir, BOARD), purge_step=self.start or None)
        self._logged_at = time.monotonic()
        try:
            with self.stop:
                self.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
        finally:
            self.bar.close()
            if self.board:
                self.board.close()

    def get_train_dataloader(self) -> Any:
        """Our loader from the step on that the run starts at. Sharing out among processes is the order's work."""
        return self.plan.batches(self.processor, self.start)

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """Micro-batches of a step and the answer tokens of the global batch; what is only for logs is taken out."""
        try:
            batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        except ShardError as error:
            raise self._saved_before(error) from error
        for batch in batches:
            self.counts += Counter(batch.pop("counts")) + Counter(tokens=int(batch["attention_mask"].sum()))
            ids = batch.pop("sample_ids")
            if self._samples:
                with self._samples.open("a") as stream:
                    stream.write(json.dumps({"step": self.state.global_step + 1, "samples": ids}) + "\n")
        return batches, items.clamp(min=1)

    def _saved_before(self, error: ShardError) -> ShardError:
        """The error of a row, after the steps done until then are saved (a process alone; others are in their step)."""
        step = self.state.global_step
        if self.args.world_size > 1 or step == self.start:
            return error
        if not Path(self.args.output_dir, f"checkpoint-{step}").exists():
            self._save_checkpoint(self.model, None)
        return ShardError(error.message, hint=f"{error.hint} Step {step} is saved: then go on with --resume.".strip())

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], **kwargs: Any) -> Any:
        """The loss, with frozen parts in evaluation mode."""
        settle_modes(
            self.accelerator.unwrap_model(model), self.plan.stage.trains, bool(self.args.activation_checkpointing)
        )
        return super().compute_loss(model, inputs, **kwargs)

    def _summed(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Counts over all processes."""
        numbers = torch.tensor([counts[name] for name in COUNTS], device=self.args.device)
        if self.args.world_size > 1:
            torch.distributed.all_reduce(numbers)
        return dict(zip(COUNTS, numbers.tolist(), strict=True))

    def _take_counts(self) -> dict[str, int]:
        """Counts since the last time, over all processes; they are added to those of the run."""
        found, self.counts = self._summed(self.counts), Counter()
        self.totals.update(found)
        return found

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write what Trainer found to log and TensorBoard, with speed and counts."""
        if "loss" not in logs:
            return
        counts, now = self._take_counts(), time.monotonic()
        seconds, self._logged_at = now - self._logged_at, now
        step, plan = self.state.global_step, self.plan
        shown = {
            "step": step,
            "epoch": round(step * plan.stage.batch / plan.order.epoch_rows, 4),
            **logs,
            "samples_per_second": round(counts["samples"] / seconds, 2),
            "tokens_per_second": round(counts["tokens"] / seconds, 1),
            **{name: self.totals[name] for name in ("turns_dropped", "answers_cut")},
        }
        if self.board:
            for name, value in shown.items():
                self.board.add_scalar(f"train/{name}", value, step)
            with Path(self.args.output_dir, LOG).open("a") as stream:
                stream.write(json.dumps(shown) + "\n")
        if self.bar:
            self.bar.status(
                step,
                f"loss {logs['loss']:.4f}  lr {logs['learning_rate']:.1e}  {shown['samples_per_second']:.1f} samples/s",
            )
        if not math.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss is {logs['loss']} at step {step}",
                hint="No checkpoint was written after it. Try a lower --learning-rate, or --no-bf16, from the last one "
                "(--init) or from the start.",
            )

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        """Log before every save, so that no checkpoint is written after a loss that is not finite."""
        if self.bar:
            self.bar.step(self.state.global_step)
        self.control.should_log |= self.control.should_save
        super()._maybe_log_save_evaluate(*args, **kwargs)

    def _get_output_dir(self, trial: Any) -> str:
        return self._folder

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """What Trainer saves, but whole or not at all."""
        output, step = Path(self.args.output_dir), self.state.global_step
        name, main, barrier = f"checkpoint-{step}", self.is_world_process_zero(), self.accelerator.wait_for_everyone
        self._take_counts()
        with checkpoints.saving(output, name, main, barrier) as folder:
            self._folder = str(folder)
            with restored(self.frozen):
                super()._save_checkpoint(model, trial)
            barrier()
            if main:
                self.processor.save_pretrained(folder / name)
                checkpoints.write_record(folder / name, step, self.identity, self.totals)
        if main:
            checkpoints.rotate(output, self.keep)

    def save_whole(self, folder: Path) -> None:
        """Save model and processor. All processes call it, as the weights may have to be gathered."""
        state = self.accelerator.get_state_dict(self.model_wrapped) if self.sharded else None
        if self.is_world_process_zero():
            tied = getattr(self.plain_model, "all_tied_weights_keys", {})  # gathered twice where they are shared
            state = state and {name: value for name, value in state.items() if name not in tied}
            with restored(self.frozen):
                self.plain_model.save_pretrained(folder, state_dict=state)
            self.processor.save_pretrained(folder)


def forget_after(output: Path, step: int) -> None:
    """Take out of the logs what was logged after the step that a run goes on from."""
    output.mkdir(parents=True, exist_ok=True)
    for path in [output / LOG, *output.glob(SAMPLES.format(rank="*"))]:
        if path.exists():
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("}\n")]
            path.write_text("".join(line for line in lines if json.loads(line)["step"] <= step))
