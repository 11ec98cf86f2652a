"""Money is set aside before a request is sent, so that a budget cannot be exceeded by what is in flight."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.errors import BudgetError


class Reservation:
    """Dollars set aside for one call."""

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.charged = 0.0
        self.may_be_charged = 0.0


class Budget:
    """Dollars that a run may spend; spent, set aside and possibly charged ones never add up to more.

    A call that broke off after it was sent may be charged by the server without our knowing the amount: it counts with
    its bound, as `at_risk_usd`.
    """

    def __init__(self, limit_usd: float) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self.at_risk_usd = 0.0
        self._reserved: dict[int, float] = {}
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, usd: float) -> AsyncIterator[Reservation]:
        """Set dollars aside for the length of a call; the caller tells the reservation what was charged.

        Waits while calls in flight could leave enough; BudgetError when there is nothing left to wait for.
        """
        reservation = Reservation(usd)
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(usd) or not self._reserved)
            if not self._fits(usd):
                raise BudgetError(
                    f"the next request may cost up to ${usd:.6f}, and ${self.left_usd:.6f} of the budget are left"
                )
            self._reserved[id(reservation)] = usd
        try:
            yield reservation
        finally:
            await self._settle(reservation)

    @property
    def left_usd(self) -> float:
        """Neither spent nor possibly charged."""
        return self.limit_usd - self.spent_usd - self.at_risk_usd

    def _fits(self, usd: float) -> bool:
        return sum(self._reserved.values()) + usd <= self.left_usd

    async def _settle(self, reservation: Reservation) -> None:
        del self._reserved[id(reservation)]
        self.spent_usd += reservation.charged
        self.at_risk_usd += reservation.may_be_charged
        async with self._changed:
            self._changed.notify_all()
