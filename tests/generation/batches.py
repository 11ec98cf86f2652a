"""What tests of batches share."""

from collections.abc import Iterable

from pipelines.generation.ask import Ask
from pipelines.generation.store import ReplyStore
from schemas.records import Reply

BATCH_USD = 9e-6
"""What a usual answer costs: (11 + 7) tokens at a millionth of a dollar, at the batch rate."""


def nothing_held(store: ReplyStore) -> None:
    """No claim, no line and no owner is left behind."""
    with store.database.reading() as connection:
        for table in ("claims", "batch_lines", "owners WHERE ended IS NULL AND lost IS NULL"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, table


def replies(store: ReplyStore, asks: Iterable[Ask]) -> dict[str, Reply]:
    """What the store has of these requests."""
    return store.get_many(one.key for one in asks)
