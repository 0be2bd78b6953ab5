"""nnlab's colours: a dark or a light ground, and two colours that carry meaning.

Training is blue and test is amber everywhere. All are strong enough to stay apart when a terminal
rounds them to sixteen colours; without colour, line styles, letters and words say the same. Two of
the palettes are made for eyes that tell red and green apart badly:

- Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/
- Paul Tol, "Colour Schemes" (SRON/EPS/TN/09-002, 2021): light on dark, vibrant on light

The screens have them as Textual's themes (theme.py); what is drawn for commands and screens alike
asks `palette()`. Tables of the commands keep the terminal's own green, yellow and red.
"""

from dataclasses import dataclass
from functools import cache


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
    meter: str  # bars and histograms: calm, and neither training nor test


DARK = Ground(
    *(True, "#101216", "#171a20", "#1d2129", "#d8dee9", "#8b95a5", "#3d4552", "#2b313b"),
    meter="#87afd7",
)
LIGHT = Ground(
    *(False, "#fbfbfc", "#f1f3f6", "#e5e9ef", "#1c2430", "#5a6573", "#a9b2bf", "#d3d9e1"),
    meter="#5f87af",
)


@dataclass(frozen=True)
class Palette:
    """Colours under one name."""

    name: str
    ground: Ground
    success: str
    warning: str
    error: str
    runs: tuple[str, ...]  # of runs laid over each other; letters say which is which

    @property
    def meter(self) -> str:
        return self.ground.meter

    @property
    def train(self) -> str:
        return self.runs[0]

    @property
    def test(self) -> str:
        return self.runs[1]


PALETTES = {
    palette.name: palette
    for palette in (
        Palette(
            *("nnlab", DARK, "#5fd787", "#ffd75f", "#ff5f6d"),
            ("#5fafff", "#ffaf5f", "#5fd787", "#ff87d7", "#ffd75f", "#af87ff"),
        ),
        Palette(
            *("nnlab-light", LIGHT, "#1a7f37", "#8a6100", "#c4202f"),
            ("#0060c0", "#b35400", "#1a7f37", "#b0308f", "#8a6d00", "#6639ba"),
        ),
        Palette(
            *("okabe-ito", DARK, "#009e73", "#f0e442", "#d55e00"),
            ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00"),
        ),
        Palette(
            *("okabe-ito-light", LIGHT, "#009e73", "#b07900", "#d55e00"),
            ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07900", "#000000"),
        ),
        Palette(
            *("tol", DARK, "#44bb99", "#eedd88", "#ee8866"),
            ("#77aadd", "#ee8866", "#44bb99", "#ffaabb", "#eedd88", "#bbcc33"),
        ),
        Palette(
            *("tol-light", LIGHT, "#009988", "#b35400", "#cc3311"),
            ("#0077bb", "#cc3311", "#009988", "#ee3377", "#b35400", "#000000"),
        ),
    )
}
DEFAULT = "nnlab"

_shown: list[str] = []  # the name of the one that an app of this process shows, if there is one


def palette() -> Palette:
    """The colours of the screens: of an app of this process, else of the last one."""
    return PALETTES[_shown[0]] if _shown else _kept()


def show(name: str) -> None:
    """Draw in these colours from now on."""
    _shown[:] = [name]


@cache
def _kept() -> Palette:
    from tui.kept import kept

    return PALETTES.get(kept().theme, PALETTES[DEFAULT])
