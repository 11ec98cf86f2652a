"""Checkpoints of a run: written whole or not at all, and chosen again after any end.

A checkpoint is written to a folder in `.saving-checkpoint-N`, brought to the disk, and then renamed to `checkpoint-N`;
older ones are removed after that. The state of the data is the number of steps alone; `osprey_checkpoint.json` holds
what the order of the samples depends on, and the sizes of the files.
"""

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError

from schemas.errors import TrainingError

RECORD = "osprey_checkpoint.json"
SAVING = ".saving-"
SHARDS_OF = "shards of "
"""In the identity of a run: before the name of each kind that it has."""
CONTENTS = "contents"
"""In the identity of a run: a digest of the shards' sums for each kind that a manifest gives them of."""
_name = re.compile(r"checkpoint-(\d+)")
_full = re.compile(
    r"no space left|file too large|quota exceeded|os error (27|28|122)\b|file write failed", re.IGNORECASE
)
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class Checkpoint(NamedTuple):
    """A whole checkpoint."""

    folder: Path
    step: int
    identity: dict[str, Any]
    """What the run was: `differences` compares it."""
    totals: dict[str, int]
    """Counts over the run so far."""


@contextlib.contextmanager
def saving(output: Path, name: str, main: bool, barrier: Callable[[], None], inside: bool = False) -> Iterator[Path]:
    """A folder in which the block writes `name`, which becomes `output/name` if all ends well, and else is removed.

    With `inside` the files of `name` are put into `output` itself, one by one.

    All processes of a run write into the same folder; the `main` one renames it. Raises TrainingError when there is no
    room; what was saved before is left as it is.
    """
    folder = output / f"{SAVING}{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        barrier()
        if main:
            _settle(folder / name)
            if inside:
                _move_files(folder / name, output)
            else:
                _replace(folder / name, output / name)
            folder.rmdir()
        barrier()
    except (OSError, RuntimeError, SafetensorError) as error:
        if main:
            shutil.rmtree(folder, ignore_errors=True)
        if not no_room(error):
            raise
        free = shutil.disk_usage(output).free
        raise TrainingError(
            f"no room to save {output / name}: {_reason(error)} ({free / 1e6:,.0f} MB are free)",
            hint="What was saved before is whole. Make room and go on with the same command and --resume; "
            "--keep 1 keeps fewer checkpoints, --save-every N writes fewer.",
        ) from error


def no_room(error: BaseException) -> bool:
    """Whether a write failed for want of space; safetensors and torch tell it in words only."""
    found: BaseException | None = error
    while found is not None:
        if getattr(found, "errno", None) in _NO_ROOM or _full.search(str(found)):
            return True
        found = found.__cause__ or found.__context__
    return "PytorchStreamWriter" in str(error) or "unexpected pos" in str(error)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0])


def _settle(folder: Path) -> None:
    """Bring a folder and all in it to the disk, with the rights that the umask gave the folder: safetensors writes
    files that only their owner may read."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            path.chmod(folder.stat().st_mode & 0o666)
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(folder: Path, target: Path) -> None:
    """Rename a folder; one of the target's name, which was found broken or was to be replaced, goes out of the way."""
    old = target.with_name(f"{SAVING}old-{target.name}")
    if target.exists():
        target.rename(old)
    folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    _sync(target.parent)


def _move_files(folder: Path, target: Path) -> None:
    for path in sorted(folder.iterdir()):
        path.replace(target / path.name)
    folder.rmdir()
    _sync(target)


def write_record(folder: Path, step: int, identity: Mapping[str, Any], totals: Mapping[str, int]) -> None:
    """Write the record of a checkpoint, as its last file."""
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    record = {"step": step, "identity": identity, "totals": totals, "files": files}
    (folder / RECORD).write_text(json.dumps(record, indent=1))


def read(folder: Path) -> Checkpoint | str:
    """A checkpoint, or why it is not whole."""
    try:
        record = json.loads((folder / RECORD).read_text())
        found = Checkpoint(folder, int(record["step"]), dict(record["identity"]), dict(record["totals"]))
        for name, size in record["files"].items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != size:
                return f"{name} has {path.stat().st_size:,} bytes of {size:,}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{RECORD} cannot be read: {_reason(error)}"
    return found


def steps(output: Path) -> list[int]:
    """Steps of all checkpoints of a run, the newest first."""
    entries = output.iterdir() if output.is_dir() else ()
    names = (_name.fullmatch(path.name) for path in entries)
    return sorted((int(name[1]) for name in names if name), reverse=True)


def newest(output: Path, passed_over: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint; `passed_over` is told of each that is not whole."""
    for step in steps(output):
        found = read(output / f"checkpoint-{step}")
        if isinstance(found, Checkpoint):
            return found
        passed_over(f"{output / f'checkpoint-{step}'} is not whole and is passed over: {found}")
    return None


def rotate(output: Path, keep: int) -> None:
    """Remove all but the newest checkpoints. Those that are not whole go with them, as they count for none."""
    whole = [step for step in steps(output) if isinstance(read(output / f"checkpoint-{step}"), Checkpoint)]
    for step in steps(output):
        if step not in whole[:keep]:
            shutil.rmtree(output / f"checkpoint-{step}", ignore_errors=True)


def remove_leftovers(output: Path) -> list[str]:
    """Remove what a killed save left; gives the names."""
    found = sorted(path for path in output.glob(f"{SAVING}*")) if output.is_dir() else []
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in found]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not as it was, in words. `CONTENTS` count where both name them: a manifest need not lie there always."""
    was, become = before.get(CONTENTS, {}), now.get(CONTENTS, {})
    changed = sorted(kind for kind in {*was} & {*become} if was[kind] != become[kind])
    return [
        f"{name} was {before.get(name)!r}, now {now.get(name)!r}"
        for name in sorted({*before, *now} - {CONTENTS})
        if before.get(name) != now.get(name)
    ] + [f"shards of {kind} have other contents, by the manifest's sums" for kind in changed]


def check_same_run(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Raises TrainingError where a run that is to go on is not the one that was saved in the folder."""
    anew = f"start a new run from it: --init {folder} and another --output."
    noted, expected = ({name for name in run if not name.startswith(SHARDS_OF)} for run in (before, now))
    if other := sorted(noted ^ expected):
        raise TrainingError(
            f"{folder} was written by another version of osprey_train, which does not note the same of a run "
            f"({', '.join(other)}): whether its data and settings are these cannot be told",
            hint=f"Go on with that version; or {anew}",
        )
    if different := differences(before, now):
        raise TrainingError(
            f"{folder} belongs to a run with other settings: {'; '.join(different)}",
            hint=f"Resume with the flags and data that the run began with; or {anew}",
        )
