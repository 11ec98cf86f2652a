"""The reply store: every answer that was paid for, who is asking what, and the dollars set aside for it.

    tables.py     the tables; stores of earlier versions are brought up to date in place
    database.py   connections, transactions, and errors in words for users
    replies.py    `ReplyStore`: replies by request key
    reading.py    which keys have one
    writing.py    what a reply leaves in the tables
    owners.py     `Worker`: claims keys before they are asked, draws dollars before they are spent
    claims.py     who may ask a key
    money.py      who may spend how much
    processes.py  whether a process is still there
    batches.py    batches under way at a server
    rescue.py     replies as lines of JSON: exported, taken in, or saved from a store that takes no more

All of it is synchronous and may be called from any thread.
"""

from pipelines.generation.store.owners import Entry, Looked, Owner, Worker, is_batch
from pipelines.generation.store.replies import GenerationTotals, ReplyStore, Taken, Usage
from pipelines.generation.store.rescue import read_lines, rescue, rescued, write_lines

__all__ = [
    "Entry", "GenerationTotals", "Looked", "Owner", "ReplyStore", "Taken", "Usage", "Worker", "is_batch", "read_lines",
    "rescue", "rescued", "write_lines",
]  # fmt: skip
