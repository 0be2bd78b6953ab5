import pytest
from textual import on
from textual.app import App
from textual.widgets import Input, OptionList, Static

from core.datasets import Availability
from core.models import MODELS
from tui.theme import NNLAB_THEME
from tui.widgets.data_list import DataList, data_choices, is_path
from tui.widgets.network_list import NetworkList, network_choices
from tui.widgets.picker import Choice, Picker


class PickerApp(App):
    CHOICES = (
        Choice("red", "1", "The colour of roses."),
        Choice("green", "2", "The colour of grass."),
        Choice("grey", "3", "[/b]\x1b[31m"),
    )

    def __init__(self):
        super().__init__()
        self.register_theme(NNLAB_THEME)
        self.theme = NNLAB_THEME.name
        self.picked = []

    def compose(self):
        yield Picker(
            "colour", self.CHOICES, "green", hint="search", is_own=lambda text: text.startswith("#")
        )

    @on(Picker.Picked)
    def note(self, message):
        self.picked.append(message.value)

    @property
    def picker(self):
        return self.query_one(Picker)

    @property
    def about(self):
        return str(self.query_one(".about", Static).render())


@pytest.fixture
def app():
    return PickerApp()


async def test_the_first_value_is_highlighted_and_nothing_is_posted(app):
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.query_one(OptionList).highlighted == 1
        assert app.about == "The colour of grass."
        assert app.picked == []


async def test_the_arrow_keys_pick(app):
    async with app.run_test() as pilot:
        app.query_one(OptionList).focus()
        await pilot.press("up")
        assert app.about == "The colour of roses."
        await pilot.press("down", "down")
        assert app.picked == ["red", "green", "grey"]
        assert "\x1b" not in app.about
        assert "[/b]" in app.about


async def test_a_click_picks(app):
    async with app.run_test() as pilot:
        await pilot.click(OptionList, offset=(3, 0))
        assert app.picked == ["red"]


async def test_typing_keeps_what_is_picked_while_it_still_fits(app):
    async with app.run_test() as pilot:
        app.query_one(Input).focus()
        await pilot.press("g", "r", "e")
        assert app.query_one(OptionList).option_count == 2
        assert app.picked == []
        await pilot.press("y")
        assert app.picked == ["grey"]
        await pilot.press("escape")
        assert app.query_one(OptionList).option_count == 3
        assert app.picker.value == "grey"


async def test_what_fits_nothing_is_itself_picked_so_that_it_can_be_explained(app):
    async with app.run_test() as pilot:
        app.query_one(Input).focus()
        await pilot.press("x")
        assert app.picker.value == "x"
        app.picker.problem = "There is no colour called x."
        assert app.about == "There is no colour called x."


async def test_ones_own_stays_in_the_list_after_leaving_the_line(app):
    async with app.run_test() as pilot:
        app.query_one(Input).focus()
        await pilot.press(*"#12", "escape")
        assert app.query_one(OptionList).option_count == 4
        assert app.picker.value == "#12"
        await pilot.press("end")
        assert app.picker.value == "grey"


async def test_new_facts_leave_the_pick_alone(app):
    async with app.run_test() as pilot:
        app.picker.choices = tuple(Choice(c.name, "new") for c in app.CHOICES)
        await pilot.pause()
        assert app.picker.value == "green"
        assert app.query_one(OptionList).highlighted == 1
        assert app.picked == []


async def test_picking_by_program_posts_like_a_key_does(app):
    async with app.run_test() as pilot:
        app.picker.pick("grey")
        await pilot.pause()
        assert app.picked == ["grey"]
        assert app.query_one(OptionList).highlighted == 2


def test_every_network_is_a_choice_with_its_sentence():
    choices = network_choices({"lenet": 61_706})
    assert [c.name for c in choices] == list(MODELS)
    assert all(c.about for c in choices)
    assert {c.name: c.note for c in choices if c.note} == {"lenet": "61.7 K"}
    assert NetworkList("lenet").is_own("net.py:MyNet")
    assert not NetworkList("lenet").is_own("net")


def test_data_sets_say_whether_they_have_to_be_downloaded():
    found = {
        "fashion-mini": Availability("built-in", 0, None),
        "mnist": Availability("to download", 11_594_722, None),
    }
    notes = {c.name: c.note for c in data_choices(found)}
    assert notes["fashion-mini"] == "built-in"
    assert notes["mnist"] == "↓ 11.1 MiB"
    assert notes["cifar10"] == ""
    assert next(iter(notes)) == "fashion-mini"  # what needs no download comes first
    assert DataList("mnist").is_own("some/folder")


@pytest.mark.parametrize(
    ("text", "folder"),
    [("mnist", False), ("my/images", True), ("~/x", True), ("..", True), ("", False)],
)
def test_a_path_separator_makes_a_folder(text, folder):
    assert is_path(text) is folder


@pytest.mark.parametrize(
    ("begin", "text", "meant"),
    [
        ("mlp", "lenet", "lenet"),
        ("googlenet", "lenet", "lenet"),  # not googlenet, in which it is too
        ("lenet_bn", "lenet", "lenet"),
        ("lenet_bn", "lenet_", "lenet_bn"),
        ("mlp", "gle", "googlenet"),
        ("mlp", "LeNet", "lenet"),
    ],
)
async def test_a_name_that_is_typed_is_meant_before_one_that_has_it_inside(begin, text, meant):
    class Networks(PickerApp):
        def compose(self):
            yield NetworkList(begin)

    app = Networks()
    async with app.run_test() as pilot:
        app.query_one(Input).value = text
        await pilot.pause()
        assert app.picker.value == meant
        options = app.query_one(OptionList)
        assert app.picker._shown()[options.highlighted].name == meant
