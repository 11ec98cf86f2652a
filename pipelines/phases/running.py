"""Running a Beam pipeline: in this process, in several, or on a cluster by Beam's own flags."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner


class Running(NamedTuple):
    """How to run. The results do not depend on it."""

    workers: int = 1
    beam_flags: tuple[str, ...] = ()
    """Passed to Beam as they are; with `--runner=...` Beam's own runners take over."""

    def at_most(self, items: int) -> "Running":
        """With no more workers than there are items: starting a process takes seconds."""
        return self._replace(workers=max(1, min(self.workers, items)))


ONE_WORKER = Running()


def run(build: Callable[[beam.Pipeline], object], running: Running) -> None:
    """Build a pipeline and run it to its end."""
    options = PipelineOptions(["--default_sdk_harness_log_level=WARNING", *running.beam_flags], save_main_session=False)
    if any(flag.startswith("--runner") for flag in running.beam_flags):
        with beam.Pipeline(options=options) as pipeline:
            build(pipeline)
        return
    direct = options.view_as(DirectOptions)
    direct.direct_num_workers = running.workers
    direct.direct_running_mode = "multi_processing" if running.workers > 1 else "in_memory"
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        build(pipeline)


def spread(pipeline: beam.Pipeline, items: Sequence[object]) -> beam.PCollection:
    """The items as elements that are shared out among the workers."""
    return pipeline | "List" >> beam.Create(list(items)) | "ShareOut" >> beam.Reshuffle()
