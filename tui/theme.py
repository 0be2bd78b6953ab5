"""The palettes as themes of Textual."""

from textual.color import Color
from textual.theme import Theme

from tui.palette import DEFAULT, PALETTES, Palette


def _theme(palette: Palette) -> Theme:
    ground, train, test = palette.ground, palette.train, palette.test
    raw = Color.parse(ground.background).blend(Color.parse(train), 0.4).hex
    return Theme(
        name=palette.name,
        primary=train,
        secondary=train,
        accent=test,
        success=palette.success,
        warning=palette.warning,
        error=palette.error,
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
            **{f"run-{number}": color for number, color in enumerate(palette.runs)},
            "footer-background": ground.panel,
            "footer-key-foreground": test,
            "footer-description-foreground": ground.foreground,
            "block-cursor-background": train,
            "block-cursor-foreground": ground.background,
            "border": train,
        },
    )


THEMES = {name: _theme(palette) for name, palette in PALETTES.items()}
NNLAB_THEME = THEMES[DEFAULT]
