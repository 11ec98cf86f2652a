"""Lets the tests import the rows they share (`tests.qa.rows`)."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
