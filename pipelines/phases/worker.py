"""A Beam worker process that is silent unless something is wrong: `python -m pipelines.phases.worker`."""

import json
import logging
import os
import signal
import sys
import warnings

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the process that started this one ends it
logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

from apache_beam.runners.worker import sdk_worker_main  # noqa: E402 - importing Beam already logs


def main() -> None:
    """Beam's own worker, with its log level set by what it reads its options from."""
    options = json.loads(os.environ.get("PIPELINE_OPTIONS") or "{}")
    os.environ["PIPELINE_OPTIONS"] = json.dumps(options | {"default_sdk_harness_log_level": "ERROR"})
    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
