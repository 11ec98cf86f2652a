"""Bytes of a picture file -> pixels as the annotations count them."""

import io

import numpy as np
import PIL.Image
import PIL.ImageOps

BEHIND = (255, 255, 255)
"""What shows through transparent pixels, whose own colour is often arbitrary."""


def decode(content: bytes, size: tuple[int, int]) -> PIL.Image.Image:
    """The picture in RGB, of exactly (width, height).

    Pixels are taken as they are stored, as everywhere in the pipelines. A picture whose EXIF data turns it is turned
    only where the annotations fit nothing but the turned one.

    Raises:
        ValueError: no picture, a broken one, or one of another size; the text says which.
    """
    try:
        picture: PIL.Image.Image = PIL.Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise ValueError(f"cannot be decoded: {error}") from error
    if picture.size != size:
        stored, picture = picture.size, PIL.ImageOps.exif_transpose(picture)
        if picture.size != size:
            raise ValueError(f"has {_pixels(stored)} pixels, the annotations say {_pixels(size)}")
    return rgb(picture)


def rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Any of Pillow's modes in eight bits a colour."""
    if picture.mode.startswith(("I", "F")):
        picture = _eight_bits(picture)
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        return PIL.Image.alpha_composite(PIL.Image.new("RGBA", above.size, (*BEHIND, 255)), above).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 16 or 32 bits; Pillow itself would cut off all above 255.

    Values beyond 16 bits, and fractions, have no agreed white: the largest value is taken for it.
    """
    values = np.asarray(picture, dtype=np.float64)
    largest = float(values.max())
    if picture.mode != "F" and largest <= 65_535:
        white = 65_535.0 if largest > 255 else 255.0
    else:
        white = largest if largest > 0 else 1.0
    return PIL.Image.fromarray((values.clip(0, white) * (255 / white)).round().astype(np.uint8))


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
