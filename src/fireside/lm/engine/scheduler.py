"""Which tokens the next step computes.

Running sequences advance by one token each; what is left of the step's budget reads prompts, the oldest
first, in pieces where they are long; what is still left verifies guesses of the tokens to come. A request
that begins like one whose prompt is being read waits for it, and copies.

A request starts when the pool can hold its prompt, and takes more as it grows. Where nothing is left,
remembered prefixes go first; then the sequence that began last is preempted: it gives up its memory, keeps
all it has drawn, and is read again as a prompt once there is room for it to its end. So it is preempted at
most once.
"""

from collections import deque
from typing import NamedTuple

from fireside.core.errors import CapacityError
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.kv_cache import KVCache, cache_bytes
from fireside.lm.engine.kv_pool import KVPool
from fireside.lm.engine.prefix_cache import PrefixCache, common_prefix
from fireside.lm.engine.sequence import Sequence

__all__ = ["Chunk", "Scheduler"]


class Chunk(NamedTuple):
    """The next tokens of a sequence, and a guess of those that are not drawn yet."""

    sequence: Sequence
    num_known: int
    draft: tuple[int, ...] = ()

    @property
    def num_tokens(self) -> int:
        """Tokens that go through the model."""
        return self.num_known + len(self.draft)

    @property
    def reaches_end(self) -> bool:
        """Whether a new token is drawn after these."""
        return self.sequence.num_computed + self.num_known == len(self.sequence.tokens)

    @property
    def tokens(self) -> list[int]:
        """What goes through the model."""
        start = self.sequence.num_computed
        return [*self.sequence.tokens[start : start + self.num_known], *self.draft]


class Scheduler:
    """Waiting and running sequences, and the memory they share.

    Args:
        model: the shape of the model.
        limits: of the engine.
    """

    def __init__(self, model: ModelConfig, limits: EngineConfig) -> None:
        self._model = model
        self._limits = limits
        self.pool = KVPool(limits.kv_cache_bytes)
        self.prefixes = PrefixCache(self.pool)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.num_preemptions = 0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.waiting and not self.running

    def check(self, sequence: Sequence) -> None:
        """See whether there can ever be room for a sequence.

        Raises:
            CapacityError: it could not run even alone.
        """
        needed = self._bytes_of(sequence.max_length)
        if needed > self.pool.capacity_bytes:
            raise CapacityError(
                f"{sequence.max_length} tokens need {needed} bytes of K/V cache, the engine has "
                f"{self.pool.capacity_bytes}: lower max_tokens or raise kv_cache_bytes"
            )

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence that has been checked."""
        self.waiting.append(sequence)

    def schedule(self) -> list[Chunk]:
        """Give room to what runs, admit what fits, and choose a step's tokens; empty only when idle."""
        for sequence in list(self.running):
            self._give_room(sequence)
        self._admit()
        singles = [Chunk(sequence, 1) for sequence in self.running if not sequence.is_reading]
        prompts = []
        budget = self._limits.max_batch_tokens - len(singles)
        for sequence in self.running:
            if sequence.is_reading and budget > 0:
                count = min(len(sequence.tokens) - sequence.num_computed, budget)
                prompts.append(Chunk(sequence, count))
                budget -= count
        if self._limits.num_draft_tokens:
            singles = self._draft(singles, budget)
        return singles + prompts

    def _draft(self, singles: list[Chunk], budget: int) -> list[Chunk]:
        """Guess what comes next, as far as the budget goes; sequences without a guess come first."""
        chunks = []
        for chunk in singles:
            sequence = chunk.sequence
            draft = sequence.draft(min(self._limits.num_draft_tokens, budget))
            if not self._grow(sequence, len(sequence.tokens) + len(draft)):
                draft = ()
            budget -= len(draft)
            chunks.append(chunk._replace(draft=draft))
        return sorted(chunks, key=lambda chunk: bool(chunk.draft))

    def read(self, sequence: Sequence) -> None:
        """Note that a prompt has been read to its end: where windows will forget it, remember it now."""
        assert sequence.cache is not None
        if self._limits.remember_prefixes and not sequence.cache.can_resume_at(
            len(sequence.prompt), filled=sequence.max_length
        ):
            self.prefixes.remember(sequence.computed, sequence.cache.copy())

    def finish(self, sequence: Sequence) -> None:
        """Take a sequence out, and remember what it has computed."""
        self.running.remove(sequence)
        cache, lease = sequence.cache, sequence.lease
        assert cache is not None
        assert lease is not None
        computed = sequence.computed
        sequence.cache = sequence.lease = None
        lease.release()
        if self._limits.remember_prefixes:
            self.prefixes.remember(computed, cache)

    def drop(self, sequence: Sequence) -> None:
        """Take out a sequence that is no longer wanted, wherever it is; nothing of it is remembered."""
        if sequence in self.waiting:
            self.waiting.remove(sequence)
        elif sequence in self.running:
            self.running.remove(sequence)
            assert sequence.lease is not None
            sequence.lease.release()
            sequence.cache = sequence.lease = None

    def _give_room(self, sequence: Sequence) -> None:
        """Let a running sequence take its next token; those that began last give way, itself among them."""
        while sequence.lease is not None and not self._grow(sequence, len(sequence.tokens)):
            # One that gave way before holds all it will ever need, so it is never this one that lacks room.
            self._preempt(next(one for one in reversed(self.running) if not one.was_preempted))

    def _grow(self, sequence: Sequence, tokens: int) -> bool:
        """Take room for so many tokens, if there is any, or can be once prefixes are forgotten."""
        assert sequence.lease is not None
        needed = self._bytes_of(tokens)
        has_room = self.prefixes.make_room(needed - sequence.lease.num_bytes)
        if has_room:
            sequence.lease.grow(needed)
        return has_room

    def _preempt(self, sequence: Sequence) -> None:
        self.drop(sequence)
        sequence.was_preempted = True
        self.num_preemptions += 1
        self.waiting.appendleft(sequence)

    def _bytes_of(self, tokens: int) -> int:
        return cache_bytes(self._model, tokens, self._limits.kv_format)

    def _admit(self) -> None:
        for sequence in list(self.waiting):
            if len(self.running) >= self._limits.max_sequences:
                return
            source, length = self._best_source(sequence)
            if self._will_have_better(sequence, length):
                continue
            needed = self._bytes_of(sequence.max_length if sequence.was_preempted else len(sequence.tokens))
            if not self.prefixes.make_room(needed):
                return  # those behind wait too: a large request must not starve
            sequence.lease = self.pool.lease(needed)
            sequence.cache = KVCache(self._model, sequence.max_length, self._limits.kv_format)
            if source is not None:
                sequence.cache.copy_prefix(source, length)
            self.waiting.remove(sequence)
            self.running.append(sequence)

    def _best_source(self, sequence: Sequence) -> tuple[KVCache | None, int]:
        """The cache, remembered or running, that shares most tokens; the last one stays to be run."""
        limit = len(sequence.tokens) - 1
        best, best_length = self.prefixes.longest(sequence.known, limit)
        for other in self.running:
            assert other.cache is not None
            length = min(common_prefix(other.computed, sequence.known), limit)
            if length > best_length and other.cache.can_resume_at(length):
                best, best_length = other.cache, length
        return best, best_length

    def _will_have_better(self, sequence: Sequence, length: int) -> bool:
        """Whether what is being read will soon share more than `length` tokens."""
        limit = len(sequence.tokens) - 1
        for other in self.running:
            if other.is_reading and other.cache is not None:
                shared = min(common_prefix(other.known, sequence.known), limit)
                if shared > length and other.cache.can_resume_at(shared, filled=len(other.tokens)):
                    return True
        return False
