"""The loss, the quantity that training makes smaller."""

from collections.abc import Sequence

from core.view import RunView
from tui.widgets.curve_pane import CurvePane


class LossPane(CurvePane):
    """The mean loss of each report, and of the test part after each epoch."""

    quantity = "loss"
    marks_above = True  # the curve ends at the bottom

    def train_values(self, view: RunView) -> Sequence[float]:
        return [report.loss for report in view.reports]

    def test_values(self, view: RunView) -> Sequence[float]:
        return [end.test_loss for end in view.epoch_ends]

    def remark(self, view: RunView) -> str:
        words = [f"smoothing {self.smoothing:g}"] if self.smoothing else []
        words += ["log scale"] if self.y_log else []
        return " · ".join(words)
