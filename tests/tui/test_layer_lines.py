from dataclasses import replace

import pytest
from rich.cells import cell_len
from torch import nn

from core.summary import Summary, summarize, summarize_named
from tui.layer_lines import layer_lines, markdown, total_lines


@pytest.fixture(scope="module")
def lenet() -> Summary:
    return summarize_named("lenet", batch_size=100)


@pytest.fixture(scope="module")
def resnet() -> Summary:
    return summarize_named("resnet18")


def test_eighty_columns_show_what_the_notes_print_and_more(lenet):
    lines = layer_lines(lenet, 80)
    assert lines[0].split() == "layer kind output kernel params share MACs memory field".split()
    assert lines[1].split() == "conv1 Conv2d 6×28×28 5×5 156 0.3 % 118 K 1.8 MiB 5".split()
    assert lines[2].split() == "sigmoid1 Sigmoid 6×28×28 · · · · 1.8 MiB 5".split()
    assert len(lines) == 13


def test_without_a_limit_nothing_is_left_out(lenet):
    titles = "layer kind input output kernel params share MACs memory field"
    assert layer_lines(lenet, None)[0].split() == titles.split()
    assert layer_lines(lenet, 200) == layer_lines(lenet, None)


@pytest.mark.parametrize("depth", [1, None])
@pytest.mark.parametrize("width", [1, 7, 8, 20, 40, 60, 79, 80, 100, 120])
def test_no_line_is_wider_than_there_is_room(resnet, width, depth):
    lines = layer_lines(resnet, width, depth) + total_lines(resnet, width)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) > len(resnet.rows(depth))


def test_columns_that_stay_keep_their_place_in_all_lines(resnet):
    for width in (50, 80, 120):
        lines = layer_lines(resnet, width)
        end = lines[0].index("output") + len("output")
        assert all(line[end - 1] not in " ×" and line[end : end + 2].isspace() for line in lines)


def test_a_long_name_keeps_its_end(resnet):
    lines = layer_lines(resnet, 50)
    assert any(line.startswith("…") and line.split()[0].endswith(".conv2") for line in lines)
    assert "kind" in lines[0]


def test_what_is_shared_called_again_and_never_called_is_said():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(16, 16)
            self.tied = nn.Linear(16, 16, bias=False)
            self.tied.weight = self.fc.weight
            self.unused = nn.Linear(2, 2)

        def forward(self, x):
            return self.tied(self.fc(self.fc(x.flatten(1))))

    lines = layer_lines(summarize(Net(), (1, 4, 4)), None)
    assert lines[1].startswith("fc ×2")
    assert "shared" in lines[2]
    assert "not called" in lines[3]


def test_text_of_a_users_network_cannot_command_the_terminal(lenet):
    model = nn.Sequential()
    model.add_module("\x1b[2Jconv|", nn.Flatten())
    summary = replace(summarize(model, (1, 4, 4)), notes=("\x1b]0;title\x07",))
    text = "\n".join([*layer_lines(summary, 80), *total_lines(summary, 80), markdown(summary)])
    assert "\x1b" not in text
    assert "\x07" not in text


def test_totals_are_broken_between_facts(lenet):
    assert total_lines(lenet, 80) == [
        "61,706 parameters · 417 K MACs · receptive field 16 px · model 241 KiB",
        "at batch 100: forward 3.4 MiB · backward 3.8 MiB",
    ]
    assert total_lines(lenet, 30)[0] == "61,706 parameters · 417 K MACs"


def test_frozen_parameters_are_told(lenet):
    frozen = replace(lenet, trainable_params=1706, frozen_params=60_000)
    assert total_lines(frozen, None)[0].startswith("61,706 parameters (60,000 frozen) · ")


def test_markdown_is_a_table_with_a_row_per_layer(lenet):
    lines = markdown(lenet).splitlines()
    assert lines[0].startswith("| layer | kind | input |")
    assert lines[1].startswith("| --- | --- | ---: |")
    assert lines[2].startswith("| conv1 | Conv2d | 1×28×28 | 6×28×28 | 5×5 | 156 |")
    assert {line.count("|") for line in lines[:14]} == {11}
    assert lines[-1].startswith("61,706 parameters")
