"""How much memory keys and values may take, and who holds how much of it.

Knows bytes and leases, nothing about tensors. What is leased is the most that its holder will ever need, so
that a running sequence never meets an empty pool.
"""

from fireside.core.errors import CapacityError

__all__ = ["KVPool", "Lease"]


class Lease:
    """A share of a pool; released once."""

    __slots__ = ("_pool", "num_bytes")

    def __init__(self, pool: "KVPool", num_bytes: int) -> None:
        self._pool: KVPool | None = pool
        self.num_bytes = num_bytes

    def release(self) -> None:
        """Give the share back."""
        assert self._pool is not None, "a lease was released twice"
        self._pool._take_back(self)
        self._pool = None


class KVPool:
    """A number of bytes, of which shares are leased.

    >>> pool = KVPool(100)
    >>> lease = pool.lease(60)
    >>> pool.free_bytes
    40
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
        if num_bytes > self.free_bytes:
            raise CapacityError(
                f"{num_bytes} bytes of K/V cache are wanted, "
                f"{self.free_bytes} of {self.capacity_bytes} are free"
            )
        lease = Lease(self, num_bytes)
        self._leases.add(lease)
        self._leased_bytes += num_bytes
        return lease

    def _take_back(self, lease: Lease) -> None:
        self._leases.remove(lease)
        self._leased_bytes -= lease.num_bytes
