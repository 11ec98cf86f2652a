"""Objects and parts with known looks: a scene drawn up by hand, and random ones."""

from hypothesis import strategies as st

from schemas.records import Attribute, Region, Scene
from tests.factories import looks, part, region, scene

SOURCES = ("paco",)


def kitchen() -> Scene:
    """A mug with handle and rim, a knife of which little is known, and a dog that COCO has."""
    return scene([
        region(1, "mug", (4, 10, 20, 20), source="paco", attributes=looks(
            color=("dark blue", "white"), pattern_marking="striped", material="ceramic", transparency="opaque")),
        part(2, "handle", "mug", 1, (20, 14, 6, 8), attributes=looks(color="white", material="other")),
        part(3, "rim", "mug", 1, (4, 10, 20, 2), attributes=looks(color=("red", "other"), material="ceramic")),
        region(4, "knife", (40, 20, 18, 4), source="paco", attributes=looks(color="other(color)")),
        part(5, "blade", "knife", 4, (40, 20, 10, 4)),
        region(6, "dog", (60, 30, 12, 20)),
    ])  # fmt: skip


VALUES = {
    "color": ("dark blue", "light grey", "red", "white", "other"),
    "pattern_marking": ("plain", "striped", "text", "other(pattern_marking)"),
    "material": ("wood", "wool", "metal", "glass", "other"),
    "transparency": ("opaque", "transparent"),
}
NAMES = ("mug", "potted plant", "laptop computer", "scissors")
PARTS = ("handle", "left button", "push pull cap", "shade inner side", "leg")


@st.composite
def attributes(draw: st.DrawFn) -> tuple[Attribute, ...]:
    """Up to three values of each type."""
    found = {name: tuple(draw(st.lists(st.sampled_from(values), max_size=3))) for name, values in VALUES.items()}
    return looks(**found)


@st.composite
def objects(draw: st.DrawFn, number: int) -> list[Region]:
    """An object with up to two parts."""
    name = draw(st.sampled_from(NAMES))
    made = [region(10 * number, name, source="paco", attributes=draw(attributes()))]
    for place in range(1, draw(st.integers(0, 2)) + 1):
        known = draw(attributes())
        made.append(part(10 * number + place, draw(st.sampled_from(PARTS)), name, 10 * number, attributes=known))
    return made


@st.composite
def kitchens(draw: st.DrawFn) -> Scene:
    """Up to three objects and their parts."""
    return scene([one for number in range(draw(st.integers(0, 3))) for one in draw(objects(number))])
