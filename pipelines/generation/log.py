"""The log of asking: what was tried again and why, what the server said about its limits, how a run ended.

One logger for all of it. Whatever it is given, no key of an API comes out of it: servers like to repeat the one that
they were sent.
"""

import logging
import os
import re

HIDDEN = "[key]"
_KEYS = re.compile(r"\b(?:sk|gsk|xai|pk)-[A-Za-z0-9_\-*]{6,}|(?<=Bearer )[^\s'\",}]+")
"""What keys of the usual providers look like, whole or half hidden, and what follows the word Bearer."""


def redact(text: str) -> str:
    """The text without the key of the environment, nor anything that looks like a key."""
    own = os.environ.get("OPENAI_API_KEY", "").strip()
    return _KEYS.sub(HIDDEN, text.replace(own, HIDDEN) if own else text)


class Redacting(logging.Filter):
    """Takes keys out of messages, their arguments and tracebacks, before any handler sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always passes, rewritten."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


logger = logging.getLogger("osprey_data.generation")
logger.addFilter(Redacting())
logger.addHandler(logging.NullHandler())
