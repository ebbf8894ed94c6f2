"""Heat maps of the images: the objects of a batch at once are those of each sample."""
from __future__ import annotations

import torch

from sparsefusion.camera_targets import image_heat_target
from sparsefusion.view_objects import ViewObjects

SHAPES = [(16, 32), (8, 16), (4, 8), (2, 4)]


def objects(seed: int, count: int) -> ViewObjects:
    random = torch.Generator().manual_seed(seed)
    pixels = torch.rand(count, 2, generator=random) * torch.tensor([128.0, 64.0])
    size = torch.rand(count, 2, generator=random) * 400
    size[::4] = 0  # not seen in its image
    return ViewObjects(torch.arange(count), torch.randint(2, (count,), generator=random),
                       torch.randint(3, (count,), generator=random), pixels,
                       torch.ones(count), size, torch.zeros(count, 9))


def test_a_batch_is_its_samples():
    batch = [objects(0, 12), objects(1, 0), objects(2, 5)]
    together = image_heat_target(batch, SHAPES, views=2, num_classes=3)
    assert together.shape == (3, 3, 2, sum(height * width for height, width in SHAPES))
    for number, sample in enumerate(batch):
        alone, = image_heat_target([sample], SHAPES, views=2, num_classes=3)
        assert torch.equal(together[number], alone)
        drawn = int((sample.size_2d > 0).all(1).sum())
        assert min(drawn, 1) <= int((alone == 1).sum()) <= drawn
    assert together[0].any() and not together[1].any()
