"""nnlab's colours: a dark or a light ground, and two colours that carry meaning.

Training is blue and test is amber everywhere. All are strong enough to stay apart when a terminal
rounds them to sixteen colours; without colour, line styles, letters and words say the same. Two of
the palettes are made for eyes that tell red and green apart badly:

- Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/
- Paul Tol, "Colour Schemes" (SRON/EPS/TN/09-002, 2021): light on dark, vibrant on light
"""

from dataclasses import dataclass

from textual.color import Color
from textual.theme import Theme


@dataclass(frozen=True)
class Ground:
    """What is drawn upon, and in which colour where none carries meaning."""

    dark: bool
    background: str
    surface: str
    panel: str
    foreground: str
    muted: str
    border: str
    grid: str


DARK = Ground(True, "#101216", "#171a20", "#1d2129", "#d8dee9", "#8b95a5", "#3d4552", "#2b313b")
LIGHT = Ground(False, "#fbfbfc", "#f1f3f6", "#e5e9ef", "#1c2430", "#5a6573", "#a9b2bf", "#d3d9e1")


def _theme(name: str, ground: Ground, states: tuple[str, str, str], *runs: str) -> Theme:
    """`states` are success, warning and error, `runs` the colours of runs laid over each other.

    The first two of those are training and test; letters on the curves say which run is which.
    """
    train, test = runs[:2]
    raw = Color.parse(ground.background).blend(Color.parse(train), 0.4).hex
    return Theme(
        name=name,
        primary=train,
        secondary=train,
        accent=test,
        success=states[0],
        warning=states[1],
        error=states[2],
        foreground=ground.foreground,
        background=ground.background,
        surface=ground.surface,
        panel=ground.panel,
        dark=ground.dark,
        variables={
            "foreground-muted": ground.muted,
            "panel-border": ground.border,
            "curve-train": train,
            "curve-raw": raw,
            "curve-test": test,
            "curve-grid": ground.grid,
            **{f"run-{number}": color for number, color in enumerate(runs)},
            "footer-background": ground.panel,
            "footer-key-foreground": test,
            "footer-description-foreground": ground.foreground,
            "block-cursor-background": train,
            "block-cursor-foreground": ground.background,
            "border": train,
        },
    )


NNLAB_THEME = _theme(
    "nnlab",
    DARK,
    ("#5fd787", "#ffd75f", "#ff5f6d"),
    *("#5fafff", "#ffaf5f", "#5fd787", "#ff87d7", "#ffd75f", "#af87ff"),
)
THEMES = {
    theme.name: theme
    for theme in (
        NNLAB_THEME,
        _theme(
            "nnlab-light",
            LIGHT,
            ("#1a7f37", "#8a6100", "#c4202f"),
            *("#0060c0", "#b35400", "#1a7f37", "#b0308f", "#8a6d00", "#6639ba"),
        ),
        _theme(
            "okabe-ito",
            DARK,
            ("#009e73", "#f0e442", "#d55e00"),
            *("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00"),
        ),
        _theme(
            "okabe-ito-light",
            LIGHT,
            ("#009e73", "#b07900", "#d55e00"),
            *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07900", "#000000"),
        ),
        _theme(
            "tol",
            DARK,
            ("#44bb99", "#eedd88", "#ee8866"),
            *("#77aadd", "#ee8866", "#44bb99", "#ffaabb", "#eedd88", "#bbcc33"),
        ),
        _theme(
            "tol-light",
            LIGHT,
            ("#009988", "#b35400", "#cc3311"),
            *("#0077bb", "#cc3311", "#009988", "#ee3377", "#b35400", "#000000"),
        ),
    )
}
