"""Copies of a picture look alike whatever their size, quality and format; other pictures and flat ones do not."""

import io

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.qa.checks import perceptual
from pipelines.qa.checks.perceptual import BITS, LOOK, Looks, alike, flat, look
from tests.qa.checks.pictures import picture


def saved(image: PIL.Image.Image, form: str = "JPEG", **options: int) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    stream.seek(0)
    return stream


def looks(*streams: io.BytesIO) -> Looks:
    return np.concatenate([look(stream) for stream in streams])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("copy", ["smaller", "larger", "poorer", "png", "grey alpha"])
def test_a_copy_is_found_among_other_pictures(seed: int, copy: str) -> None:
    one = picture(seed)
    copies = {
        "smaller": lambda: saved(one.resize((160, 120))), "larger": lambda: saved(one.resize((800, 600))),
        "poorer": lambda: saved(one, quality=40), "png": lambda: saved(one, "PNG"),
        "grey alpha": lambda: saved(one.convert("RGBA"), "PNG"),
    }  # fmt: skip
    every = looks(saved(one), *(saved(picture(seed + 100 + n)) for n in range(20)), copies[copy]())
    groups = alike(every, np.arange(len(every)))
    assert groups.partners[0] == 21
    assert (groups.sizes() > 1).sum() == 2


def test_a_picture_in_other_colours_is_another() -> None:
    one = picture(1)
    red, green, blue = one.split()
    every = looks(saved(one), saved(PIL.Image.merge("RGB", (blue, green, red))))
    assert alike(every, np.arange(2)).partners.tolist() == [-1, -1]


def test_pictures_of_one_owner_are_not_compared() -> None:
    every = looks(*(saved(picture(1)) for _ in range(3)))
    assert alike(every, np.array([5, 5, 5])).partners.tolist() == [-1, -1, -1]
    assert alike(every, np.array([5, 5, 6])).partners[2] in (0, 1)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut off"])
def test_what_is_no_picture_is_not_seen(content: bytes) -> None:
    assert not look(io.BytesIO(content))["seen"][0]


def test_a_jpeg_that_breaks_off_is_not_seen_and_a_missing_file_neither() -> None:
    whole = saved(picture(1)).getvalue()
    assert not look(io.BytesIO(whole[: len(whole) // 2]))["seen"][0]
    assert not look("/nowhere/at/all.jpg")["seen"][0]


def test_flat_pictures_are_known() -> None:
    plain = PIL.Image.new("RGB", (64, 48), (200, 10, 10))
    assert flat(looks(saved(plain), saved(picture(1)))).tolist() == [True, False]


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 63), max_size=9)), min_size=2, max_size=30))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_every_close_pair_of_hashes_is_found_as_by_comparing_all(made: list[tuple[int, list[int]]]) -> None:
    """Four random hashes with up to nine bits turned; fewer pictures than neighbours, so that nothing may be missed."""
    random = np.random.default_rng(0)
    bases = random.integers(0, 2**64, 4, dtype=np.uint64)
    every = np.zeros(len(made), LOOK)
    every["hash"] = [bases[base] ^ np.uint64(sum(1 << bit for bit in set(bits))) for base, bits in made]
    groups = alike(every, np.arange(len(every)))
    apart = np.bitwise_count(every["hash"][:, None] ^ every["hash"][None, :])
    expected = perceptual.Groups(len(every))
    expected.join(*np.nonzero(apart <= BITS))
    same = groups.labels[:, None] == groups.labels[None, :]
    assert (same == (expected.labels[:, None] == expected.labels[None, :])).all()


def test_a_thousand_equal_pictures_are_one_group() -> None:
    every = np.zeros(1000, LOOK)
    every["hash"] = 12345
    assert (alike(every, np.arange(1000)).sizes() == 1000).all()
