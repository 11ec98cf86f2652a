"""Requests and replies, and nothing of what they are about.

    store.py     every reply by its request key, committed before anything else happens with it
    prices.py    what a request may cost at most, and what it did cost
    budget.py    money set aside before a request is sent
    client.py    one call of an OpenAI-compatible server, and what its failure means
    engine.py    many calls at once: only what the store lacks, never over the budget

The seam for other ways to ask (batches, many workers, a shared store): `engine.generate` takes requests as an iterator,
and whatever answers them leaves its replies in the store. Nobody reads them anywhere else.
"""
