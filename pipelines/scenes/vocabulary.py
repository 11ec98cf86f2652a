"""Facts of the data sets: category ids and names of COCO 2017 and of a part of LVIS v1.

Sources: the `categories` of instances_train2017.json and of lvis_v1_train.json (both CC BY 4.0).
"""

from typing import NamedTuple

_COCO = {
    "person": "1 person",
    "vehicle": "2 bicycle, 3 car, 4 motorcycle, 5 airplane, 6 bus, 7 train, 8 truck, 9 boat",
    "outdoor": "10 traffic light, 11 fire hydrant, 13 stop sign, 14 parking meter, 15 bench",
    "animal": "16 bird, 17 cat, 18 dog, 19 horse, 20 sheep, 21 cow, 22 elephant, 23 bear, 24 zebra, 25 giraffe",
    "accessory": "27 backpack, 28 umbrella, 31 handbag, 32 tie, 33 suitcase",
    "sports": "34 frisbee, 35 skis, 36 snowboard, 37 sports ball, 38 kite, 39 baseball bat, 40 baseball glove, "
    "41 skateboard, 42 surfboard, 43 tennis racket",
    "kitchen": "44 bottle, 46 wine glass, 47 cup, 48 fork, 49 knife, 50 spoon, 51 bowl",
    "food": "52 banana, 53 apple, 54 sandwich, 55 orange, 56 broccoli, 57 carrot, 58 hot dog, 59 pizza, "
    "60 donut, 61 cake",
    "furniture": "62 chair, 63 couch, 64 potted plant, 65 bed, 67 dining table, 70 toilet",
    "electronic": "72 tv, 73 laptop, 74 mouse, 75 remote, 76 keyboard, 77 cell phone",
    "appliance": "78 microwave, 79 oven, 80 toaster, 81 sink, 82 refrigerator",
    "indoor": "84 book, 85 clock, 86 vase, 87 scissors, 88 teddy bear, 89 hair drier, 90 toothbrush",
}

_LVIS = """
3 airplane airplane.n.01 f airplane,aeroplane
4 alarm_clock alarm_clock.n.01 f
12 apple apple.n.01 f
19 armchair armchair.n.01 f
23 trash_can ashcan.n.01 f trash_can,garbage_can,wastebin,dustbin,trash_barrel,trash_bin
34 backpack backpack.n.01 f backpack,knapsack,packsack,rucksack,haversack
35 handbag bag.n.04 f handbag,purse,pocketbook
36 suitcase bag.n.06 f suitcase,baggage,luggage
41 ball ball.n.06 f
43 balloon balloon.n.01 f
45 banana banana.n.02 f
53 barrel barrel.n.02 f barrel,cask
61 basket basket.n.01 f basket,handbasket
76 bear bear.n.01 f
77 bed bed.n.01 f
80 cow beef.n.01 f
90 bench bench.n.01 f
94 bicycle bicycle.n.01 f bicycle,bike_(bicycle)
99 bird bird.n.01 f
118 boat boat.n.01 f boat,ship_(boat)
127 book book.n.01 f
133 bottle bottle.n.01 f
139 bowl bowl.n.03 f
143 box box.n.01 f
160 bucket bucket.n.01 f bucket,pail
173 bus_(vehicle) bus.n.01 f bus_(vehicle),autobus,charabanc,double-decker,motorbus,motorcoach
178 cab_(taxi) cab.n.03 f cab_(taxi),taxi,taxicab
194 candle candle.n.01 f candle,candlestick
207 car_(automobile) car.n.01 f car_(automobile),auto_(automobile),automobile
217 carrot carrot.n.01 f
225 cat cat.n.01 f
232 chair chair.n.01 f
271 clock clock.n.01 f clock,timepiece,timekeeper
296 computer_keyboard computer_keyboard.n.01 f computer_keyboard,keyboard_(computer)
344 cup cup.n.01 f
378 dog dog.n.01 f
421 refrigerator electric_refrigerator.n.01 f
422 elephant elephant.n.01 f
445 fireplug fireplug.n.01 f fireplug,fire_hydrant,hydrant
451 flag flag.n.01 f
469 fork fork.n.01 f
496 giraffe giraffe.n.01 f
498 glass_(drink_container) glass.n.02 f glass_(drink_container),drinking_glass
521 guitar guitar.n.01 f
544 hat hat.n.01 f
569 horse horse.n.01 f
591 jar jar.n.01 f
611 kite kite.n.03 f
615 knife knife.n.01 f
626 lamp lamp.n.02 f
629 lantern lantern.n.01 c
631 laptop_computer laptop.n.01 f laptop_computer,notebook_computer
639 lemon lemon.n.01 f
658 magazine magazine.n.02 f
692 minivan minivan.n.01 f
703 motorcycle motorcycle.n.01 f
708 mug mug.n.04 f
719 newspaper newspaper.n.01 f newspaper,paper_(newspaper)
724 notebook notebook.n.01 f
735 orange_(fruit) orange.n.01 f
763 parasol parasol.n.01 c parasol,sunshade
774 peach peach.n.03 c
776 pear pear.n.01 f
793 person person.n.01 f person,baby,child,boy,girl,man,woman,human
804 pillow pillow.n.01 f
814 pitcher_(vessel_for_liquid) pitcher.n.02 f pitcher_(vessel_for_liquid),ewer
816 pizza pizza.n.01 f
818 plate plate.n.04 f
837 flowerpot pot.n.04 f
922 school_bus school_bus.n.01 c
923 scissors scissors.n.01 f
928 sculpture sculpture.n.01 c
943 sheep sheep.n.01 f
962 skateboard skateboard.n.01 f
982 sofa sofa.n.01 f sofa,couch,lounge
1000 spoon spoon.n.01 f
1018 stool stool.n.01 f
1019 stop_sign stop_sign.n.01 f
1027 streetlight streetlight.n.01 f streetlight,street_lamp
1037 surfboard surfboard.n.01 f
1070 teapot teapot.n.01 f
1071 teddy_bear teddy.n.01 f
1077 television_set television_receiver.n.01 f television_set,tv,tv_set
1095 toaster toaster.n.02 f
1097 toilet toilet.n.02 f
1099 tomato tomato.n.01 f
1112 traffic_light traffic_light.n.01 f
1115 train_(railroad_vehicle) train.n.01 f train_(railroad_vehicle),railroad_train
1123 truck truck.n.01 f
1133 umbrella umbrella.n.01 f
1137 urn urn.n.01 c
1139 vase vase.n.01 f
1161 watch watch.n.01 f watch,wristwatch
1190 wineglass wineglass.n.01 f
1202 zebra zebra.n.01 f
"""
"""Id, name, synset, frequency and, where there are more than the name, all synonyms."""


class LvisCategory(NamedTuple):
    """A category of LVIS v1 (of its 1,203)."""

    id: int
    name: str
    synset: str
    frequency: str
    """r(are), c(ommon) or f(requent)."""
    synonyms: tuple[str, ...]


def _lvis(line: str) -> LvisCategory:
    number, name, synset, frequency, *synonyms = line.split(" ")
    return LvisCategory(int(number), name, synset, frequency, tuple(synonyms[0].split(",")) if synonyms else (name,))


def _coco() -> list[dict[str, object]]:
    found = [
        {"supercategory": kind, "id": int(entry.split(" ", 1)[0]), "name": entry.split(" ", 1)[1]}
        for kind, entries in _COCO.items()
        for entry in entries.split(", ")
    ]
    return sorted(found, key=lambda category: int(str(category["id"])))


COCO_CATEGORIES = _coco()
"""All 80, by id."""

COCO_IDS = {str(category["name"]): int(str(category["id"])) for category in COCO_CATEGORIES}

LVIS_CATEGORIES = {category.name: category for category in map(_lvis, _LVIS.strip().splitlines())}
"""By name: what scenes show, and as many that no scene shows."""
