"""Measurements against named peers. Each prints what it measured; README quotes it with the command."""
