"""`Identifiable`: what has a uid."""

import uuid

__all__ = ["Identifiable"]


class Identifiable:
    """Has a name that nothing else has.

    Attributes:
        uid: the class and twelve random hexadecimal digits.
    """

    def __init__(self) -> None:
        self.uid: str = self._randomUID()

    def __repr__(self) -> str:
        return self.uid

    @classmethod
    def _randomUID(cls) -> str:
        return f"{cls.__name__}_{uuid.uuid4().hex[-12:]}"
