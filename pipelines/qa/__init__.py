"""Is the data what it says it is? Expectations over the shards, a report to look at, a dataset card."""
