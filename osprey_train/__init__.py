"""The trainer is still to come. It will import `schemas` and nothing else of ours."""
