import dataclasses
import time
from pathlib import Path

import pytest

from core.config import make_config
from core.errors import QueryError
from core.notes import Notes
from core.query import parse
from core.runs import RunInfo

NOW = 1_000_000.0
DAY = 86400


def run_with(name="brave-otter", settings=None, notes=None, **facts) -> RunInfo:
    values = {
        "state": "finished", "model": "resnet18", "data": "fashion-mini", "epoch": 3, "epochs": 5,
        "best_test_score": 0.93, "best_epoch": 2, "seconds": 90.0, "started": NOW - 3 * DAY,
        "device": "cuda:0",
    }  # fmt: skip
    config = make_config({"model": "resnet18", "lr": 0.05, "optimizer": "adam", **(settings or {})})
    return RunInfo(
        **{"name": name, "path": Path(name), "config": config, **values, **facts},
        notes=notes or Notes(),
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "   ", "otter", "OTTER", "br*er", "brave otter", '"otter"', '"brave-otter"'),
        *("name:brave-otter", "name~ave", "name:brave*", "name:b?ave-otter", 'name:"brave*"'),
        *("model:resnet*", "model:RESNET18", "model:mlp,resnet18", "model~net", "model=resnet18"),
        *("model!=mlp", "-model:mlp", "-data:mnist", "data:fashion*"),
        *("lr<0.1", "lr<=0.05", "lr>=0.05", "lr=0.05", "lr:5e-2", "lr!=0.1", "LR<0.1", "lr<inf"),
        *("acc>0.9", "score>0.9", "best>0.9", "accuracy>90%", "score<=93%"),
        *("state:finished", "state:finished,stopped", "-state:running"),
        *("epochs:5", "epoch<5", "took>1m", "took<2h", "took:90s", "took:90", "seconds>89"),
        *("started>2d", "started<1w", "age>48h", "batch_size:64", "batch-size:64"),
        "optimizer:adam",
        *("has:score", "-has:tag", "-has:note", "-has:archived", "-has:problem", "has:lr"),
        *("device:cuda*", "model:resnet* lr<0.1 acc>0.9 -data:mnist started>2d otter"),
    ],
)  # fmt: skip
def test_a_query_fits(text):
    assert parse(text).matches(run_with(), NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("heron", "-otter", "br?er", "name:otter", "brave heron", '"brave otter"'),
        *("model:resnet", "model:mlp,lenet", "-model:res*", "model!=resnet18", "model~[r]"),
        *("lr<0.05", "lr>0.05", "lr!=0.05", "lr:0.1", "acc>0.95", "best<50%"),
        *("state:running", "epochs:3", "took>2m", "started<2d", "started>1w"),
        *("has:tag", "has:note", "has:problem", "is:archived", "-has:score", "tag:good"),
        *("problem~nan", "otter model:mlp"),
    ],
)
def test_a_query_does_not_fit(text):
    assert not parse(text).matches(run_with(), NOW)


def test_tags_and_notes_can_be_asked_for():
    run = run_with(notes=Notes(("fast", "good"), "wider than it was", baseline=True))
    for text in (
        "tag:good",
        "tag:g*",
        "tag~oo",
        "tags:slow,fast",
        'note~"than it"',
        "has:baseline",
    ):
        assert parse(text).matches(run), text
    for text in ("tag:slow", "-has:tag", "note:wider"):
        assert not parse(text).matches(run), text


@pytest.mark.parametrize("state", ["preparing", "training", "evaluating", "paused", "stopping"])
def test_every_state_that_needs_a_process_is_running(state):
    assert parse("state:running").matches(run_with(state=state))
    assert parse(f"state:{state}").matches(run_with(state=state))


def test_what_is_not_known_fits_no_comparison_but_its_negation():
    run = run_with(best_test_score=None, started=0.0)
    for text in ("score>0.5", "score<=0.5", "score!=0.5", "started>1d", "started<1d"):
        assert not parse(text).matches(run, NOW), text
        assert parse(f"-{text}").matches(run, NOW), text
    assert not parse("score<2").matches(run_with(best_test_score=float("nan")))


def test_a_run_without_readable_settings_has_none():
    run = dataclasses.replace(run_with(), config=None)
    assert not parse("lr<1").matches(run)
    assert parse("model:resnet18").matches(run)  # run.json tells it as well


def test_before_it_has_begun_a_run_is_what_it_is_asked_to_do():
    run = run_with(model="", data="", epochs=0, settings={"epochs": 7})
    assert parse("model:resnet18 data:fashion-mini epochs:7").matches(run)


def test_a_path_is_known_by_its_end():
    run = run_with(model="/home/me/net.py:Net", data="/data/birds")
    assert parse("data:birds model:net.py:Net").matches(run)
    assert parse("data:/data/*").matches(run)


def test_archived_runs_are_selected_only_when_asked_for():
    runs = [run_with("a"), run_with("b", notes=Notes(archived=True))]
    assert [r.name for r in parse("").select(runs)] == ["a"]
    assert [r.name for r in parse("is:archived").select(runs)] == ["b"]
    assert [r.name for r in parse("archived:yes").select(runs)] == ["b"]
    assert [r.name for r in parse("-has:archived").select(runs)] == ["a"]


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("modle:mlp", 1, "Did you mean 'model'?"),
        ("otter  modle:mlp", 8, "'modle'"),
        ("-lrr<1", 2, "Did you mean 'lr'?"),
        ("has:tga", 5, "Did you mean 'tag'?"),
        ("lr<fast", 4, "'fast' is not a number"),
        ("lr<nan", 4, "'nan' is not a number"),
        ("lr<2d", 4, "'2d' is not a number"),
        ("started>soon", 9, "'soon' is not a duration"),
        ("lr<", 3, "nothing after lr<"),
        ("has:", 5, "no field ''"),
        ("otter -", 7, "nothing after the -"),
        ('""', 1, "nothing between the quotes"),
        ('x note:"two', 8, "not closed"),
        ("model<3", 6, "model is no number"),
        ("lr~3", 3, "lr is a number"),
        ("<3", 1, "does not say of which field"),
        ("\x1b[2J:x\x07", None, None),
        ("x" * 5000, 1000, "5000 characters"),
    ],
)
def test_a_query_that_cannot_be_understood_says_where(text, position, words):
    if position is None:
        assert not parse(text).matches(run_with())  # a strange name, which no run has
        return
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.position == position
    assert f"Character {position} of the query" in caught.value.problem
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["*" * 300 + "x", "name:" + "a*" * 200 + "b", "name:(a+)+$", "[", "]]", "\\", "a|b", "名前"],
)
def test_no_pattern_takes_long_or_is_more_than_a_pattern(text):
    query = parse(text)
    began = time.perf_counter()
    assert not query.matches(run_with("a" * 64))
    assert time.perf_counter() - began < 1
    literal = parse(f'"{text}"' if "*" not in text else "name~(a+)+$")
    assert literal.matches(run_with(text if "*" not in text else "(a+)+$"))
