import pytest

from core.summary import summarize_named
from tui.layer_tree import count, tree_of, tree_of_names


def names(nodes):
    return [(n.name, names(n.children)) if n.children else n.name for n in nodes]


def test_modules_stand_around_their_layers_in_the_order_of_their_calls():
    nodes = tree_of(summarize_named("resnet18"))
    assert [n.label for n in nodes][:5] == ["conv", "bn", "relu", "pool", "block1"]
    first, second = nodes[4].children
    assert (first.name, first.label) == ("block1.residual1", "residual1")
    assert [n.label for n in first.children[:3]] == ["conv1", "bn1", "relu1"]
    assert nodes[4].row.params == sum(n.row.params for n in (first, second))


@pytest.mark.parametrize("model", ["lenet", "resnet18", "googlenet", "densenet"])
def test_no_layer_is_lost_and_none_is_there_twice(model):
    summary = summarize_named(model)
    nodes = tree_of(summary)
    leaves = []

    def collect(nodes):
        for node in nodes:
            leaves.extend([] if node.children else [node.row])
            collect(node.children)

    collect(nodes)
    assert sorted(r.name for r in leaves) == sorted(r.name for r in summary.rows())
    assert sum(row.params for row in leaves) == summary.total_params


def test_names_alone_make_a_tree_too():
    nodes = tree_of_names(["stem", "block.conv", "block.norm", "fc", "block.relu"])
    assert names(nodes) == ["stem", ("block", ["block.conv", "block.norm", "block.relu"]), "fc"]
    assert count(nodes) == 6
    assert [n.name for n in tree_of_names([""])] == [""]
