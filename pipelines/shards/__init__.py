"""Finished rows become files: how many shards, which row goes where, what stands in the manifest."""
