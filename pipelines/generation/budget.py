"""Money is set aside before a request is sent, so that a budget cannot be exceeded by what is in flight."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from schemas.errors import BudgetError

TRANCHE = 16
"""Calls that dollars are drawn for at a time, so that not every call asks the store."""
DRY_S = 1.0
"""Between two tries to draw more, once there was nothing: what is in flight may leave enough."""


class Reservation:
    """Dollars set aside for one call."""

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.charged = 0.0
        self.may_be_charged = 0.0


Draw = Callable[[float, float], Awaitable[float]]
"""(least, wish) -> dollars granted, or 0.0."""


async def nothing_more(least_usd: float, wish_usd: float) -> float:
    """For a budget that is all there at once."""
    return 0.0


class Budget:
    """Dollars that a run may spend; spent, set aside and possibly charged ones never add up to more than was granted.

    More is drawn, a few calls' worth at a time, from what the workers of a run share. A call that broke off after it
    was sent may be charged by the server without our knowing the amount: it counts with its bound, as `at_risk_usd`.
    """

    def __init__(self, granted_usd: float = 0.0, draw: Draw = nothing_more) -> None:
        self.granted_usd = granted_usd
        self.spent_usd = 0.0
        self.at_risk_usd = 0.0
        self._draw = draw
        self._dry_until = 0.0
        self._reserved: dict[int, float] = {}
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, usd: float) -> AsyncIterator[Reservation]:
        """Set dollars aside for the length of a call; the caller tells the reservation what was charged.

        Waits while calls in flight could leave enough; BudgetError when there is nothing left to wait for.
        """
        reservation = Reservation(usd)
        async with self._changed:
            while not self._fits(usd) and not await self._drawn(usd):
                if not self._reserved:
                    raise BudgetError(f"the next request may cost up to ${usd:.6f}")
                await self._changed.wait()
            self._reserved[id(reservation)] = usd
        try:
            yield reservation
        finally:
            await self._settle(reservation)

    @property
    def left_usd(self) -> float:
        """Of what was granted, neither spent nor possibly charged."""
        return self.granted_usd - self.spent_usd - self.at_risk_usd

    def _fits(self, usd: float) -> bool:
        return self._lacking(usd) <= 0

    def _lacking(self, usd: float) -> float:
        return sum(self._reserved.values()) + usd - self.left_usd

    async def _drawn(self, usd: float) -> bool:
        """Whether enough more could be drawn. Where nothing is in flight, it is always tried."""
        now = asyncio.get_running_loop().time()
        if self._reserved and now < self._dry_until:
            return False
        granted = await self._draw(self._lacking(usd), max(self._lacking(usd), TRANCHE * usd))
        self.granted_usd += granted
        if not self._fits(usd):
            self._dry_until = now + DRY_S
            return False
        return True

    async def _settle(self, reservation: Reservation) -> None:
        del self._reserved[id(reservation)]
        self.spent_usd += reservation.charged
        self.at_risk_usd += reservation.may_be_charged
        async with self._changed:
            self._changed.notify_all()
