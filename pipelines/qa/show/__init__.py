"""One sample to look at: found by its id, drawn with its regions and its conversation.

finding.py   a sample id, or a part of one -> shard and row
fonts.py     which font at hand has a character
lines.py     a text of any script -> lines of a given width
drawing.py   a row -> a picture
"""
