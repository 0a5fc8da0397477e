"""How much memory keys and values may take, and who holds how much of it.

Knows bytes and leases, nothing about tensors.
"""

from fireside.core.errors import CapacityError

__all__ = ["KVPool", "Lease"]


class Lease:
    """A share of a pool; it may grow, and is released once."""

    __slots__ = ("_pool", "num_bytes")

    def __init__(self, pool: "KVPool", num_bytes: int) -> None:
        self._pool: KVPool | None = pool
        self.num_bytes = num_bytes

    def grow(self, num_bytes: int) -> None:
        """Make the share `num_bytes` large; one that is larger stays as it is.

        Raises:
            CapacityError: more than is free is wanted.
        """
        assert self._pool is not None, "a lease that was released cannot grow"
        self._pool._take(max(0, num_bytes - self.num_bytes))
        self.num_bytes = max(self.num_bytes, num_bytes)

    def release(self) -> None:
        """Give the share back."""
        assert self._pool is not None, "a lease was released twice"
        self._pool._take_back(self)
        self._pool = None


class KVPool:
    """A number of bytes, of which shares are leased.

    >>> pool = KVPool(100)
    >>> lease = pool.lease(60)
    >>> lease.grow(70)
    >>> pool.free_bytes
    30
    >>> lease.release()
    >>> pool.free_bytes, pool.num_leases
    (100, 0)
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self._leases: set[Lease] = set()
        self._leased_bytes = 0

    @property
    def free_bytes(self) -> int:
        """Bytes that nobody holds."""
        return self.capacity_bytes - self._leased_bytes

    @property
    def num_leases(self) -> int:
        """How many shares are out."""
        return len(self._leases)

    def lease(self, num_bytes: int) -> Lease:
        """Take a share.

        Raises:
            CapacityError: more than is free.
        """
        self._take(num_bytes)
        lease = Lease(self, num_bytes)
        self._leases.add(lease)
        return lease

    def _take(self, num_bytes: int) -> None:
        if num_bytes > self.free_bytes:
            raise CapacityError(
                f"{num_bytes} bytes of K/V cache are wanted, "
                f"{self.free_bytes} of {self.capacity_bytes} are free"
            )
        self._leased_bytes += num_bytes

    def _take_back(self, lease: Lease) -> None:
        self._leases.remove(lease)
        self._leased_bytes -= lease.num_bytes
