import dataclasses
from pathlib import Path

import pytest

from core.config import RunConfig
from core.errors import ConfigError
from core.notes import Notes
from core.run_fields import ALIASES, FIELDS, find_field, sort_runs
from core.runs import RunInfo


def runs(**values):
    """Runs a, b, c, ... with these values of one fact."""
    [(fact, of_each)] = values.items()
    names = "abcdefgh"
    return [
        RunInfo(n, Path(n), "finished", **{fact: v}) for n, v in zip(names, of_each, strict=False)
    ]


def names(found):
    return "".join(run.name for run in found)


def test_every_setting_is_a_field_and_every_alias_leads_to_one():
    assert set(RunConfig.model_fields) <= set(FIELDS)
    assert set(ALIASES.values()) <= set(FIELDS)


@pytest.mark.parametrize(
    ("name", "field"),
    [("acc", "score"), ("BEST", "score"), ("batch-size", "batch_size"), ("age", "started")],
)
def test_a_field_has_the_names_that_people_type(name, field):
    assert find_field(name).name == field


def test_an_unknown_field_is_one_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="Did you mean 'momentum'"):
        find_field("momentun")
    with pytest.raises(ConfigError, match="every setting"):
        find_field("§")


def test_what_is_not_known_comes_last_whichever_way():
    found = runs(best_test_score=[0.5, None, 0.9, float("nan"), 0.7])
    assert names(sort_runs(found, FIELDS["score"])) == "aecbd"
    assert names(sort_runs(found, FIELDS["score"], reverse=True)) == "ceabd"


def test_equal_runs_are_sorted_by_name_and_text_whatever_its_case():
    found = runs(model=["mlp", "Lenet", "lenet", "alexnet"])
    assert names(sort_runs(reversed(found), FIELDS["model"])) == "dbca"


def test_groups_come_before_the_order_within_them():
    found = [
        dataclasses.replace(run, state=state)
        for run, state in zip(
            runs(best_test_score=[0.1, 0.2, 0.3, 0.4]), ["x", "y", "x", "y"], strict=True
        )
    ]
    assert names(sort_runs(found, FIELDS["score"], reverse=True, group=FIELDS["state"])) == "cadb"


def test_tags_can_be_sorted_by():
    found = [
        RunInfo(n, Path(n), "finished", notes=Notes(tags))
        for n, tags in (("a", ()), ("b", ("z",)), ("c", ("good", "z")))
    ]
    assert names(sort_runs(found, FIELDS["tag"])) == "cba"
