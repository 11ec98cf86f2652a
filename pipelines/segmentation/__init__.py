"""Masks from boxes, by a Segment Anything model: for data sets that come with boxes only.

weights.py    which files a model is made of, and their content
model.py      picture and boxes -> masks and scores
judge.py      whether a mask is what its box was about
boxes.py      the boxes of a source, picture by picture
coco_file.py  what came out, as one COCO-style JSON file
"""
