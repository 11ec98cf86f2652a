"""Paint a scene: flat colours, soft shade and patterns, at twice the size and then halved so that edges are smooth."""

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from random import Random

from PIL import Image, ImageChops, ImageDraw

from pipelines.scenes.catalogue import COLOURS, Colour
from pipelines.scenes.template import CHECKED, DOTTED, PLAIN, STRIPED
from pipelines.scenes.truth import CrowdTruth, ObjectTruth, PartTruth, Polygon, SceneTruth
from schemas.keys import stable_int

SCALE = 2
QUALITY = 90
LARGEST = 1400
"""Side of the pattern sheets: no part is larger."""

SHADE, GLOSS = (30, 25, 45), (255, 255, 255)
THIN = 6.0
"""Shade and gloss cover a sixth of what is under them."""

WALLS = ((244, 236, 224), (226, 236, 236), (236, 230, 240), (232, 238, 224), (247, 231, 222))
FLOORS = ((214, 186, 152), (200, 178, 158), (190, 196, 200), (222, 200, 170))
SKIES = ((196, 226, 245), (214, 232, 244), (250, 226, 206), (206, 222, 246))
HOUSES = ((214, 206, 214), (222, 212, 202), (204, 212, 220), (216, 216, 206))
MEADOWS = ((178, 212, 146), (164, 204, 152), (196, 214, 140))


def jpeg(scene: SceneTruth) -> bytes:
    """The picture as JPEG; the same bytes for the same scene (with one version of Pillow)."""
    return encoded(paint(scene))


def encoded(picture: Image.Image, size: tuple[int, int] | None = None) -> bytes:
    """A picture as JPEG, resized where another (width, height) is asked for."""
    stream = io.BytesIO()
    resized = picture if size in (None, picture.size) else picture.resize(size, Image.Resampling.BICUBIC)
    resized.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def paint(scene: SceneTruth) -> Image.Image:
    """The picture of a scene, RGB."""
    random = Random(stable_int("backdrop", scene.seed, scene.index, *filter(None, [scene.series])))
    canvas = _backdrop(random, scene)
    if scene.crowd:
        _paint_crowd(canvas, scene.crowd)
    for one in scene.objects:
        _paint_object(canvas, one)
    picture = canvas.reduce(SCALE)
    for one in scene.objects:
        _shade(picture, one)
    return picture


def _backdrop(random: Random, scene: SceneTruth) -> Image.Image:
    width, height, horizon = scene.width * SCALE, scene.height * SCALE, round(scene.horizon * SCALE)
    upper, lower = (WALLS, FLOORS) if scene.place == "room" else (SKIES, MEADOWS)
    column = Image.new("RGB", (1, height))
    column.paste(_fade(random.choice(upper), horizon, -14), (0, 0))
    column.paste(_fade(random.choice(lower), height - horizon, 16), (0, horizon))
    canvas = column.resize((width, height), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(canvas, "RGBA")
    {"room": _room, "park": _park, "street": _street}[scene.place](random, draw, (width, height), horizon)
    return canvas


def _fade(colour: Colour, height: int, change: int) -> Image.Image:
    """A column that grows darker (or, negative, lighter) from bottom to top."""
    ends = [tuple(max(0, min(255, one - side * change)) for one in colour) for side in (1, -1)]
    column = Image.new("RGB", (1, 2))
    column.putdata(ends)
    return column.resize((1, height), Image.Resampling.BILINEAR)


def _room(random: Random, draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int) -> None:
    """A skirting board, floor boards and some light falling on the wall."""
    width, height = size
    left = random.uniform(0.05, 0.6) * width
    light = ((left, 0), (left + width * 0.22, 0), (left + width * 0.06, horizon), (left - width * 0.16, horizon))
    draw.polygon(light, (255, 255, 255, 60))
    rows = 5
    for row in range(1, rows):
        y = horizon + (height - horizon) * (row / rows) ** 1.5
        draw.line([(0, y), (width, y)], (90, 60, 40, 34), 3)
    draw.rectangle([0, horizon - height // 40, width, horizon], (255, 255, 255, 150))
    draw.line([(0, horizon), (width, horizon)], (90, 60, 40, 90), 3)


def _park(random: Random, draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int) -> None:
    """Hills, clouds and a winding path."""
    _clouds(random, draw, size, horizon)
    width, height = size
    for shade in ((146, 186, 150, 255), (160, 198, 142, 255)):
        x, reach = random.uniform(-0.2, 0.9) * width, random.uniform(0.35, 0.6) * width
        rise = random.uniform(0.05, 0.14) * height
        draw.chord([x - reach, horizon - rise, x + reach, horizon + rise], 180, 360, shade)
    x = random.uniform(0.2, 0.7) * width
    path = ((x, horizon), (x + width * 0.04, horizon), (x + width * 0.32, height), (x - width * 0.08, height))
    draw.polygon(path, (238, 222, 186, 150))
    for _ in range(26):
        x, y = random.uniform(0, width), random.uniform(horizon + 8, height)
        draw.line([(x - 5, y - 9), (x, y), (x + 5, y - 9)], (96, 140, 84, 110), 2)


def _street(random: Random, draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int) -> None:
    """A row of pale houses, a pavement and a road."""
    _clouds(random, draw, size, horizon)
    width, height = size
    x = -random.uniform(0, 0.1) * width
    while x < width:
        x += _house(random, draw, size, (x, horizon)) + 2
    kerb, middle = horizon + (height - horizon) * 0.24, horizon + (height - horizon) * 0.66
    draw.rectangle([0, horizon, width, kerb], (206, 202, 196))
    draw.rectangle([0, kerb, width, height], (162, 164, 172))
    draw.line([(0, kerb), (width, kerb)], (226, 224, 220), 8)
    for at in range(-1, 8):
        left = at * width / 7
        draw.rectangle([left + 10, middle, left + width / 12, middle + height * 0.012], (240, 238, 230))


def _house(random: Random, draw: ImageDraw.ImageDraw, size: tuple[int, int], corner: tuple[float, float]) -> float:
    """A house from its lower left corner; its width."""
    wide, tall = random.uniform(0.10, 0.2) * size[0], random.uniform(0.12, 0.27) * size[1]
    left, storey = corner[0], size[1] * 0.07
    roof = corner[1] - tall
    draw.rectangle([left, roof, left + wide, corner[1]], random.choice(HOUSES))
    for row, column in product(range(int(tall // storey)), (1, 2, 3)):
        x, y = left + wide * (column / 4 - 0.06), roof + storey * (row + 0.36)
        draw.rectangle([x, y, x + wide * 0.12, y + storey * 0.5], (240, 244, 248))
    return wide


def _clouds(random: Random, draw: ImageDraw.ImageDraw, size: tuple[int, int], horizon: int) -> None:
    for _ in range(random.randint(2, 4)):
        x, y = random.uniform(0, size[0]), random.uniform(0.08, 0.6) * horizon
        reach = random.uniform(0.05, 0.1) * size[0]
        for shift, share in ((-0.7, 0.6), (0.0, 1.0), (0.8, 0.7)):
            radius = reach * share * 0.55
            middle = x + shift * reach
            box = (middle - radius, y - radius * 0.8, middle + radius, y + radius * 0.6)
            draw.ellipse(box, (255, 255, 255, 190))


def _paint_crowd(canvas: Image.Image, crowd: CrowdTruth) -> None:
    draw = ImageDraw.Draw(canvas)
    for shape, colour in zip(crowd.shapes, crowd.colours, strict=True):
        points = _scaled(shape)
        draw.polygon(points, COLOURS[colour])
        xs, ys = points[0::2], points[1::2]
        tall, middle = max(ys) - min(ys), (max(xs) + min(xs)) / 2
        draw.ellipse([middle - tall * 0.1, min(ys), middle + tall * 0.1, min(ys) + tall * 0.2], COLOURS["tan"])


def _paint_object(canvas: Image.Image, one: ObjectTruth) -> None:
    """Shadow, outline in the main colour, then the parts."""
    draw = ImageDraw.Draw(canvas, "RGBA")
    outline = [_scaled(shape) for shape in one.shape]
    box = _box(outline)
    if one.seat == "ground":
        wide, base = box[2] - box[0], one.base * SCALE
        shadow = (box[0] - wide * 0.03, base - wide * 0.045, box[2] + wide * 0.05, base + wide * 0.06)
        draw.ellipse(shadow, (*SHADE, 60))
    solid = ImageDraw.Draw(canvas)
    for points in outline:
        solid.polygon(points, COLOURS[one.colour])
    for part in one.parts:
        _paint_part(canvas, solid, part, one.marking)


def _paint_part(canvas: Image.Image, draw: ImageDraw.ImageDraw, part: PartTruth, marking: str) -> None:
    points = _scaled(part.shape)
    draw.polygon(points, COLOURS[part.colour])
    if part.pattern != PLAIN:
        box = _box([points])
        mask = ImageChops.multiply(_mask([points], box), _sheet(part.pattern, box))
        canvas.paste(COLOURS[marking], box, mask)
    if part.name != "torso":
        draw.line([*points, *points[:2]], _darker(COLOURS[part.colour]), 2)


def _shade(picture: Image.Image, one: ObjectTruth) -> None:
    """Darken the right edge of what is visible and lighten the left one."""
    box = _box(one.shape)
    mask = _mask(one.shape, box)
    seen = _mask(one.visible, box) if one.hidden else mask
    step = max(2, min(box[2] - box[0], box[3] - box[1]) // 9)
    for colour, across, down in ((SHADE, -step, -step // 3), (GLOSS, step // 2, step // 4)):
        edge = ImageChops.subtract(seen, ImageChops.offset(mask, across, down), THIN)
        picture.paste(colour, box, edge)


def _mask(polygons: Iterable[Sequence[float]], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
    draw = ImageDraw.Draw(mask)
    for points in polygons:
        shifted = [value - box[at % 2] for at, value in enumerate(points)]
        draw.polygon(shifted, 255)
    return mask


def _sheet(pattern: str, box: tuple[int, int, int, int]) -> Image.Image:
    """A piece of the pattern, its step a quarter of the part's smaller side."""
    wide, tall = box[2] - box[0], box[3] - box[1]
    step = max(12, min(wide, tall) // 4 // 4 * 4)
    return _pattern(pattern, step).crop((0, 0, wide, tall))


@lru_cache(maxsize=64)
def _pattern(pattern: str, step: int) -> Image.Image:
    """A large sheet of stripes, dots or checks, white on black."""
    sheet = Image.new("L", (LARGEST, LARGEST))
    draw = ImageDraw.Draw(sheet)
    if pattern == STRIPED:
        for at in range(0, LARGEST, step):
            draw.rectangle([0, at + step * 0.35, LARGEST, at + step * 0.75], 255)
    elif pattern == DOTTED:
        for row, y in enumerate(range(0, LARGEST, step)):
            for x in range(0, LARGEST, step):
                left, radius = x + (row % 2) * step / 2, step * 0.24
                draw.ellipse([left - radius, y - radius, left + radius, y + radius], 255)
    elif pattern == CHECKED:
        half = step // 2
        for row, y in enumerate(range(0, LARGEST, half)):
            for x in range((row % 2) * half, LARGEST, step):
                draw.rectangle([x, y, x + half - 1, y + half - 1], 255)
    return sheet


def _scaled(shape: Polygon) -> list[float]:
    return [value * SCALE for value in shape]


def _box(polygons: Iterable[Sequence[float]]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in whole pixels."""
    xs = [x for points in polygons for x in points[0::2]]
    ys = [y for points in polygons for y in points[1::2]]
    return int(min(xs)), int(min(ys)), int(max(xs)) + 2, int(max(ys)) + 2


def _darker(colour: Colour) -> Colour:
    return colour[0] * 3 // 4, colour[1] * 3 // 4, colour[2] * 3 // 4
