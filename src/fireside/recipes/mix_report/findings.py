"""A verdict in plain words: a headline, and sentences with their numbers.

What the replicates do not tell is said, and not rounded up to a choice.
"""

from collections.abc import Sequence

from fireside.mixing.estimate import Estimate
from fireside.recipes.mix_report.verdict import DataSetUtility, Verdict

__all__ = ["findings", "headline", "percent", "signed"]


def headline(verdict: Verdict) -> str:
    """The recommendation in a line."""
    choice = verdict.duration
    if choice.num_replicates == 0:
        return "No recommendation yet: no replicate has all durations"
    if choice.best is None or choice.target is None:
        return "No duration keeps the general loss within the tolerance"
    if choice.target.mean <= 0:
        return "Upsampling does not lower the target loss"
    if choice.target.count == 1:
        return f"{percent(choice.best)} looks best, on one replicate"
    if not choice.target.excludes_zero:
        return f"No gain is told apart from none; {percent(choice.best)} looks best"
    if choice.tied:
        return f"Upsample for about the last {percent(choice.best)} of training"
    return f"Upsample for the last {percent(choice.best)} of training"


def findings(verdict: Verdict) -> list[str]:
    """What was found, most important first."""
    return [*_duration(verdict), *_data_sets(verdict), *_costs(verdict), *_incomplete(verdict)]


def percent(share: float) -> str:
    """A part of a run.

    >>> percent(0.2), percent(0.125)
    ('20 %', '12.5 %')
    """
    return f"{100 * share:.4g} %"


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign, the minus as long as the plus; what rounds to zero has none.

    >>> signed(-0.1234), signed(0.5), signed(-0.0001)
    ('−0.123', '+0.500', '0.000')
    """
    if float(f"{value:.{digits}f}") == 0:
        return f"{0:.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", "−")


def _duration(verdict: Verdict) -> list[str]:
    choice, tolerance = verdict.duration, f"{verdict.tolerance:g} nats per token"
    if choice.num_replicates == 0:
        return ["No replicate has its base branch and every duration yet, so durations cannot be compared."]
    if choice.best is None or choice.target is None or choice.general is None:
        return [
            f"Every duration raises the mean general loss by more than the tolerance of {tolerance}: "
            f"try shorter ones, a milder mix, or a larger tolerance. {_pareto(verdict)}"
        ]
    moved = (
        f"With the upsampled mix in the last {percent(choice.best)}, the target loss {_moved(choice.target)} "
        f"and the general loss {_moved(choice.general)}; a rise of {tolerance} is tolerated."
    )
    return [
        moved,
        " ".join([*_certainty(verdict, choice.best, choice.target, choice.general), _pareto(verdict)]),
    ]


def _certainty(verdict: Verdict, best: float, target: Estimate, general: Estimate) -> list[str]:
    """What the replicates tell of the choice, and what they do not."""
    if target.count == 1:
        return ["One replicate tells nothing about noise: nothing here is told apart from chance."]
    choice, words = verdict.duration, []
    if not target.excludes_zero:
        words.append("The replicates do not tell the target gain apart from none.")
    if general.low is not None and general.low < -verdict.tolerance <= general.mean:
        words.append(
            "The interval of the general loss reaches beyond the tolerance: more replicates would tell."
        )
    others = [duration for duration in choice.admissible if duration != best]
    if choice.tied:
        verb = "is" if len(choice.tied) == 1 else "are"
        words.append(
            f"{_listed(choice.tied)} {verb} not told apart from {percent(best)} in the target loss: choose "
            "among them by the general loss."
        )
    elif others:
        words.append(f"The target gain of {percent(best)} is told apart from that of {_listed(others)}.")
    costly = [
        row.duration
        for row in verdict.gains
        if row.kind == "upsampled" and row.duration is not None and row.general is not None
    ]
    costly = [duration for duration in costly if duration not in choice.admissible]
    if costly:
        words.append(f"Beyond the tolerance: {_listed(costly)}.")
    return words


def _data_sets(verdict: Verdict) -> list[str]:
    said = {
        "keep": "Keep",
        "drop": "Drop",
        "trade-off": "A trade-off, more of one score for less of the other",
        "cannot tell": "Cannot tell",
    }
    return [
        f"{words}: {'; '.join(map(_utility, rows))}."
        for verdict_word, words in said.items()
        if (rows := [row for row in verdict.utilities if row.worth == verdict_word])
    ]


def _utility(row: DataSetUtility) -> str:
    if row.target is None:
        return f"{row.data_set} (not measured yet)"
    general = "" if row.general is None else f", general {signed(row.general.mean)}"
    return f"{row.data_set} (target {signed(row.target.mean)}{_interval(row.target)}{general})"


def _costs(verdict: Verdict) -> list[str]:
    tokens = verdict.costs.tokens
    part = percent(round(tokens.ratio, 3))
    words = (
        f"The {verdict.costs.num_runs} branches that have ended took {part} of the tokens that they would "
        "have taken as runs from the first step"
    )
    if tokens.one_branch is not None:
        words += f"; a branch costs {percent(round(tokens.one_branch, 3))} of a run on average"
    return [words + "."]


def _incomplete(verdict: Verdict) -> list[str]:
    words = []
    if verdict.missing:
        words.append(
            f"{len(verdict.missing)} of {verdict.num_planned} branches have not ended: what is said here may "
            "change."
        )
    if verdict.not_numbers:
        words.append(f"No number was measured for {', '.join(verdict.not_numbers)}: left out.")
    return words


def _pareto(verdict: Verdict) -> str:
    pareto = verdict.duration.pareto
    if not pareto:
        return "The base mix beats every duration in both scores."
    if len(pareto) == sum(row.kind == "upsampled" for row in verdict.gains):
        return "More of one score is always less of the other: no duration beats another in both."
    return f"No duration beats {_listed(pareto)} in both scores."


def _moved(gain: Estimate) -> str:
    """A gain is a loss that falls."""
    way = "falls" if gain.mean >= 0 else "rises"
    if gain.low is None or gain.high is None:
        return f"{way} by {abs(gain.mean):.3f}"
    ends = (gain.low, gain.high) if gain.mean >= 0 else (-gain.high, -gain.low)
    return f"{way} by {abs(gain.mean):.3f} (95 % interval {_plain(ends[0])} to {_plain(ends[1])})"


def _interval(one: Estimate) -> str:
    return "" if one.low is None or one.high is None else f", {signed(one.low)} to {signed(one.high)}"


def _plain(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _listed(durations: Sequence[float]) -> str:
    words = [percent(duration) for duration in durations]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
