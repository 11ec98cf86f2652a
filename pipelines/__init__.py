"""The pipelines: sources -> regions -> builders -> generation -> shards -> qa, and the command line over them."""
