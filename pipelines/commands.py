"""The commands: the phases one after the other, with what a person sees of them."""

from typing import Literal, NamedTuple
from uuid import uuid4

from pipelines import console, storage
from pipelines import console_asking as show
from pipelines import looking_commands as looking
from pipelines.builders import MODEL_KINDS
from pipelines.builders.context import OPENAI
from pipelines.generation.batch import cancel_open
from pipelines.generation.prices import parse_price, price_of
from pipelines.generation.progress import Outcome
from pipelines.generation.settings import Settings, api_key, from_environment
from pipelines.generation.store import ReplyStore
from pipelines.generation.store.batches import Batches
from pipelines.phases import costs, fleet, generate, reply_format, sources
from pipelines.phases.assemble import write_shards
from pipelines.phases.costs import Estimate
from pipelines.phases.doctor import diagnose
from pipelines.phases.finish import finish
from pipelines.phases.layout import Layout
from pipelines.phases.meter import Meter, generation_log
from pipelines.phases.outlook import before_building, outlook
from pipelines.phases.plan import Job, Plan, make_plan, read_plan
from pipelines.phases.running import ONE_WORKER, Running
from schemas.errors import BudgetError, BuildError, GenerationError, SourceError
from schemas.recipe import Recipe


class Asking(NamedTuple):
    """What the command line says about asking a model; the fields of `pipelines.options.Ask`."""

    budget_usd: float | None = None
    total_usd: float | None = None
    price: str = ""
    mode: Literal["online", "batch"] = "online"
    concurrency: int = 16
    rpm: float | None = None
    tpm: float | None = None
    timeout: float = 300.0
    repair: int = 0
    retry_failed: bool = False
    replies: str = ""
    purse: str = ""
    """By this name all asking of one command shares the budget; no option."""

    def settings(self) -> Settings:
        """With the server of the environment."""
        return from_environment(
            budget_usd=self.budget_usd, total_usd=self.total_usd, mode=self.mode, concurrency=self.concurrency,
            price=parse_price(self.price) if self.price else None, rpm=self.rpm, tpm=self.tpm, timeout_s=self.timeout,
            repairs=self.repair, retry_failed=self.retry_failed, purse=self.purse,
        )  # fmt: skip

    def store(self, layout: Layout) -> ReplyStore:
        """The reply store of a build; by default beside its other work, which must then be on a local disk."""
        if not self.replies and not storage.is_local(layout.out):
            raise GenerationError(
                f"no database can lie in {layout.out}", hint="Name one for the replies: --replies postgresql://..."
            )
        return ReplyStore(self.replies or layout.replies_url)


def build(job: Job, asking: Asking, running: Running) -> None:
    """All three phases. Where the model cannot be asked, everything else is built before the error is raised."""
    layout = job.layout
    storage.make_folder(layout.out)
    _check_asking(job, asking)
    asking = asking._replace(purse=uuid4().hex)
    made = _plan(_decide_form(job, asking), running)
    problem = _ask_or_tell(made, layout, asking)
    try:
        _assemble(made, layout, asking, running)
    except BuildError as error:
        if problem is None:
            raise
        message = f"{problem.message.rstrip('.')}; {error.message}"
        raise GenerationError(message, hint=f"{problem.hint}\n{error.hint}") from error
    if problem is not None:
        raise problem
    _tell_faults(made)


def _check_asking(job: Job, asking: Asking) -> None:
    """Say what is wrong with the options before the work begins; what is stored needs no key, budget or price."""
    settings = asking.settings()
    if job.generator != OPENAI or not MODEL_KINDS.keys() & job.recipe.kinds or not asking.store(job.layout).empty():
        return
    if asking.budget_usd is None:
        raise GenerationError(
            "nothing is asked without a budget", hint="Say what this run may spend at most, in dollars: --budget-usd 5"
        )
    api_key(settings.base_url)
    price_of(job.recipe.generation.model, settings)


def _decide_form(job: Job, asking: Asking) -> Job:
    """The job with the form of its replies decided, which may ask the server one small question."""
    if not reply_format.is_open(job):
        return job
    with generation_log(job.layout):
        decided, why = reply_format.resolve(job, asking.store(job.layout), asking.settings())
    console.out.print(why, markup=False)
    return decided


def plan(job: Job, asking: Asking, running: Running) -> None:
    """The first phase, and what the second would cost."""
    made = _plan(_decide_form(job, asking), running)
    for kind, rows in made.rows.items():
        console.out.print(f"{kind}: {sum(rows.values()):,} rows")
    if made.requests:
        _tell_estimate(made, job.layout, asking)
    _tell_faults(made)


def plan_dry(job: Job, running: Running) -> None:
    """What the first phase would give, without leaving more than what was read."""
    missing = [one.name for one in sources.look(job.recipe, job.data).missing]
    made = _plan(job, running, dry=True)
    console.show_outlook(outlook(made, missing), before_building(made, missing), job.layout.work)
    _tell_faults(made)


def ask(layout: Layout, asking: Asking, running: Running, *, dry: bool = False) -> None:
    """The second phase, by several workers where there are to be any; a dry one only says what it would cost."""
    made = read_plan(layout)
    if not made.requests:
        console.out.print(f"nothing to ask: the plan in {layout.out} was made with the generator {made.generator}")
    elif dry:
        _tell_estimate(made, layout, asking)
    else:
        _ask(made, layout, asking._replace(purse=uuid4().hex), running)


def cancel(layout: Layout, asking: Asking) -> None:
    """Cancel the batches under way; what they have answered is stored."""
    store, settings = asking.store(layout), asking.settings()
    if not Batches(store.database).under_way(settings.base_url):
        console.out.print(f"no batch is under way at {settings.base_url}", markup=False)
        return
    with generation_log(layout):
        outcome = cancel_open(store, settings)
    show.cancelled(outcome)


def assemble(layout: Layout, asking: Asking, running: Running) -> None:
    """The third phase."""
    made = read_plan(layout)
    _assemble(made, layout, asking, running)
    _tell_faults(made)


def doctor(recipe: Recipe, data: str, work: str, *, quick: bool) -> None:
    """What DATA holds of the recipe's sources; SourceError where nothing can be built from it."""
    if not storage.exists(data):
        raise SourceError(f"no data folder {data}", hint="Give the folder that holds coco/, refer/, llava/, lvis/ ...")
    with console.bars() as progress:
        diagnosis = diagnose(recipe, data, work, progress, quick=quick)
    console.show_diagnosis(diagnosis)
    if not diagnosis.usable:
        raise SourceError(
            f"nothing can be built from {data}", hint=f"The recipe {recipe.name} needs one of the sources above."
        )


def _plan(job: Job, running: Running, *, dry: bool = False) -> Plan:
    for missing in sources.look(job.recipe, job.data).missing:
        files = sources.lacking(missing)
        names = ", ".join(file.path.removeprefix(f"{job.data.rstrip('/')}/") for file in files)
        console.out.print(f"{missing.name} is done without: no {names} ({files[0].where})", markup=False)
    with console.bars() as progress:
        made = make_plan(job, dry=dry, running=running, progress=progress)
    for note in made.notes:
        console.out.print(note, markup=False)
    return made


def _tell_faults(plan: Plan) -> None:
    """Raise the first fault of a source, once everything else is built."""
    if plan.faults:
        message, hint = plan.faults[0]
        more = f" (and {len(plan.faults) - 1} more sources)" if len(plan.faults) > 1 else ""
        raise SourceError(
            f"{message}{more}",
            hint=f"{hint} The rest is done; images of this source's evaluation sets were kept out where files of "
            "their own list them.",
        )


def _tell_estimate(plan: Plan, layout: Layout, asking: Asking) -> Estimate:
    store, settings = asking.store(layout), asking.settings()
    with console.bars() as progress:
        told = costs.estimate(plan, layout, store, settings, progress)
    in_batches = sum(row.requests for row in Batches(store.database).under_way())
    show.estimate(told, settings, in_batches)
    return told


def _ask(plan: Plan, layout: Layout, asking: Asking, running: Running = ONE_WORKER) -> None:
    """Ask for what the store lacks; BudgetError where the run stopped before all was asked."""
    if not plan.requests:
        return
    store, settings = asking.store(layout), asking.settings()
    told = _tell_estimate(plan, layout, asking)
    meter = Meter(plan.requests, told.total.asked)
    try:
        with show.asking(meter), generation_log(layout):
            outcome = _answer(plan, layout, store, settings, meter, running)
            meter(outcome)
    except KeyboardInterrupt:
        show.interrupted(meter)
        raise
    show.outcome(outcome)
    _complain(outcome, settings)


def _answer(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, meter: Meter, running: Running
) -> Outcome:
    if running != ONE_WORKER:
        return fleet.answer(plan, layout, store, settings, meter, running)
    try:
        return generate.answer(plan, layout, store, settings, meter)
    except GenerationError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            console.fail(error)
            raise KeyboardInterrupt from error
        raise


def _ask_or_tell(plan: Plan, layout: Layout, asking: Asking) -> GenerationError | None:
    """Ask; why it did not work out is told once everything else is built."""
    try:
        _ask(plan, layout, asking)
    except GenerationError as error:
        return error
    return None


def _complain(outcome: Outcome, settings: Settings) -> None:
    """Say how to go on where the run did not come to its end."""
    again = f"  {console.command()}"
    if outcome.left or outcome.stopped:
        unasked = f"{outcome.left:,} requests were not asked" if outcome.left else "some bad replies were not mended"
        total = "" if settings.total_usd is None else "; all runs together have --total-usd, which may have to be more"
        raise BudgetError(
            f"{unasked}: {outcome.stopped}",
            hint="Everything else is done. A further run asks only what is missing, with a budget of its own "
            f"(--budget-usd){total}:\n{again}",
        )
    if outcome.elsewhere:
        raise GenerationError(
            f"{outcome.elsewhere:,} requests are with another run, or in a batch that --mode batch collects",
            hint=f"Everything else is done. Once they are answered this goes on:\n{again}",
        )


def _assemble(plan: Plan, layout: Layout, asking: Asking, running: Running) -> None:
    store = asking.store(layout) if plan.requests else ReplyStore("sqlite://")
    with console.bars() as progress:
        written = write_shards(plan, layout, store, running=running, progress=progress)
        manifest = finish(plan, layout, store, written)
        judged = {one.file.path: one.verdict for one in written}
        report = looking.look(layout, plan.data, progress, judged, running.workers)
    console.show_manifest(manifest)
    show.costs(manifest)
    looking.tell(layout, report)
    report.require()
