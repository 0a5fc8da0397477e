"""Java's random numbers, so that equal seeds give equal hash functions here and in Spark."""

import math

from fireside.core.errors import InputError

__all__ = ["JavaRandom"]

_MULTIPLIER, _INCREMENT, _MASK = 0x5DEECE66D, 0xB, (1 << 48) - 1


class JavaRandom:
    """`java.util.Random`: a linear congruential generator of 48 bits, as its documentation specifies it.

    Args:
        seed: any 64-bit integer.

    >>> random = JavaRandom(42)
    >>> random.nextInt(100), random.nextInt(100)
    (30, 63)
    """

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK
        self._spare: float | None = None

    def _next(self, bits: int) -> int:
        """A signed integer of up to 32 bits."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        value = self._state >> (48 - bits)
        return value - (1 << 32) if bits == 32 and value >= 1 << 31 else value

    def nextInt(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        if not 0 < bound < 1 << 31:
            raise InputError(f"bound must be from 1 to 2^31 - 1, got {bound}")
        if bound & (bound - 1) == 0:
            return (bound * self._next(31)) >> 31
        while True:
            bits = self._next(31)
            value = bits % bound
            # Java waits for an overflow of 32 bits here, which would favour small numbers.
            if bits - value + (bound - 1) < 1 << 31:
                return value

    def nextDouble(self) -> float:
        """A number from 0 to 1, 1 excluded."""
        return ((self._next(26) << 27) + self._next(27)) / (1 << 53)

    def nextGaussian(self) -> float:
        """A number from the standard normal distribution, by Marsaglia's polar method."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        while True:
            x, y = 2 * self.nextDouble() - 1, 2 * self.nextDouble() - 1
            square = x * x + y * y
            if 0 < square < 1:
                factor = math.sqrt(-2 * math.log(square) / square)
                self._spare = y * factor
                return x * factor
