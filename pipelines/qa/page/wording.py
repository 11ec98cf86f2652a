"""Numbers and lists as a page writes them."""

from collections.abc import Iterable

BLANK = "\N{NO-BREAK SPACE}"


def usd(amount: float | None) -> str:
    """Dollars, with more digits for small amounts; a dash for none."""
    if amount is None:
        return "-"
    return f"{amount:,.2f} USD" if amount >= 1 or not amount else f"{amount:.6f} USD"


def percent(share: float) -> str:
    """A share of 1 for reading, in one piece: few digits, and never 0 % or 100 % for what is not quite that."""
    if 0 < share < 0.001:
        words = "< 0.1 %"
    elif 0.999 < share < 1:
        words = "> 99.9 %"
    else:
        words = f"{100 * share:.1f} %".replace(".0 %", " %")
    return words.replace(" ", BLANK)


def fine_percent(share: float) -> str:
    """A share that may be tiny, with two digits that count."""
    return f"{100 * share:.2g}".replace("e-0", "e-") + f"{BLANK}%" if share < 0.001 else percent(share)


def short(number: float) -> str:
    """A number in few characters: 950, 1.2K, 3M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(number) >= limit * 0.9995:
            return f"{number / limit:.1f}".removesuffix(".0") + unit
    if number == int(number):
        return str(int(number))
    return f"{number:.1f}".removesuffix(".0") if abs(number) >= 1 else f"{number:.2g}"


def plain(number: float | None) -> str:
    """A number in full; a dash for none."""
    if number is None:
        return "-"
    return f"{number:,.0f}" if number == int(number) or abs(number) >= 100 else f"{number:,.1f}"


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
