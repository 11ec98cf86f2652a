"""Asking in batches (`--mode batch`): half the price, an answer within a day.

run.py      the run: what is sent when, and what a kill at any moment leaves behind
planner.py  what is to be asked
draft.py    a batch as it is written, and the dollars for it
sending.py  a batch on its way to the server
collect.py  a batch that is over
cancel.py   stop what is under way
server.py   the server's files and batches
lines.py    the lines of the files
refused.py  what a server says when it does not take a batch
tally.py    what a run has come to

What has to outlive a run is in the store (`generation/store/batches.py`).
"""

from pipelines.generation.batch.cancel import cancel_open
from pipelines.generation.batch.run import run_batches

__all__ = ["cancel_open", "run_batches"]
