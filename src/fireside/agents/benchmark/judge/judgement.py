"""What a judge says of one answer."""

from typing import Literal

import msgspec

from fireside.core.errors import EndpointError

__all__ = ["Judgement", "Label"]

Label = Literal["support", "partial_support", "not_support"]


class Judgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One label for each nugget, or the reason why there are none.

    Attributes:
        question_id: the question.
        judge: name of the judge; scores of different judges are not comparable.
        labels: one for each nugget, in their order; empty where the judge failed.
        error: why the judge failed; `None` where it did not.
    """

    question_id: str
    judge: str
    labels: tuple[Label, ...] = ()
    error: str | None = None

    @property
    def score(self) -> float:
        """Share of the nuggets with the label `"support"`; partial support counts nothing.

        Raises:
            EndpointError: the judge failed. A failure is never a score of 0.

        >>> Judgement(question_id="q", judge="exact", labels=("support", "partial_support")).score
        0.5
        """
        if self.error is not None:
            raise EndpointError(f"question {self.question_id} was not judged: {self.error}")
        return sum(label == "support" for label in self.labels) / len(self.labels)
