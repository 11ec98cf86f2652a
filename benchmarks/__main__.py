"""`make bench`: every benchmark, one after the other."""

import sys

from benchmarks import asking, build, ingest, loading, near_duplicates, pooling, report, store

for benchmark in (ingest, store, asking, build, report, near_duplicates, loading, pooling):
    print(f"\n{benchmark.__name__}", flush=True)
    sys.argv = [benchmark.__name__]
    benchmark.main()
