import pytest
from lab import Lab
from sample_run import WHOLE_RUN
from textual.color import Color

from tui.kept import keep_theme, kept
from tui.meters import Series
from tui.palette import PALETTES, _kept, palette
from tui.theme import NNLAB_THEME, THEMES


@pytest.mark.parametrize("name", THEMES)
def test_text_and_curves_can_be_told_from_the_ground(name):
    theme = THEMES[name]
    ground = Color.parse(theme.background)

    def contrast(color: str) -> float:
        """As WCAG 2.2 has it, from 1 to 21."""
        return _ratio(Color.parse(color), ground)

    assert contrast(theme.foreground) > 10
    assert contrast(theme.variables["foreground-muted"]) > 4.5
    assert contrast(PALETTES[name].meter) > 2.5
    for number in range(6):
        assert contrast(theme.variables[f"run-{number}"]) > 2.5


def _ratio(a: Color, b: Color) -> float:
    bright, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    parts = [((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_every_theme_has_the_same_variables():
    assert {frozenset(theme.variables) for theme in THEMES.values()} == {
        frozenset(NNLAB_THEME.variables)
    }


async def test_a_theme_is_chosen_among_ours_and_there_the_next_time():
    app = Lab(lambda: WHOLE_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        assert set(app.available_themes) == set(THEMES)
        assert app.theme == "nnlab"
        for name in (*THEMES, "okabe-ito-light"):
            app.theme = name
            await pilot.pause()
        await app.run_is_over()
        assert palette().name == "okabe-ito-light"
    assert kept().theme == "okabe-ito-light"
    assert Lab(lambda: WHOLE_RUN).theme == "okabe-ito-light"


@pytest.mark.parametrize(("chosen", "used"), [("tol-light", "tol-light"), ("gone", "nnlab")])
def test_commands_draw_in_the_colours_that_were_chosen_on_the_screen(chosen, used, monkeypatch):
    monkeypatch.setattr("tui.palette._shown", [])  # as in a process without an app
    _kept.cache_clear()
    keep_theme(chosen)
    assert palette().name == used
    [series] = Series([0.5], 0.5).tall(4, 1)
    assert series.style == PALETTES[used].meter
    _kept.cache_clear()
