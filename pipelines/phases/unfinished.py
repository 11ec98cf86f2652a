"""A folder that holds no finished build: what it is instead, which phase is missing, and how to go on."""

import msgspec

from pipelines import storage
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan, read_plan
from pipelines.shards.manifest import manifest_path
from schemas.errors import BuildError


def require_finished(layout: Layout) -> None:
    """Raise BuildError unless there is a manifest, which a build writes last."""
    if not storage.exists(manifest_path(layout.out)):
        raise _missing(layout)


def known_plan(layout: Layout) -> Plan | None:
    """The plan of a build, where it left one that this program can read."""
    try:
        return read_plan(layout) if storage.exists(layout.plan) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _missing(layout: Layout) -> BuildError:
    out = layout.out
    if not storage.exists(out):
        return BuildError(f"no folder {out}", hint="Give the folder of a finished build, the --out of its command.")
    if not storage.exists(layout.work):
        return BuildError(
            f"{out} is no build: it holds neither manifest.json nor work/",
            hint="Give the folder of a finished build, the --out of its command.",
        )
    plan = known_plan(layout)
    if plan is None:
        return BuildError(
            f"no build has finished in {out}: manifest.json is missing, and of the three phases not even the first, "
            "plan, came to its end",
            hint="Run the command that was interrupted once more: it goes on where it was stopped.",
        )
    return _planned(layout, plan)


def _planned(layout: Layout, plan: Plan) -> BuildError:
    rows = sum(sum(splits.values()) for splits in plan.rows.values())
    lacking = f"no build has finished in {layout.out}: manifest.json is missing. {rows:,} rows are planned; "
    write = f"`osprey-data assemble --out {layout.out}`"
    if plan.requests and not storage.list_files(layout.assembled):
        return BuildError(
            f"{lacking}the phases generate ({plan.requests:,} requests) and assemble have not come to their end",
            hint=f"Run the command that was interrupted once more. Or {write} makes shards of the replies that are "
            "there, and counts the others as missing.",
        )
    return BuildError(
        f"{lacking}the last phase, assemble, has not come to its end",
        hint=f"{write} goes on, as does the command that was interrupted.",
    )
