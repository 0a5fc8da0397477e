"""Java's random numbers, so that equal seeds give equal hash functions here and in Spark."""

import math
import struct

from fireside.core.errors import InputError

__all__ = ["JavaRandom", "strict_log"]

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
                factor = math.sqrt(-2 * strict_log(square) / square)
                self._spare = y * factor
                return x * factor


def strict_log(x: float) -> float:
    """The natural logarithm as Java's `StrictMath.log` rounds it, for x from 0 to 1, both excluded.

    Java promises the very bits of the fdlibm library, which sometimes differ from the nearest float64. With
    x = 2^k (1 + f) and s = f / (2 + f), log(1 + f) = f - s (f - R), R a polynomial in s^2. Source: Sun
    Microsystems, fdlibm 5.3, e_log.c.

    >>> strict_log(0.5), math.log(0.5)
    (-0.6931471805599453, -0.6931471805599453)
    """
    bits = struct.unpack("<q", struct.pack("<d", x))[0]
    high, low = bits >> 32, bits & 0xFFFFFFFF
    exponent, high = (high >> 20) - 1023, high & 0x000FFFFF
    # Above the square root of 2 the next power is nearer.
    up = (high + 0x95F64) & 0x100000
    k = float(exponent + (up >> 20))
    f = struct.unpack("<d", struct.pack("<q", ((high | (up ^ 0x3FF00000)) << 32) | low))[0] - 1.0
    if (0x000FFFFF & (2 + high)) < 3:
        rest = f * f * (0.5 - 0.33333333333333333 * f)
        return float(k * _LN2_HIGH - ((rest - k * _LN2_LOW) - f)) if k else f - rest
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (_LOG[0] + w * (_LOG[2] + w * (_LOG[4] + w * _LOG[6])))
    rest = w * (_LOG[1] + w * (_LOG[3] + w * _LOG[5])) + odd
    if ((high - 0x6147A) | (0x6B851 - high)) > 0:
        half = 0.5 * f * f
        if not k:
            return float(f - (half - s * (half + rest)))
        return float(k * _LN2_HIGH - ((half - (s * (half + rest) + k * _LN2_LOW)) - f))
    if not k:
        return float(f - s * (f - rest))
    return float(k * _LN2_HIGH - ((s * (f - rest) - k * _LN2_LOW) - f))


_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
