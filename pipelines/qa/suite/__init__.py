"""The Great Expectations suite that every shard passes: what a row must keep to be a row at all."""
