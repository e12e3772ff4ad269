"""This module counts wrong access codes and wrong secret words, and says how long to wait after too many of them.

So many wrong ones are free at once, then one each few seconds: by place, and all places together.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cnnlab.dashboard.auth.origin import network_of


@dataclass(frozen=True)
class Pace:
    """A `Pace` is how many wrong guesses are free at once, and after how many seconds one more is."""

    free: int
    refill_s: float


CODES_FROM_ONE, CODES_FROM_ALL = Pace(20, 15.0), Pace(200, 5.0)
"""A class of thirty that mistypes the code is not in its own way."""
WORDS_FROM_ONE, WORDS_FROM_ALL = Pace(5, 60.0), Pace(20, 60.0)
"""Wrong words for one name. A word is short and guessable: who tries all day and from everywhere has 1,460 guesses."""


@dataclass
class _Bucket:
    pace: Pace
    filled: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.pace.free

    def at(self, now: float) -> float:
        self.left = min(self.pace.free, self.left + max(0.0, now - self.filled) / self.pace.refill_s)
        self.filled = now
        return self.left


class Guesses:
    """A `Guesses` object counts wrong guesses of one secret, by the place that they come from."""

    def __init__(self, from_one: Pace, from_all: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._from_one, self._clock = from_one, clock
        self._all = _Bucket(from_all, clock())
        self._one: dict[str, _Bucket] = {}

    def wait_s(self, place: str) -> float:
        """Return the seconds until one more guess from this place is free; 0 where it is free now."""
        now = self._clock()
        one = self._one.get(network_of(place))
        buckets = [self._all, *([one] if one else [])]
        return max((1 - bucket.at(now)) * bucket.pace.refill_s if bucket.at(now) < 1 else 0.0 for bucket in buckets)

    def wrong(self, place: str) -> None:
        """Count one more wrong guess from a place.

        While all places have to wait, no new place is remembered: their number stays small, whoever attacks.
        """
        now = self._clock()
        self._one = {name: bucket for name, bucket in self._one.items() if bucket.at(now) < bucket.pace.free}
        if self._all.at(now) >= 1:
            self._one.setdefault(network_of(place), _Bucket(self._from_one, now))
        for bucket in (self._all, self._one.get(network_of(place))):
            if bucket:
                bucket.left = max(0.0, bucket.at(now) - 1)

    @property
    def forgotten(self) -> bool:
        """Whether everything is free again, as if nobody had guessed."""
        return self._all.at(self._clock()) >= self._all.pace.free


class WordGuesses:
    """A `WordGuesses` object counts wrong secret words, of each name by itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[str, Guesses] = {}

    def of(self, whose: str) -> Guesses:
        """Return the count of the wrong words for one name."""
        self._of = {name: guesses for name, guesses in self._of.items() if not guesses.forgotten}
        return self._of.setdefault(whose, Guesses(WORDS_FROM_ONE, WORDS_FROM_ALL, self._clock))
