"""`MixtureLoader`: batches of a mixture, in one order for any number of ranks and workers.

Batch `step` holds samples step * B to step * B + B - 1; rank r of w takes a run of its rows. Nothing else
decides what a batch holds, so that ranks and workers can change when a run resumes. The state is the next
step, and a description of what made the order, so that a run is not resumed on other data.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import Any

from fireside.core.config import config
from fireside.core.errors import ConfigError, ResumeError
from fireside.core.protocols import TokenBatch
from fireside.mixing.domain import Domain
from fireside.mixing.lookup import Lookup
from fireside.mixing.mixture import Mixture
from fireside.mixing.packing import pack
from fireside.mixing.plan import Plan, fingerprint_of

__all__ = ["LoaderConfig", "MixtureLoader"]


@config
class LoaderConfig:
    """How samples are batched.

    Attributes:
        batch_size: B, sequences in a batch over all ranks.
        mask_documents: attention and loss stay inside documents.
        rank: which of the processes that share a batch this is.
        world_size: how many there are.
        num_workers: threads that read ahead, one batch each; 0 reads when asked.
    """

    batch_size: int
    mask_documents: bool = False
    rank: int = 0
    world_size: int = 1
    num_workers: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {self.batch_size}")
        if not 0 <= self.rank < self.world_size:
            raise ConfigError(f"rank must be from 0 to world_size - 1, got {self.rank} of {self.world_size}")
        if self.batch_size < self.world_size:
            raise ConfigError(
                f"a batch of {self.batch_size} cannot be shared by {self.world_size} ranks: raise batch_size"
            )
        if self.num_workers < 0:
            raise ConfigError(f"num_workers must be at least 0, got {self.num_workers}")

    @property
    def rows(self) -> range:
        """The rows of a batch that this rank takes; ranks differ by one row where B is no multiple."""
        first = self.batch_size * self.rank // self.world_size
        return range(first, self.batch_size * (self.rank + 1) // self.world_size)


class MixtureLoader:
    """A `BatchSource` and `Stateful` over a plan and its domains.

    Args:
        plan: the order.
        domains: the plan's domains, in any order.
        config: how to batch.

    Raises:
        ConfigError: a domain is missing, its data are not those that were planned with, the domains'
            vocabularies differ, or the run is shorter than one batch.
    """

    def __init__(self, plan: Plan, domains: Sequence[Domain], config: LoaderConfig) -> None:
        self.plan = plan
        self.config = config
        self._domains = _in_plan_order(plan, domains)
        _check_vocabulary(self._domains)
        self._lookup = Lookup(Mixture(plan))
        self._next = 0
        self._ahead = _ReadAhead(self._read, config.num_workers) if config.num_workers else None
        if self.num_batches == 0:
            raise ConfigError(
                f"the run has {plan.num_sequences} sequences, fewer than one batch of {config.batch_size}: "
                "give more tokens, or lower batch_size"
            )

    @property
    def num_batches(self) -> int:
        """Whole batches in the run; up to B - 1 sequences at its end are left over."""
        return self.plan.num_sequences // self.config.batch_size

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides what a batch holds; ranks and workers are not in it."""
        return fingerprint_of(self._description())

    def batch(self, step: int) -> TokenBatch:
        """This rank's rows of a batch.

        Raises:
            IndexError: there is no such batch.
        """
        if not 0 <= step < self.num_batches:
            raise IndexError(f"batch {step} is not in 0..{self.num_batches - 1}")
        if self._ahead is None:
            return self._read(step)
        return self._ahead.get(step, self.num_batches)

    def __iter__(self) -> Iterator[TokenBatch]:
        """The batches from the state on; taking one moves the state."""
        while self._next < self.num_batches:
            batch = self.batch(self._next)
            self._next += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The next step, and what decided the batches: all of them, and those before that step."""
        return {
            "step": self._next,
            "fingerprint": self.fingerprint,
            "description": self._description(),
            "beginning": self._description(self._next),
        }

    def load_state_dict(self, state: Mapping[str, Any], *, branch: bool = False) -> None:
        """Go on from a state, with any number of ranks or workers.

        Args:
            state: what `state_dict` gave.
            branch: whether only the batches before the state's step must be the same, and not those after it.

        Raises:
            ResumeError: the state belongs to another order; the message lists what differs.
        """
        if not state.keys() >= {"step", "fingerprint", "description", "beginning"}:
            raise ResumeError(f"not the state of a mixture: it has {', '.join(state) or 'nothing'}")
        step = int(state["step"])
        part = "beginning" if branch else "description"
        ours = self._description(step if branch else None)
        if state[part] != ours:
            raise ResumeError(
                "the data are not those of the run to resume:\n"
                + _difference(state[part], ours)
                + "\nrestore them; for another end, branch the plan and load the state with branch=True"
            )
        self._next = step

    def close(self) -> None:
        """End the threads that read ahead."""
        if self._ahead is not None:
            self._ahead.close()

    def __enter__(self) -> "MixtureLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _description(self, step: int | None = None) -> dict[str, str]:
        """What decides the batches, or those before a step."""
        until = None if step is None else step * self.config.batch_size
        return {
            **self.plan.describe(until),
            "batch size": str(self.config.batch_size),
            "documents masked": str(self.config.mask_documents),
        }

    def _read(self, step: int) -> TokenBatch:
        first = step * self.config.batch_size
        rows = self.config.rows
        samples = self._lookup(first + rows.start, first + rows.stop)
        return pack(
            self._domains,
            samples.domains,
            samples.positions,
            sequence_length=self.plan.sequence_length,
            mask_documents=self.config.mask_documents,
        )


class _ReadAhead:
    """Reads the batches that follow the one asked for, in threads."""

    def __init__(self, read: Callable[[int], TokenBatch], num_workers: int) -> None:
        self._read = read
        self._num_workers = num_workers
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="mixture")
        self._lock = Lock()
        self._pending: dict[int, Future[TokenBatch]] = {}

    def get(self, step: int, num_batches: int) -> TokenBatch:
        with self._lock:
            wanted = range(step, min(step + self._num_workers + 1, num_batches))
            for stale in self._pending.keys() - set(wanted):
                self._pending.pop(stale).cancel()
            for ahead in wanted:
                if ahead not in self._pending:
                    self._pending[ahead] = self._threads.submit(self._read, ahead)
            future = self._pending.pop(step)
        return future.result()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)


def _in_plan_order(plan: Plan, domains: Sequence[Domain]) -> list[Domain]:
    by_name = {domain.name: domain for domain in domains}
    ordered = []
    for size in plan.domains:
        domain = by_name.get(size.name)
        if domain is None:
            raise ConfigError(
                f"the plan needs domain {size.name!r}; given are {', '.join(by_name) or 'none'}"
            )
        if size.fingerprint and size != domain.size:
            raise ConfigError(
                f"domain {size.name!r} in {domain.path} has changed since it was planned with: it has "
                f"{domain.num_tokens} tokens and checksum {domain.fingerprint}, planned were "
                f"{size.num_tokens} and {size.fingerprint}"
            )
        ordered.append(domain)
    return ordered


def _check_vocabulary(domains: Sequence[Domain]) -> None:
    first = domains[0]
    for other in domains[1:]:
        if (other.facts.tokenizer, other.facts.vocab_size) != (first.facts.tokenizer, first.facts.vocab_size):
            raise ConfigError(
                f"domains {first.name!r} and {other.name!r} have different vocabularies: "
                f"{first.facts.vocab_size} tokens of {first.facts.tokenizer!r}, and "
                f"{other.facts.vocab_size} of {other.facts.tokenizer!r}; build them with one tokenizer"
            )


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    lines = []
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            lines += [f"- {name}: {old[name]}"] if name in old else []
            lines += [f"+ {name}: {new[name]}"] if name in new else []
    return "\n".join(lines)
