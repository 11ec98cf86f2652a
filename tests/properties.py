"""Settings of the property tests: the same examples in every run, and few enough to be quick."""

from hypothesis import HealthCheck, settings

quick = settings(
    max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
