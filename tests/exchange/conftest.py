"""The command line."""

from tests.command_line import osprey_data  # noqa: F401 - a fixture
