"""What the libraries' lists of slurs and of given names hold that is no fault in a caption."""


def _listed(comma: str, text: str) -> frozenset[str]:
    return frozenset(" ".join(text.split()).split(comma + " " * (comma != " ")))


INNOCENT = _listed(
    ",",
    """
    anal, anus, ass, ball sack, bareback, barenaked, bastinado, bbw, big black, big breasts, big knockers, birdlock,
    bitch, bitches, black cock, blonde action, blonde on blonde action, bondage, boob, boobs, brunette action, bs,
    bullet vibe, busty, butt, buttcheeks, camel toe, cock, cocks, coon, coons, cornhole, creampie, deep throat,
    dick, dingleberries, dingleberry, dog style, doggie style, doggy style, domination, ecchi, erotic, erotism,
    escort, eunuch, fecal, figging, fingering, genitals, giant cock, girl on, girl on top, golden shower, grope,
    hand job, hard core, hardcore, hoe, honkey, hot carl, hot chick, how to kill, how to murder, huge fat, humping,
    intercourse, jackass, jelly donut, juggs, kinky, leather restraint, leather straight jacket, lemon party,
    lolita, mf, nipple, nipples, nude, nudity, octopussy, panties, panty, pegging, penis, pissed, pissing, playboy,
    poof, poon, pubes, pussy, quim, rape, rectum, rimming, rusty trombone, santorum, scat, scissoring, semen, sex,
    sexo, sexy, shota, shrimping, simp, skeet, snatch, snowballing, spunk, strap on, strip club, style doggy,
    suck, sucks, swastika, swinger, taste my, tea bagging, testbad01, threesome, tied up, tight white, tit, tits,
    tongue in a, topless, tosser, tushy, twink, twinkie, undressing, vagina, vibrator, violet wand, voyeur, vulva,
    wet dream, white power, wrapping men, xx
    """,
)
"""Entries of the list that say in a caption, as often as not, what is seen: animals, food, bodies, clothes, "big black"
dogs. A crude word among them (the back of a zebra has one) is not counted."""

COMMON = _listed(
    " ",
    """
    Alexandria Amber Angel April Austin Autumn Bailey Bill Brandy Brooke Calvin Charlotte Chase Chelsea Cheyenne
    Christian Cody Crystal Daisy Dakota Dale Dallas Dalton Dana Dawn Dean Destiny Devon Diamond Diego Drew Ebony
    Faith Florence Ford Francisco Frank Gail Gene Grace Grant Guy Houston Hunter Israel Jack Jackson Jade Jasmine
    Jay Jean Jesus Jordan Joy Kent Lance Levi Lincoln Madison Mark Martin Mason Max Melody Mercedes Misty Norma
    Paris Parker Penny Perry Porter Raven Ray Robin Rose Sandy Savannah Sherry Sierra Spencer Sue Summer Sydney
    Tanner Tiffany Troy Victoria Virginia Warren Washington Whitney Wilson Wyatt
    """,
)
"""Given names that are words, places or makes as well."""

NEUTRAL = _listed(
    " ",
    """
    Avery Casey Frankie Jackie Jaime Jessie Jody Kendall Kerry Pat Peyton Quinn Riley Skyler Taylor
    """,
)
"""What writers on VCR call people in a scene whom nobody knows by name; these tell nothing about anybody."""

NOT_AFTER = _listed(
    " ",
    """
    Big East Fort Lake Mount Mt New North Port Saint San Santa South St St. Super Virgin West virgin
    """,
)
NOT_BEFORE = _listed(
    " ",
    """
    Airlines Airport Airways Ave Avenue Bay Beach Bear Bridge Church City Club College County Drive Field Hall Hill
    Hills Hospital Hotel House Island Lane Library Mall Museum Park Place Railway Road School Square Stadium Station
    Street Theatre Tower Train University Village Way
    """,
)
