"""The gate: what a model has to show before it becomes champion.

A number that was not measured passes no rule that limits it. A rule can be left open (accuracy from
0, FPIR up to 1); then the verdict says so, wherever it is shown, rather than nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.intervals import Interval

MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Limits:
    """What a school demands.

    Attributes:
        min_accuracy: identity accuracy of transactions, 0 to 1; 0 demands nothing.
        max_fpir: the largest rate at which strangers may be taken for somebody, 0 to 1, that the
            test leaves possible (its upper bound); 1 demands nothing.
        max_latency_ms: p50 of one image with the edge model on one thread.
        max_size_mb: of the edge model, in 10^6 bytes.
    """

    min_accuracy: float
    max_fpir: float
    max_latency_ms: float
    max_size_mb: float


@dataclass(frozen=True)
class Comparison:
    """The reigning champion beside the new model, on the same transactions.

    Attributes:
        version: of the champion; None where there is none.
        reason: why it cannot be compared; None where it was, or where there is no champion.
        curable: whether another run could compare it.
        transactions: that were compared.
        people: whose they are.
        excluded: transactions left out, as the champion learnt from their clips.
        champion: its identity accuracy on them.
        challenger: that of the new model.
        difference: champion minus challenger.
        interval: of the difference, by bootstrap over people.
    """

    version: str | None = None
    reason: str | None = None
    curable: bool = False
    transactions: int = 0
    people: int = 0
    excluded: int = 0
    champion: float | None = None
    challenger: float | None = None
    difference: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class Check:
    """One rule.

    Attributes:
        name: of the rule.
        limit: what is demanded; None where the rule is not about a number.
        value: what was measured; None where nothing was.
        passed: whether it is kept.
        sentence: both in words.
    """

    name: str
    limit: float | None
    value: float | None
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """All rules, and what has to be known besides.

    Attributes:
        checks: one a rule.
        warnings: rules that were left open or could not be applied.
        comparison: what the last rule is about.
    """

    checks: tuple[Check, ...]
    warnings: tuple[str, ...] = ()
    comparison: Comparison = field(default_factory=Comparison)

    @property
    def passed(self) -> bool:
        """Whether every rule is kept."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The rules that are broken."""
        return tuple(check for check in self.checks if not check.passed)

    def to_json(self) -> dict[str, Any]:
        """As gate.json has it."""
        return {"passed": self.passed, **asdict(self)}


def decide(
    metrics: Mapping[str, Any], audit: Mapping[str, Any], limits: Limits, comparison: Comparison
) -> Verdict:
    """Hold a model against the limits and the champion.

    Args:
        metrics: metrics.json of the model.
        audit: audit.json of the run.
        limits: what is demanded.
        comparison: how the reigning champion does.
    """
    open_set = metrics.get("transaction", {}).get("open_set") or {}
    size = metrics.get("size_bytes")
    checks = (
        _at_least(
            "accuracy",
            "identity accuracy of transactions",
            limits.min_accuracy,
            metrics.get("transaction", {}).get("identity_accuracy"),
        ),
        _fpir(limits.max_fpir, open_set.get("fpir_upper")),
        _at_most(
            "latency",
            "latency (p50) of the edge model in ms",
            limits.max_latency_ms,
            (metrics.get("latency_ms") or {}).get("p50"),
        ),
        _at_most(
            "size",
            "size of the edge model in MB",
            limits.max_size_mb,
            None if size is None else size / MEGABYTE,
        ),
        _negative_control(metrics.get("negative_control") or {}),
        _audit(audit),
        _champion(comparison),
    )
    return Verdict(checks, tuple(_warnings(limits, comparison)), comparison)


def _at_least(name: str, what: str, limit: float, value: float | None) -> Check:
    if value is None:
        return Check(name, limit, None, limit <= 0, f"{what}: not measured, at least {limit:g}")
    passed = value >= limit
    return Check(name, limit, value, passed, f"{what}: {value:.3f}, at least {limit:g}")


def _at_most(name: str, what: str, limit: float, value: float | None) -> Check:
    if value is None:
        return Check(name, limit, None, False, f"{what}: not measured, at most {limit:g}")
    return Check(name, limit, value, value <= limit, f"{what}: {value:.3f}, at most {limit:g}")


def _fpir(limit: float, upper: float | None) -> Check:
    what = "upper bound of FPIR (strangers taken for somebody), transactions"
    if upper is None and limit >= 1:
        return Check("fpir", limit, None, True, f"{what}: not measurable, and no limit was set")
    return _at_most("fpir", what, limit, upper)


def _negative_control(control: Mapping[str, Any]) -> Check:
    value, chance = control.get("identity_accuracy"), control.get("chance")
    passed = control.get("passed") is True
    if value is None or chance is None:
        sentence = "negative control: not measured"
    else:
        found = "as chance would" if passed else "which is not chance: labels leak into the score"
        sentence = f"negative control: trained on permuted labels, it scores {value:.3f}, {found}"
    return Check("negative_control", chance, value, passed, sentence)


def _audit(audit: Mapping[str, Any]) -> Check:
    checks = audit.get("checks") or {}
    broken = sum(int(count) for count in checks.values())
    protocol = audit.get("protocol") or {}
    leaks = protocol.get("leaks")
    if leaks is not False:
        why = "leaks" if leaks else "does not say whether it leaks"
        sentence = f"audit: the protocol {protocol.get('name')} {why}"
    elif not checks:
        sentence = "audit: nothing was checked"
    else:
        sentence = f"audit: {broken} findings in {len(checks)} checks"
    passed = leaks is False and bool(checks) and broken == 0
    return Check("audit", 0, float(broken), passed, sentence)


def _champion(comparison: Comparison) -> Check:
    """A champion that no run can compare does not block, or it would for ever; a warning says so.

    One that another run can compare does, until that run.
    """
    version, interval = comparison.version, comparison.interval
    if version is None:
        return Check("champion", 0, None, True, "champion: there is none")
    if interval is None:
        told = f"champion: version {version} cannot be compared: {comparison.reason}"
        return Check("champion", 0, None, not comparison.curable, told)
    low, high = interval
    better = "is better" if low > 0 else "is not better"
    sentence = (
        f"champion: version {version} {better}: {comparison.champion:.3f} against "
        f"{comparison.challenger:.3f}, difference {comparison.difference:+.3f} "
        f"({low:+.3f} to {high:+.3f}) on {comparison.transactions} transactions of "
        f"{comparison.people} people; {comparison.excluded} were left out, as it learnt from them"
    )
    return Check("champion", 0, low, low <= 0, sentence)


def _warnings(limits: Limits, comparison: Comparison) -> list[str]:
    warnings = []
    if limits.min_accuracy <= 0:
        warnings.append("no accuracy is demanded: set gate_min_accuracy")
    if limits.max_fpir >= 1:
        warnings.append(
            "no limit is set on strangers taken for somebody: set gate_max_fpir before it guards a "
            "door"
        )
    if comparison.version and comparison.interval is None:
        warnings.append(
            f"nobody knows whether it is better than the champion, version {comparison.version}: "
            f"{comparison.reason}"
        )
    return warnings
