"""Chart geometry of an evaluation report; `templates/chart.svg` renders it.

A chart is `WIDTH` by `HEIGHT` units, its origin at the top left. The x axis runs left to right in both languages.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from index.articles import Language
from qa.evaluation.calibration import Bin, RiskCoveragePoint
from qa.evaluation.metrics import Record
from ui.i18n import translate

WIDTH, HEIGHT = 400, 290
LEFT, RIGHT, TOP, BOTTOM = 46, 388, 14, 240
TIMES = ("short_answer", "first_token", "total")
_MIN_SHARE = 0.1
"""Minimum share of the questions that must have a time for its curve to be drawn."""
_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_SECONDS = tuple(digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5))
_MAX_LABELS = 6
_NAMED_THRESHOLDS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
_MIN_LABEL_DISTANCE = 44
"""Minimum distance in units between two labels of a curve, so that they do not touch."""


@dataclass(frozen=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    """A point of a curve; `note` is its tooltip, `label` is written below it."""

    x: float
    y: float
    radius: float
    note: str
    label: str = ""


@dataclass(frozen=True)
class Series:
    """A curve: an SVG path, and the name of its style."""

    path: str
    style: str


@dataclass(frozen=True)
class Chart:
    """A chart. `about` is its text description."""

    about: str
    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Series, ...]
    dots: tuple[Dot, ...] = ()


@dataclass(frozen=True)
class Times:
    """The times of one step in milliseconds, sorted."""

    name: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def quantile(self, share: float) -> float:
        """Return the time that this share of the questions did not exceed."""
        return self.values[min(len(self.values) - 1, int(share * len(self.values)))]


def reliability_chart(bins: Sequence[Bin], language: Language) -> Chart | None:
    """Plot confidence against the share of right answers; dot area is the number of answers. `None` without answers."""
    if not bins:
        return None
    max_count = max(bin.count for bin in bins)
    dots = tuple(
        Dot(
            _x(bin.confidence),
            _y(bin.right),
            3 + 7 * math.sqrt(bin.count / max_count),
            translate(
                "report.chart.bin",
                language,
                count=bin.count,
                confidence=f"{bin.confidence:.2f}",
                right=f"{bin.right:.2f}",
            ),
        )
        for bin in bins
    )
    ideal = Series(_line_path([(_x(0), _y(0)), (_x(1), _y(1))]), "ideal")
    return Chart(
        about=translate("report.chart.reliability_about", language),
        x_title=translate("report.chart.confidence", language),
        y_title=translate("report.chart.share_right", language),
        x_ticks=tuple(Tick(_x(share), f"{share:.1f}") for share in _FIFTHS),
        y_ticks=tuple(Tick(_y(share), f"{share:.1f}") for share in _FIFTHS),
        lines=(ideal, Series(_line_path([(dot.x, dot.y) for dot in dots]), "first")),
        dots=dots,
    )


def risk_chart(tradeoffs: Sequence[RiskCoveragePoint], language: Language) -> Chart | None:
    """Plot share of questions answered against share of answers wrong, by threshold. `None` without answers."""
    if not tradeoffs:
        return None
    # The first few answers are left out: one wrong among them could be a share of 1 and flatten the rest of the curve.
    steady = [tradeoff for tradeoff in tradeoffs if tradeoff.answered >= tradeoffs[-1].answered / 10]
    top = _round_above(max(tradeoff.wrong for tradeoff in steady))
    points = [(_x(tradeoff.answered), _y(tradeoff.wrong, top)) for tradeoff in steady]
    ticks = [step * top / 4 for step in range(5)]
    return Chart(
        about=translate("report.chart.risk_about", language),
        x_title=translate("report.chart.share_answered", language),
        y_title=translate("report.chart.share_wrong", language),
        x_ticks=tuple(Tick(_x(share), f"{share:.1f}") for share in _FIFTHS),
        y_ticks=tuple(Tick(_y(share, top), f"{share:.2f}".rstrip("0").rstrip(".")) for share in ticks),
        lines=(Series(_line_path(points), "first"),),
        dots=tuple(_threshold_dots(steady, top, language)),
    )


def times_of(records: Sequence[Record]) -> tuple[Times, ...]:
    """Return the times of the steps in `TIMES`, without those that fewer than `_MIN_SHARE` of the questions have."""
    times = []
    for name in TIMES:
        values = sorted(ms for record in records if (ms := record["timings_ms"].get(name)) is not None)
        if values and len(values) >= _MIN_SHARE * len(records):
            times.append(Times(name, tuple(values)))
    return tuple(times)


def times_chart(times: Sequence[Times], language: Language) -> Chart | None:
    """Plot the share of questions done after so many seconds, on a logarithmic axis. `None` without times."""
    values = [max(ms, 1.0) / 1000 for step in times for ms in step.values]
    if not values:
        return None
    low = max((second for second in _SECONDS if second <= min(values)), default=_SECONDS[0])
    high = min((second for second in _SECONDS if second >= max(values) and second > low), default=_SECONDS[-1])

    def x(seconds: float) -> float:
        return _x(math.log(min(max(seconds, low), high) / low) / math.log(high / low))

    visible = [second for second in _SECONDS if low <= second <= high]
    labelled = visible if len(visible) <= _MAX_LABELS else [s for s in visible if f"{s:e}".startswith("1")]
    return Chart(
        about=translate("report.chart.times_about", language),
        x_title=translate("report.chart.seconds", language),
        y_title=translate("report.chart.share_done", language),
        x_ticks=tuple(Tick(x(second), f"{second:g}") for second in labelled),
        y_ticks=tuple(Tick(_y(share), f"{share:.1f}") for share in _FIFTHS),
        lines=tuple(Series(_step_path([x(ms / 1000) for ms in step.values]), step.name) for step in times),
    )


def _threshold_dots(tradeoffs: Sequence[RiskCoveragePoint], top: float, language: Language) -> list[Dot]:
    """Return dots for the end of the curve (the threshold in use) and for the round thresholds that fit beside it."""
    dots: list[Dot] = []
    for threshold in (None, *reversed(_NAMED_THRESHOLDS)):
        reached = [tradeoff for tradeoff in tradeoffs if threshold is None or tradeoff.threshold >= threshold]
        if not reached:
            continue
        point = reached[-1]
        x, y = _x(point.answered), _y(point.wrong, top)
        if any(abs(x - dot.x) < _MIN_LABEL_DISTANCE for dot in dots):
            continue
        fields = {"answered": f"{point.answered:.2f}", "wrong": f"{point.wrong:.2f}"}
        note = translate("report.chart.threshold", language, threshold=f"{threshold or point.threshold:.2f}", **fields)
        dots.append(Dot(x, y, 4, note, "" if threshold is None else f"≥ {threshold:.1f}"))
    return dots


def _x(share: float) -> float:
    return round(LEFT + share * (RIGHT - LEFT), 1)


def _y(value: float, top: float = 1.0) -> float:
    return round(BOTTOM - value / top * (BOTTOM - TOP), 1)


def _line_path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in points)


def _step_path(positions: Sequence[float]) -> str:
    """Return the path of a cumulative curve: one step up at each of the sorted positions."""
    path = [f"M{positions[0]:g} {_y(0):g}"]
    for count, position in enumerate(positions, start=1):
        path.append(f"H{position:g}V{_y(count / len(positions)):g}")
    return "".join([*path, f"H{RIGHT}"])


def _round_above(value: float) -> float:
    """Round up to one of a few round numbers; never zero, as it becomes the top of an axis."""
    return next(top for top in (0.04, 0.08, 0.2, 0.4, 0.8, 1.0) if value <= top)
