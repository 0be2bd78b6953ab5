"""The score, the quantity that people ask for: accuracy, or R² where a number is predicted."""

from tui.charts import CHARTS
from tui.widgets.curve_pane import CurvePane


class ScorePane(CurvePane):
    """Accuracy or R²: of each report, and of the test part after each epoch."""

    chart = CHARTS["score"]
