"""What a server says when it does not take a batch."""

import re

from openai.types import Batch

from schemas.errors import GenerationError

_QUEUE_FULL = re.compile(r"token_limit_exceeded|enqueued token|too many (open |enqueued )?batches|batch queue", re.I)


def is_queue_full(words: str) -> bool:
    """Whether the server has as much of ours as it takes: the same batch may be welcome later, or a smaller one."""
    return bool(_QUEUE_FULL.search(words))


def validation_errors(batch: Batch) -> list[tuple[int | None, str]]:
    """Why a batch was rejected: the line of the file that is to blame, if one is, and words."""
    found = (batch.errors.data if batch.errors else None) or []
    told = [(error.line, f"{error.message or 'no reason given'} ({error.code or 'no code'})") for error in found]
    return told or [(None, "no reason given")]


def server_at_fault(words: str) -> GenerationError:
    """No other batch would fare better."""
    return GenerationError(
        words, hint="Check the model's name and its parameters in the recipe; the same command then goes on from here."
    )
