import pytest

from core.world import ALONE, Part, World


def parts(count: int, size: int) -> list[Part]:
    return [World(rank, size).part(count) for rank in range(size)]


def test_alone_is_everything():
    assert World.from_environment({}) == ALONE
    assert ALONE.part(1) == Part(slice(0, 1), 1.0, False, True)
    assert ALONE.part(64) == Part(slice(0, 64), 1.0, False, True)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [16, 17, 23, 64, 100])
def test_slices_cover_a_batch_and_their_weighted_means_average_to_its_own(count, size):
    found = parts(count, size)
    assert [i for part in found for i in range(count)[part.chosen]] == list(range(count))
    losses = [float(i * i) for i in range(count)]
    means = [sum(losses[p.chosen]) / len(losses[p.chosen]) for p in found]
    averaged = sum(p.weight * mean for p, mean in zip(found, means, strict=True)) / size
    assert averaged == pytest.approx(sum(losses) / count)


def test_a_tail_too_small_to_share_is_computed_by_all_and_counted_once():
    # Of 3 images on 2 processes, one would get a single image: no statistics to normalise by.
    whole, left, right = slice(0, 3), slice(0, 2), slice(2, 4)
    assert parts(3, 2) == [Part(whole, 1.0, False, True), Part(whole, 1.0, False, False)]
    assert parts(4, 2) == [Part(left, 1.0, True, True), Part(right, 1.0, True, True)]


def test_torchrun_says_who_is_who():
    told = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert World.from_environment(told) == World(5, 8, 1, 4, launched=True)
    again = told | {"TORCHELASTIC_RESTART_COUNT": "2"}
    assert World.from_environment(again).restarts == 2


@pytest.mark.parametrize(
    "told", [{"RANK": "2", "WORLD_SIZE": "2"}, {"WORLD_SIZE": "0"}, {"RANK": "first"}]
)
def test_a_place_that_cannot_be_is_refused(told):
    with pytest.raises(ValueError, match=r"place|invalid literal"):
        World.from_environment(told)
