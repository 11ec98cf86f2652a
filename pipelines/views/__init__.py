"""What a model that sees is shown: a picture with its regions outlined and numbered, and crops around them.

    picture.py   bytes of a file -> pixels as the annotations count them
    masks.py     masks at another size, and where in one a number covers least
    colours.py   one colour a region, the same in the report and in what a model is shown
    outlines.py  outlines and numbers
    view.py      which views there are of a row, what each is determined by, and its JPEG

Pure functions: nothing here reads a file or knows of a request.
"""
