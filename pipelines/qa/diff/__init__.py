"""Two builds compared: rows by sample id and content, and what the builds say of themselves.

hashing.py     a piece of a shard -> 64 bits a row and group of columns
signing.py     a build -> its rows as such numbers, in bounded memory
rows.py        two of these -> rows added, removed and changed, with examples
settings.py    recipe, prompts, generators, rejects, costs and checks -> the lines that differ
comparing.py   all of it, as one record
"""
