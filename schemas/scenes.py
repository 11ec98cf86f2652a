"""The file that says of raw data that they are drawn: it lies in every folder into which sample scenes are written."""

MARKER = "SAMPLE_SCENES.txt"
"""Its name; that it is there says it, its text is for people."""
