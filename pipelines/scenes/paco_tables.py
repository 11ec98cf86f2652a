"""Facts of PACO-LVIS v1: ids of categories and attributes.

Source: the `categories`, `part_categories` and `attributes` of paco_lvis_v1_train.json (CC BY 4.0); of its 531
categories those that scenes show, and some more.
"""

from typing import Any

from pipelines.scenes.vocabulary import LVIS_CATEGORIES

OBJECTS = (
    "trash_can", "ball", "basket", "bench", "book", "bottle", "bowl", "bucket", "car_(automobile)", "chair", "clock",
    "cup", "dog", "glass_(drink_container)", "guitar", "hat", "jar", "knife", "lamp", "laptop_computer", "mug",
    "newspaper", "pillow", "plate", "scissors", "spoon", "stool", "television_set", "vase", "watch",
)  # fmt: skip
"""Object categories; their ids are LVIS's."""

_PARTS = {
    "bench": "arm 2004 back 2009 leg 2254 seat 2349 stretcher 2397 table_top 2404",
    "book": "cover 2128 page 2297",
    "bottle": "base 2015 body 2047 bottom 2075 cap 2113 capsule 2115 closure 2120 handle 2171 heel 2204 "
    "inner_body 2218 label 2248 neck 2285 punt 2308 ring 2334 shoulder 2362 sipper 2374 spout 2383 top 2425",
    "bowl": "base 2016 body 2049 bottom 2077 inner_body 2220 rim 2319",
    "bucket": "base 2019 body 2056 bottom 2072 cover 2123 handle 2177 inner_body 2214 loop 2277 rim 2315",
    "car_(automobile)": "antenna 2000 bumper 2097 fender 2148 grille 2165 handle 2185 headlight 2201 hood 2211 "
    "logo 2273 mirror 2282 rim 2323 roof 2338 runningboard 2340 seat 2351 sign 2372 splashboard 2379 "
    "steeringwheel 2384 taillight 2406 tank 2407 trunk 2434 turnsignal 2435 wheel 2444 window 2449 windowpane 2450 "
    "windshield 2451 wiper 2452",
    "chair": "apron 2001 arm 2003 back 2005 base 2032 leg 2255 rail 2311 seat 2348 skirt 2375 spindle 2378 stile 2389 "
    "stretcher 2395 swivel 2403 wheel 2443",
    "clock": "base 2017 cable 2102 case 2117 decoration 2131 finial 2153 hand 2169 pediment 2301",
    "cup": "base 2029 handle 2187 inner_body 2226 rim 2329",
    "dog": "body 2069 ear 2138 eye 2143 foot 2156 head 2195 leg 2256 neck 2289 nose 2291 tail 2405 teeth 2409",
    "lamp": "base 2035 bulb 2096 cable 2104 finial 2152 pipe 2303 shade 2354 shade_cap 2355 shade_inner_side 2356 "
    "switch 2401",
    "laptop_computer": "back 2008 base_panel 2037 cable 2105 camera 2108 keyboard 2246 logo 2275 screen 2344 "
    "touchpad 2433",
    "mug": "base 2026 body 2062 bottom 2074 drawing 2137 handle 2182 inner_body 2217 rim 2318 text 2413",
    "vase": "body 2068 foot 2157 handle 2193 mouth 2284 neck 2287",
}


def _ids(line: str) -> dict[str, int]:
    words = line.split(" ")
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


PARTS = {name: _ids(line) for name, line in _PARTS.items()}
"""By the object's LVIS name: part -> category id."""

ATTRIBUTES = (
    "black", "light_blue", "blue", "dark_blue", "light_brown", "brown", "dark_brown", "light_green", "green",
    "dark_green", "light_grey", "grey", "dark_grey", "light_orange", "orange", "dark_orange", "light_pink", "pink",
    "dark_pink", "light_purple", "purple", "dark_purple", "light_red", "red", "dark_red", "white", "light_yellow",
    "yellow", "dark_yellow", "other(color)", "plain", "striped", "dotted", "checkered", "woven", "studded",
    "perforated", "floral", "other(pattern_marking)", "logo", "text", "stone", "wood", "rattan", "fabric", "crochet",
    "wool", "leather", "velvet", "metal", "paper", "plastic", "glass", "ceramic", "other(material)", "opaque",
    "translucent", "transparent", "other(transparency)",
)  # fmt: skip
"""All 59; an attribute's id is its place."""

ATTRIBUTE_IDS = {name: number for number, name in enumerate(ATTRIBUTES)}

ATTRIBUTE_TYPES = {
    "color": list(range(30)), "pattern_marking": list(range(30, 41)), "material": list(range(41, 55)),
    "transparency": list(range(55, 59)),
}  # fmt: skip

_PART_NAMES = {
    "arm": 2, "back": 3, "base": 8, "base_panel": 9, "body": 13, "bumper": 23, "cap": 28, "case": 30, "cover": 35,
    "ear": 44, "eye": 49, "foot": 61, "hand": 69, "handle": 70, "head": 72, "headlight": 75, "inner_body": 82,
    "keyboard": 89, "label": 90, "leg": 94, "mouth": 104, "neck": 105, "nose": 107, "page": 112, "pipe": 117,
    "rim": 126, "screen": 134, "seat": 138, "shade": 141, "shoulder": 147, "tail": 169, "taillight": 170,
    "touchpad": 184, "wheel": 192, "window": 193, "windshield": 195,
}  # fmt: skip


def fixed_tables() -> dict[str, Any]:
    """The tables that no count depends on."""
    return {
        "part_categories": [{"supercategory": "PART", "id": n, "name": name} for name, n in _PART_NAMES.items()],
        "attributes": [{"supercategory": "ATTR", "id": n, "name": name} for n, name in enumerate(ATTRIBUTES)],
        "attr_type_to_attr_idxs": ATTRIBUTE_TYPES,
    }


def category_rows() -> list[dict[str, Any]]:
    """The `categories`, by id, without their counts. The `synset` of a part is its bare name."""
    found: list[dict[str, Any]] = []
    for name in OBJECTS:
        entry = LVIS_CATEGORIES[name]
        row = {"name": name, "id": entry.id, "synset": entry.synset, "frequency": "f", "supercategory": "OBJECT"}
        found.append(row)
    for name, parts in PARTS.items():
        for part, number in parts.items():
            row = {"name": f"{name}:{part}", "id": number, "synset": part, "frequency": "f", "supercategory": "PART"}
            found.append(row)
    return sorted(found, key=lambda row: int(row["id"]))
