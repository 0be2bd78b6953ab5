import torch
from torch import nn
from torch.nn import functional as F

from core.threads import choose_threads


def test_choosing_threads_leaves_weights_random_state_and_setting_alone():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Dropout())
    before = {k: v.clone() for k, v in model.state_dict().items()}
    images, labels = torch.rand(8, 1, 4, 4), torch.zeros(8, dtype=torch.int64)
    random, threads = torch.get_rng_state(), torch.get_num_threads()

    chosen, why = choose_threads(model, images, labels, F.cross_entropy)

    assert 1 <= chosen <= threads
    assert str(chosen) in why
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
