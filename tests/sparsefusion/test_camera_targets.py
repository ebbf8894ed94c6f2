"""Heat maps of the images: the objects of a batch at once are those of each sample."""
from __future__ import annotations

import torch

from sparse3d.models.heads.transfusion_matching import MatchWeights
from sparsefusion.camera_targets import camera_codes, camera_targets, image_heat_target
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


CAR = [0.0, 1.0, 10.0, 4.0, 1.5, 2.0, 0.3, 0.0, 0.0]  # x, y, z, l, h, w, yaw, vx, vz: a camera's


def cars(views: list[int], sizes: list[float] | None = None) -> ViewObjects:
    count = len(views)
    boxes = torch.tensor([CAR] * count)
    boxes[:, 0] = torch.arange(count) * 5.0
    size = torch.tensor(sizes or [40.0] * count)[:, None].expand(-1, 2)
    return ViewObjects(torch.arange(count), torch.tensor(views), torch.zeros(count).long(),
                       torch.full((count, 2), 60.0), torch.full((count,), 10.0), size, boxes)


def outputs_of(centers: torch.Tensor) -> dict[str, torch.Tensor]:
    count = len(centers)
    return dict(dim_2d=torch.tensor([4.0, 1.5, 2.0]).log()[:, None].expand(-1, count),
                rot_2d=torch.tensor([0.3]).sin().repeat(2, count).index_fill(
                    0, torch.tensor([1]), torch.tensor(0.3).cos().item()),
                cls=torch.zeros(2, count))


def test_overlaps_count_from_the_middle_of_the_height():
    centers = torch.tensor([[0.0, 1.0 + 0.75, 10]])             # half its height lower: a third
    batched = {name: value[None] for name, value in outputs_of(centers).items()}
    targets = camera_targets(batched, centers[None], torch.tensor([[0]]), [cars([0])],
                             (64, 128), [100.0, 100.0], MatchWeights())
    torch.testing.assert_close(targets.ious, torch.tensor([[1 / 3]]))


def test_codes_by_hand_and_flat_boxes_are_finite():
    flat = cars([0])
    flat.boxes[0, 4] = 0.0
    codes = camera_codes(flat, (64, 128))[0]
    wanted = [60 / 128, 60 / 64, 10, *torch.tensor([4.0, 1e-3, 2.0]).log(),
              *(getattr(torch.tensor(0.3), name)() for name in ('sin', 'cos')), 0, 0]
    torch.testing.assert_close(codes, torch.tensor(wanted))


def test_an_object_as_large_as_the_limit_of_a_level_belongs_to_the_next():
    for size, level in ((47.9, 0), (48.0, 1), (95.9, 1), (96.0, 2), (192.0, 3), (4000.0, 3)):
        heat = image_heat_target([cars([0], [size])], SHAPES, views=1, num_classes=1)[0, 0, 0]
        ends = torch.tensor([height * width for height, width in SHAPES]).cumsum(0)
        assert int((ends <= heat.argmax()).sum()) == level, size
