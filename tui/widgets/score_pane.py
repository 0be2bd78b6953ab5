"""The score, the quantity that people ask for: accuracy, or R² where a number is predicted."""

from collections.abc import Sequence

from core.view import RunView
from tui.widgets.curve_pane import CurvePane


class ScorePane(CurvePane):
    """Accuracy or R²: of each report, and of the test part after each epoch."""

    quantity = "score"  # until the run says which
    least_span = 0.1

    def show(self, view: RunView) -> None:
        self.quantity = view.metric
        # R² has no lower end; below -1 it only says that training has not begun to work.
        self.y_range = (0.0 if view.metric == "accuracy" else -1.0, 1.0)
        super().show(view)

    def train_values(self, view: RunView) -> Sequence[float]:
        return [report.score for report in view.reports]

    def test_values(self, view: RunView) -> Sequence[float]:
        return [end.test_score for end in view.epoch_ends]

    def remark(self, view: RunView) -> str:
        best = view.best
        return f"best test {best.test_score:.4f} in epoch {best.epoch}" if best else ""
