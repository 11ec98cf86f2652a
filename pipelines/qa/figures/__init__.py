"""A build as numbers: one pass over the shards, added up in bounded memory."""
