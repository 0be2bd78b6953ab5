"""The loss, the quantity that training makes smaller."""

from tui.charts import CHARTS
from tui.widgets.curve_pane import CurvePane


class LossPane(CurvePane):
    """The mean loss of each report, and of the test part after each epoch."""

    chart = CHARTS["loss"]
