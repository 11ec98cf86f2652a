"""Requests and replies, and nothing of what they are about.

    store/       every reply by its request key; who is asking what, and the dollars drawn for it
    prices.py    what a request may cost at most, and what it did cost
    ask.py       what passes through, and what the outside knows of it (`Hooks`)

One by one:

    engine.py    the way in: only what the store lacks, never over the budget
    run.py       a task for each request that is being asked; how a run stops
    pending.py   which requests are still to be asked, and claiming them
    call.py      one request with its attempts
    client.py    one call of an OpenAI-compatible server, and what its failure means
    limiter.py   when the next request may be sent; limits.py reads the server's rate headers
    budget.py    money set aside before a request is sent
    saving.py    answers committed in groups
    verdicts.py  is it the request or the server?
    repair.py    a bad reply shown to the model once more
    log.py       the log, without keys

In batches: batch/.

The seam for other ways to ask (batches, many workers, a shared store): `engine.generate` takes requests as an iterator,
and whatever answers them leaves its replies in the store. Nobody reads them anywhere else.
"""
