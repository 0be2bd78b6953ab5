"""nnlab's colours: a dark ground, light text, and two colours that carry meaning, blue and amber.

Training is blue and test is amber everywhere. All are bright enough to stay apart when a terminal
rounds them to sixteen colours; without colour, line styles and words say the same.
"""

from textual.theme import Theme

NNLAB_THEME = Theme(
    name="nnlab",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#ffaf5f",
    success="#5fd787",
    warning="#ffd75f",
    error="#ff5f6d",
    foreground="#d8dee9",
    background="#101216",
    surface="#171a20",
    panel="#1d2129",
    dark=True,
    variables={
        "foreground-muted": "#8b95a5",
        "panel-border": "#3d4552",
        "curve-train": "#5fafff",
        "curve-raw": "#2f557d",
        "curve-test": "#ffaf5f",
        "curve-grid": "#2b313b",
        # Runs laid over each other; the letters on the curves say which is which as well.
        **{"run-0": "#5fafff", "run-1": "#ffaf5f", "run-2": "#5fd787"},
        **{"run-3": "#ff87d7", "run-4": "#ffd75f", "run-5": "#af87ff"},
        "footer-background": "#1d2129",
        "footer-key-foreground": "#ffaf5f",
        "footer-description-foreground": "#d8dee9",
        "block-cursor-background": "#5fafff",
        "block-cursor-foreground": "#101216",
        "border": "#5fafff",
    },
)
