"""This module limits how often a wrong access code may be tried, by address and all addresses together.

So many wrong codes are free at once, then one each few seconds: guessing a code is hopeless.
"""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field

FROM_ONE, REFILL_ONE_S = 20, 15.0
FROM_ALL, REFILL_ALL_S = 200, 5.0
"""Wrong codes that all addresses together may try at once, and seconds until one more is allowed. A class of thirty
that mistypes is not in its own way; who tries all day and from everywhere has 17,480 guesses."""


@dataclass
class _Bucket:
    size: float
    refill_s: float
    filled: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.size

    def at(self, now: float) -> float:
        self.left = min(self.size, self.left + max(0.0, now - self.filled) / self.refill_s)
        self.filled = now
        return self.left


class Guesses:
    """A `Guesses` object counts wrong access codes.

    While an address has to wait, its right codes are not heard either.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all = _Bucket(FROM_ALL, REFILL_ALL_S, clock())
        self._one: dict[str, _Bucket] = {}

    def wait_s(self, address: str) -> float:
        """Return the seconds until an address may try the next code; 0 where there is no need to wait."""
        now = self._clock()
        one = self._one.get(_place(address))
        buckets = [self._all, *([one] if one else [])]
        return max((1 - bucket.at(now)) * bucket.refill_s if bucket.at(now) < 1 else 0.0 for bucket in buckets)

    def wrong(self, address: str) -> None:
        """Count one more wrong code from an address."""
        now = self._clock()
        self._one = {place: bucket for place, bucket in self._one.items() if bucket.at(now) < bucket.size}
        one = self._one.setdefault(_place(address), _Bucket(FROM_ONE, REFILL_ONE_S, now))
        for bucket in (self._all, one):
            bucket.left = max(0.0, bucket.at(now) - 1)


def _place(address: str) -> str:
    """Return the name under which an address is counted: an IPv6 address counts as its network.

    Everybody at home has 2⁶⁴ IPv6 addresses.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((int(ip), 64), strict=False))
