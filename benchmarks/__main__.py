"""`make bench`: every benchmark, one after the other."""

import sys

from benchmarks import build, ingest

for benchmark in (ingest, build):
    print(f"\n{benchmark.__name__}", flush=True)
    sys.argv = [benchmark.__name__]
    benchmark.main()
