"""`DomainSize`: what a plan needs to know of a domain."""

from fireside.core.config import config

__all__ = ["DomainSize", "num_sequences"]


@config
class DomainSize:
    """How large a domain is, and which data it holds.

    Attributes:
        name: as the schedule calls it.
        num_tokens: how many tokens it holds.
        fingerprint: changes when the tokens do; empty where only the numbers are of interest.
    """

    name: str
    num_tokens: int
    fingerprint: str = ""


def num_sequences(self) -> int:
        """How many sequences the run has."""
        return self.stages[-1].stop

    @cached_property
    def interleaving(self) -> Interleaving:
        """The order of the domains."""
        return Interleaving([piece for stage in self.stages for piece in stage.pieces()])

    def counts_at(self, sequence: int) -> dict[str, int]:
        """How many sequences of each domain lie before a sequence."""
        counts = self.interleaving.counts(sequence)
        return {domain.name: count for domain, count in zip(self.domains, counts, strict=True)}

    def rows(self) -> Iterator[PlanRow]:
        """What each stage takes of each domain it uses, in order."""
        for stage in self.stages:
            before, after = self.counts_at(stage.start), self.counts_at(stage.stop)
            for domain in self.domains:
                sequences = after[domain.name] - before[domain.name]
                if sequences == 0:
                    continue
                held = num_sequences(domain.num_tokens, self.sequence_length)
                yield PlanRow(
                    stage=stage.name,
                    domain=domain.name,
                    sequences=sequences,
                    tokens=sequences * self.sequence_length,
                    share=sequences / (stage.stop - stage.start),
                    epochs=sequences / held,
                    epochs_so_far=after[domain.name] / held,
                )

    def branch(self, stages: Sequence[Stage]) -> "Plan":
        """The same run up to the start of the first stage given, and these stages from there.

        Every sample before the branch point stays where it is. The run keeps its length.

        Args:
            stages: one after another; the first says where the branch leaves.

        Raises:
            ConfigError: the branch leaves at 0 or past the end, or does not fit (see `make_plan`).
        """
        # The schedule of the branch alone checks names, order and lengths.
        lead = Stage(name=" ", shares={self.domains[0].name: 1.0})
        after = replace(self.schedule, stages=(lead, *stages), max_epochs_of={})
        point = after.starts[1]
        kept = [replace(stage, stop=min(stage.stop, point)) for stage in self.stages if stage.start < point]
        new = _planned(after, self.domains)[1:]
        branched = Plan(schedule=self.schedule, domains=self.domains, stages=(*kept, *new))
        _check_caps(branched)
        return branched

    def describe(self) -> dict[str, str]:
        """Everything that decides which tokens sample i holds, in words: two plans are one if these are."""
        lines = {"sequence length": str(self.sequence_length), "seed": str(self.schedule.seed)}
        for domain in self.domains:
            lines[f"domain {domain.name}"] = f"{domain.num_tokens} tokens, checksum {domain.fingerprint}"
        for number, stage in enumerate(self.stages):
            cut = "" if stage.length == stage.stop - stage.start else f", cut from {stage.length}"
            start, end = (self._in_words(weights) for weights in (stage.weights, stage.end_weights))
            ramp = "" if start == end else f", moving to {end}"
            lines[f"stage {number}"] = f"sequences {stage.start} to {stage.stop}{cut}: {start}{ramp}"
        return lines

    def _in_words(self, weights: tuple[int, ...]) -> str:
        named = zip(self.domains, weights, strict=True)
        return ", ".join(f"{domain.name} {weight}" for domain, weight in named if weight)


def num_sequences(num_tokens: int, sequence_length: int) -> int:
    """How many sequences a domain holds: each predicts T tokens, and reads the one before them as well.

    >>> num_sequences(21, 10), num_sequences(20, 10)
    (2, 1)
    """
    return max(0, num_tokens - 1) // sequence_length
