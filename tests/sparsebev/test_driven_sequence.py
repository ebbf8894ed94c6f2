"""A data set detected in order: each frame read once, the same detections, nothing kept behind."""
from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch

from sparse3d.engine.hooks import reusing_features
from sparsebev_outputs import detections, same


def test_a_driven_sequence_gives_the_same_and_reads_each_frame_once(
        build_detector, drive, batch_of):
    taken = drive(6)
    offline, online = build_detector(3), build_detector(3, cache_frames=3)
    read = []
    online.backbone.register_forward_pre_hook(lambda module, inputs: read.append(len(inputs[0])))
    with reusing_features(online) as driver:
        for last in (3, 4, 5, 6, 2, 6):  # in order, then wherever the sampler goes
            batch = batch_of(taken[:last], 3)
            same(detections(online, batch)[0], detections(offline, batch)[0])
            assert len(driver.cache) <= 3
    assert sum(read[:6]) == 12  # six frames of two cameras, each once


@pytest.mark.parametrize('driven', [False, True])
def test_a_prediction_depends_on_images_and_weights_alone(build_detector, drive, batch_of, driven):
    """The names of the files stay the same; images, their order and the weights do not."""
    plain, kept = build_detector(), build_detector(cache_frames=8)

    def agree() -> None:
        batch = batch_of(drive(2), 2)
        images = batch['inputs']['img'][0]
        mirrored = copy.deepcopy(batch)
        mirrored['inputs']['img'] = [images.flip(-1)]
        brighter = copy.deepcopy(batch)
        brighter['inputs']['img'] = [(images // 2 + 90).to(images.dtype)]
        one_pixel = copy.deepcopy(batch)
        one_pixel['inputs']['img'][0][-1, 0, 7, 11] += 90  # of the older frame
        found = []
        for each in (batch, mirrored, brighter, one_pixel, batch):
            found.append(detections(kept, each)[0])
            same(found[-1], detections(plain, each)[0])
        assert not found[0].scores_3d.equal(found[1].scores_3d)

    with reusing_features(kept) if driven else nullcontext():
        agree()
        for model in (plain, kept):
            with torch.no_grad():
                model.backbone.conv1.weight.mul_(-1.5)
        agree()
        for model in (plain, kept):
            torch.manual_seed(5)
            model.load_state_dict({name: value + 0.1 * torch.randn(value.shape).to(value.dtype)
                                   for name, value in model.state_dict().items()})
        agree()
        for model in (plain, kept):  # as a moving average of weights is put in and out
            weight = model.backbone.conv1.weight
            weight.data, _ = 0.5 * weight.data, weight.data
        agree()
        for model in (plain, kept):
            model.backbone.layer1[0].bn1.running_mean.add_(0.3)
        agree()
        if not driven:  # changes that PyTorch does not count
            for model in (plain, kept):
                model.neck.fpn_convs[0].conv.weight.data.mul_(-2)
            agree()


def test_nothing_is_kept_after_a_sequence(build_detector, drive, batch_of):
    model = build_detector(cache_frames=2)
    batch = batch_of(drive(2), 2)
    before = set(vars(model))
    with pytest.raises(KeyboardInterrupt), reusing_features(torch.nn.DataParallel(model)) as driver:
        detections(model, batch)
        assert len(driver.cache) == 2
        raise KeyboardInterrupt
    assert set(vars(model)) == before  # the driver, and with it the cache, is gone
    with reusing_features(build_detector()) as nothing:
        assert nothing is None


def test_another_time_empties_what_is_kept(build_detector, drive, batch_of):
    model, plain = build_detector(cache_frames=8), build_detector()
    taken = drive(6)
    for frame in taken[3:]:  # another drive, a minute later
        frame['timestamps'] = frame['timestamps'] + 60
    kept = []
    with reusing_features(model) as driver:
        for last in (2, 3, 5, 6, 3):
            batch = batch_of(taken[:last], 2)
            same(detections(model, batch)[0], detections(plain, batch)[0])
            kept.append(len(driver.cache))
    assert kept == [2, 3, 2, 3, 2]


def test_augmentation_in_testing_is_as_without_a_driver(build_detector, drive, batch_of):
    """A wrapper that looks at each sample several times, mirrored and with other colors."""

    class Augmented(torch.nn.Module):
        def __init__(self, module: torch.nn.Module) -> None:
            super().__init__()
            self.module = module

        def test_step(self, batch: dict) -> list[torch.Tensor]:
            found = []
            for change in (lambda images: images, lambda images: images.flip(-1),
                           lambda images: 255 - images):
                each = copy.deepcopy(batch)
                each['inputs']['img'] = [change(images) for images in batch['inputs']['img']]
                found.append(detections(self.module, each)[0].bboxes_3d.tensor)
            return found

    taken = drive(4)
    plain, kept = Augmented(build_detector()), Augmented(build_detector(cache_frames=8))
    with reusing_features(kept):
        for last in (2, 3, 4):
            batch = batch_of(taken[:last], 2)
            for one, other in zip(kept.test_step(batch), plain.test_step(batch), strict=True):
                torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-3)
