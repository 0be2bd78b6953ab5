"""The accuracy, the quantity that people ask for."""

from collections.abc import Sequence

from core.view import RunView
from tui.widgets.curve_pane import CurvePane


class AccuracyPane(CurvePane):
    """Fraction of images told right: of each report, and of the test images after each epoch."""

    QUANTITY = "accuracy"
    Y_RANGE = (0.0, 1.0)
    LEAST_SPAN = 0.1

    def train_values(self, view: RunView) -> Sequence[float]:
        return [report.score for report in view.reports]

    def test_values(self, view: RunView) -> Sequence[float]:
        return [end.test_score for end in view.epoch_ends]

    def remark(self, view: RunView) -> str:
        best = view.best
        return f"best test {best.test_score:.4f} in epoch {best.epoch}" if best else ""
