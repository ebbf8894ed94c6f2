"""The detector as users run it: batches, cameras, frames, training, memory, streaming."""
from __future__ import annotations

import copy
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.structures import InstanceData

from sparse3d.apis import load_detector
from sparse3d.engine.hooks import reusing_features
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_frames import FrameChoice, Timeline
from sparsebev.camera_frame import CameraFrame
from sparsebev.feature_cache import FeatureCache
from sparsebev.image_preprocessor import VideoPreprocessor
from sparsebev.ring_of_cameras import ring_of_cameras
from sparsebev.streaming import open_stream
from sparsebev.views import views_of_batch


def joined(*batches: dict) -> dict:
    return dict(inputs=dict(img=[img for batch in batches for img in batch['inputs']['img']]),
                data_samples=[item for batch in batches for item in batch['data_samples']])


def same(left: InstanceData, right: InstanceData, atol: float = 2e-4) -> None:
    torch.testing.assert_close(left.scores_3d, right.scores_3d, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(left.bboxes_3d.tensor, right.bboxes_3d.tensor, atol=atol, rtol=1e-3)


def detections(model, batch: dict) -> list[InstanceData]:
    with torch.no_grad():
        return [sample.pred_instances_3d for sample in model.test_step(batch)]


def raw(model, batch: dict) -> dict:
    with torch.no_grad():
        return model(**model.data_preprocessor(batch), mode='tensor')['head']


# Batches, cameras, frames -----------------------------------------------------


def test_a_batch_gives_what_its_samples_give(build_detector, drive, batch_of):
    model = build_detector()
    one, two = batch_of(drive(2), 2), batch_of(drive(3, seed=1), 2)
    together = detections(model, joined(one, two))
    assert len(together[0].scores_3d) == 10
    same(together[0], detections(model, one)[0])
    same(together[1], detections(model, two)[0])


@pytest.mark.parametrize('cameras', [1, 2, 5])
@pytest.mark.parametrize('frames', [1, 3])
def test_any_number_of_cameras_and_frames(build_detector, drive, batch_of, cameras, frames):
    model = build_detector(frames)
    found = detections(model, batch_of(drive(frames, cameras), frames))[0]
    assert found.bboxes_3d.tensor.isfinite().all() and len(found.scores_3d)


def test_samples_with_different_numbers_of_cameras(build_detector, drive, batch_of):
    model = build_detector()
    few, many = batch_of(drive(2, 1), 2), batch_of(drive(2, 3, seed=1), 2)
    together = detections(model, joined(few, many))
    same(together[0], detections(model, few)[0])
    same(together[1], detections(model, many)[0])


def test_a_masked_camera_is_as_good_as_none(build_detector, drive, batch_of):
    model = build_detector()
    taken = drive(2, 3)
    for frame in taken:
        frame['images'][2] = 255
    valid = np.array([True, True, False] * 2)
    masked = raw(model, batch_of(taken, 2, image_valid=valid))
    for frame in taken:
        frame.update({key: frame[key][:2] for key in ('images', 'lidar2img', 'timestamps')})
    torch.testing.assert_close(masked, raw(model, batch_of(taken, 2)), atol=1e-4, rtol=1e-3)


def test_the_order_of_cameras_does_not_matter(build_detector, drive, batch_of):
    model = build_detector()
    taken = drive(2, 3)
    before = raw(model, batch_of(taken, 2))
    for frame in taken:
        frame.update({key: frame[key][[2, 0, 1]] for key in ('images', 'lidar2img')})
    torch.testing.assert_close(before, raw(model, batch_of(taken, 2)), atol=1e-4, rtol=1e-3)


# Training ---------------------------------------------------------------------


def losses_of(model, batch: dict) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return model(**model.data_preprocessor(batch, training=True), mode='loss')


def test_every_weight_learns(build_detector, drive, batch_of):
    model = build_detector().train()
    losses = losses_of(model, batch_of(drive(2), 2))
    assert set(losses) == {f'{prefix}loss_{kind}{part}' for prefix in ('', 'd0.')
                           for kind in ('cls', 'bbox') for part in ('', '_dn')}
    sum(losses.values()).backward()
    still = [name for name, value in model.named_parameters()
             if value.requires_grad and (value.grad is None or not value.grad.abs().sum() > 0)]
    assert still == []


def test_checkpointing_changes_memory_and_not_gradients(build_detector, drive, batch_of):
    gradients = []
    for with_checkpoint in (False, True):
        model = build_detector(head=dict(with_checkpoint=with_checkpoint, dropout=0.0)).train()
        sum(losses_of(model, batch_of(drive(2), 2)).values()).backward()
        gradients.append([value.grad for value in model.parameters() if value.grad is not None])
    for plain, saved in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, saved)


def test_a_batch_without_objects_trains(build_detector, drive, batch_of):
    model = build_detector().train()
    batch = batch_of(drive(2), 2)
    truth = batch['data_samples'][0].gt_instances_3d
    batch['data_samples'][0].gt_instances_3d = truth[:0]
    losses = losses_of(model, batch)
    assert all(value.isfinite() for value in losses.values())
    assert set(losses) == set(losses_of(model, batch_of(drive(2), 2)))
    sum(losses.values()).backward()


def test_a_samples_losses_do_not_depend_on_its_neighbors(build_detector, drive, batch_of):
    """Empty denoising slots are not seen, unlike in the released code."""
    for published, equal in ((False, True), (True, False)):
        model = build_detector(head=dict(
            dropout=0.0, published=dict(attend_empty_slots=published))).train()
        model.bbox_head.layer.self_attention.tau.bias.data.zero_()  # looks far
        one, two = batch_of(drive(2), 2), batch_of(drive(2, seed=1), 2)
        one['data_samples'][0].gt_instances_3d = one['data_samples'][0].gt_instances_3d[:1]
        hidden = _noisy_logits(model, one), _noisy_logits(model, joined(one, two))
        assert torch.allclose(hidden[0][:, 0, 0], hidden[1][:, 0, 0], atol=1e-5) == equal


def _noisy_logits(model, batch: dict) -> torch.Tensor:
    from sparse3d.models.query.box_code import ground_truth_boxes
    from sparse3d.models.query.query_denoising import Noise, noisy_queries
    data = model.data_preprocessor(batch)
    truth = [sample.gt_instances_3d for sample in data['data_samples']]
    boxes = [ground_truth_boxes(item.bboxes_3d) for item in truth]
    count = sum(map(len, boxes))
    noise = Noise(torch.full((2, count, 3), 0.3), torch.zeros(2, count, dtype=torch.bool),
                  torch.zeros(2, count, dtype=torch.long))
    noisy = noisy_queries(boxes, [item.labels_3d for item in truth], noise,
                          model.bbox_head.point_cloud_range)
    views = model.views(data['inputs']['imgs'], data['data_samples'])
    with torch.no_grad():
        return model.bbox_head(model.extract_feat(data['inputs']), views, noisy)['noisy_logits']


def test_only_the_first_frames_teach_the_backbone(build_detector, drive, batch_of):
    model = build_detector(3, frames_with_gradient=1, image_mask=dict(type='GridMask')).train()
    images = model.data_preprocessor(batch_of(drive(3), 3))['inputs']['imgs'].requires_grad_()
    maps = model.extract_feat(dict(imgs=images))
    assert [level.shape[:2] for level in maps] == [(1, 6)] * 2
    sum(level.sum() for level in maps).backward()
    assert images.grad[0, :2].abs().sum() > 0 and images.grad[0, 2:].eq(0).all()
    assert model.training and model.neck.training


def test_half_precision_keeps_geometry_and_results(build_detector, drive, batch_of):
    batch = batch_of(drive(2), 2)
    for float32_head in (True, False):
        model = build_detector(float32_head=float32_head)
        exact = raw(model, batch)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            low = raw(model, batch)
        assert low['codes'].dtype == torch.float32
        assert (low['codes'][0, ..., :2] - exact['codes'][0, ..., :2]).abs().max() < 3


# Memory and streaming ---------------------------------------------------------


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


def test_the_frame_used_longest_ago_goes_first():
    cache, asked = FeatureCache(2), []

    def compute(frame):
        asked.append(int(frame[0, 0, 0, 0]))
        return ()

    a, b, c = (torch.full((1, 3, 2, 2), value) for value in (1.0, 2.0, 3.0))
    cache.maps(torch.stack([a, b]), compute)
    cache.maps(torch.stack([a, c]), compute)
    cache.maps(torch.stack([a]), compute)
    assert asked == [1, 2, 3] and len(cache) == 2
    cache.maps(torch.stack([b]), compute)
    assert asked == [1, 2, 3, 2]
    cache.maps(torch.stack([b]), compute, state='other weights')
    assert asked == [1, 2, 3, 2, 2] and len(cache) == 1


def test_frames_that_look_alike_at_the_probes_are_told_apart():
    cache, image = FeatureCache(4), torch.zeros(6, 3, 64, 96)
    other = image.clone()
    other[3, 1, 20, 33] = 1.0
    for frame in (image, other, image):
        assert cache.maps(frame[None], lambda frame: (frame.sum(),))[0][0] == frame.sum()


def test_a_missing_image_reaches_neither_predictions_nor_gradients(
        build_detector, drive, batch_of):
    results = []
    for filling in (0.0, torch.nan):
        batch = batch_of(drive(2), 2, image_valid=np.array([True, True, True, False]))
        images = batch['inputs']['img'][0].float()
        images[3] = filling
        batch['inputs']['img'] = [images]
        model = build_detector()
        found = detections(model, batch)[0]
        model.train()
        torch.manual_seed(0)
        prepared = model.data_preprocessor(batch, True)
        losses = model.loss(prepared['inputs'], prepared['data_samples'])
        sum(value for value in losses.values() if value.requires_grad).backward()
        results.append((found.scores_3d, found.bboxes_3d.tensor,
                        *(value.grad for value in model.parameters() if value.grad is not None)))
    assert all(value.isfinite().all() for value in results[1])
    assert results[1][0].equal(results[0][0]) and results[1][1].equal(results[0][1])


def test_other_frames_than_the_models_are_refused(build_detector, drive, batch_of):
    batch = batch_of(drive(4), 4, num_frames=4)  # 4 frames of 2 cameras, or 2 frames of 4
    with pytest.raises(DataError, match='holds 4 frames .*looks at 2'):
        detections(build_detector(2), batch)


def test_a_stream_gives_the_offline_result_at_every_moment(build_detector, drive, batch_of):
    model = build_detector(3)
    taken, stream = drive(5), open_stream(model)
    for last in range(1, 6):
        (found,) = stream(CameraFrame(**taken[last - 1]))
        assert found.number == last - 1
        same(found.instances, detections(model, batch_of(taken[:last], 3))[0])
        assert len(stream.frames) == min(last, 3)


def test_a_stream_survives_a_lost_frame_and_starts_anew_with_a_scene(
        build_detector, drive, batch_of):
    model = build_detector(3)
    taken, stream = drive(5), open_stream(model)
    for index in (0, 1, 4):  # two frames never came
        (found,) = stream(CameraFrame(**taken[index], scene='first'))
    same(found.instances, detections(model, batch_of([taken[0], taken[1], taken[4]], 3))[0])
    (found,) = stream(CameraFrame(**taken[0], scene='second'))  # earlier, but another drive
    assert (found.scene, found.number) == ('second', 0)
    same(found.instances, detections(model, batch_of(taken[:1], 3))[0])
    assert len(stream.frames) == 1


def test_a_stream_survives_a_camera_without_a_picture(build_detector, drive, batch_of):
    model = build_detector(2)
    taken, stream = drive(2), open_stream(model)
    stream(CameraFrame(**taken[0], valid=np.array([True, False])))
    (found,) = stream(CameraFrame(**taken[1], valid=np.array([False, True])))
    valid = np.array([False, True, True, False])
    same(found.instances, detections(model, batch_of(taken, 2, image_valid=valid))[0])


def test_a_fast_stream_looks_back_by_its_step(build_detector, drive, batch_of):
    model = build_detector(3)
    taken, stream = drive(5), open_stream(model, interval=2)
    for frame in taken:
        (found,) = stream(CameraFrame(**frame))
    same(found.instances, detections(model, batch_of(taken[::2], 3))[0])
    assert len(stream.frames) == stream.frames.maxlen == 5


def test_a_stream_refuses_what_cannot_be(build_detector, drive):
    taken, stream = drive(2), open_stream(build_detector())
    stream(CameraFrame(**taken[1]))
    with pytest.raises(DataError, match='came after'):
        stream(CameraFrame(**taken[0]))
    stream.reset()
    stream(CameraFrame(**taken[0]))
    with pytest.raises(DataError, match='number of cameras'):
        stream(CameraFrame(**drive(2, cameras=3)[1]))


def batch_as_the_data_set_gives_it(batch_of, taken: list[dict], row: int, choice: FrameChoice):
    timeline = Timeline(['drive'] * len(taken), [0] * len(taken))
    chosen = [taken[place] for place, _ in choice.choose(timeline, row, training=False)]
    return batch_of(chosen[::-1], choice.num_frames)


@pytest.mark.parametrize('kind', ['future', 'interleaved'])
@pytest.mark.parametrize('every', [1, 2])
@pytest.mark.parametrize('length', [1, 3, 7])
def test_a_stream_that_looks_ahead_gives_the_offline_results_late(
        build_detector, drive, batch_of, kind, every, length):
    model = build_detector(5, frame_kind=kind)
    choice = FrameChoice(5, kind, test_interval=6 * every)
    taken, stream = drive(length), open_stream(model, interval=every)
    answers = []
    for number, frame in enumerate(taken):
        came = stream(CameraFrame(**frame, scene='drive'))
        assert [answer.number for answer in came] == [number - 2 * every][:number >= 2 * every]
        assert len(stream.frames) <= 1 + 4 * every
        answers += came
    answers += stream.flush()
    assert [answer.number for answer in answers] == list(range(length))
    for answer in answers:
        offline = batch_as_the_data_set_gives_it(batch_of, taken, answer.number, choice)
        same(answer.instances, detections(model, offline)[0])
        assert answer.scene == 'drive'
        assert answer.timestamps.tolist() == taken[answer.number]['timestamps'].tolist()
        np.testing.assert_array_equal(answer.lidar2global, taken[answer.number]['lidar2global'])
    assert not stream.frames and stream.flush() == []


def test_a_new_scene_gives_what_was_still_to_come_of_the_last(build_detector, drive, batch_of):
    model = build_detector(3, frame_kind='future')
    first, second, stream = drive(3), drive(2, seed=1), open_stream(model)
    for frame in first:
        came = stream(CameraFrame(**frame, scene='first'))
    assert [answer.number for answer in came] == [1]
    (rest,) = stream(CameraFrame(**second[0], scene='second'))
    assert (rest.scene, rest.number) == ('first', 2)
    choice = FrameChoice(3, 'future')
    same(rest.instances, detections(model, batch_as_the_data_set_gives_it(
        batch_of, first, 2, choice))[0])
    (answer,) = stream(CameraFrame(**second[1], scene='second'))
    assert (answer.scene, answer.number) == ('second', 0)  # and nothing of the first is in it
    same(answer.instances, detections(model, batch_as_the_data_set_gives_it(
        batch_of, second, 0, choice))[0])
    stream.reset()
    assert stream.flush() == []


def test_the_frames_of_a_model_are_of_a_known_kind(build_detector):
    with pytest.raises(ConfigError, match="frame_kind is 'sideways'"):
        build_detector(frame_kind='sideways')


def test_arrays_in_detections_out_and_a_stream():
    detector = load_detector('sparsebev_simulated_nuscenes', device='cpu',
                             cfg_options={'model.bbox_head.score_threshold': 0.0})
    random = np.random.default_rng(0)
    images = [random.integers(0, 255, (198, 352, 3)).astype(np.uint8) for _ in range(6)]
    matrices = ring_of_cameras(1, (198, 352)).lidar2img[0, 0].numpy()
    found = detector(images=images, calibration=dict(lidar2img=matrices))
    assert len(found.scores) and found.boxes_3d.shape[1] == 9
    stream = detector.stream()
    frame = CameraFrame(images=torch.zeros(6, 3, 96, 256), lidar2img=matrices,
                        timestamps=np.zeros(6), lidar2global=np.eye(4))
    (answer,) = stream(frame)
    assert len(answer.instances.scores_3d)


# What comes in ----------------------------------------------------------------


def test_images_are_normalized_padded_and_checked():
    preprocessor = VideoPreprocessor([1, 2, 3], [1, 2, 4], size_divisor=32, num_frames=2)
    images = torch.zeros(2, 3, 30, 40, dtype=torch.uint8)
    images[:, 0] = 11
    ready = preprocessor.images([images])
    assert ready.shape == (1, 2, 3, 32, 64)
    assert ready[0, 0, :, 0, 0].tolist() == [-1, -1, 2]
    assert ready[..., 30:, :].eq(0).all() and ready[..., 40:].eq(0).all()
    with pytest.raises(DataError, match='T = 2'):
        preprocessor.images([images[:1]])
    with pytest.raises(DataError, match='no images'):
        preprocessor(dict(inputs=dict(), data_samples=[]))


def test_distortion_is_for_training_alone():
    preprocessor = VideoPreprocessor([0] * 3, [1] * 3, distortion=lambda images: images + 1)
    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    assert preprocessor.images([image], training=True).eq(1).all()
    assert preprocessor.images([image]).eq(0).all()
    built = VideoPreprocessor([0] * 3, [1] * 3, distortion=dict(type='PhotometricDistortion'))
    assert isinstance(built.distortion, MODELS.get('PhotometricDistortion'))


def test_ages_and_errors_of_views():
    matrices, seconds = np.tile(np.eye(4), (4, 1, 1)), np.array([10.0, 10.2, 9.5, 9.9])
    views = views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds)], 2, (8, 8))
    assert views.age[0].tolist() == pytest.approx([0, 0.4])
    assert views.valid is None
    valid = np.array([True, True, True, False])
    seconds[3] = np.nan
    views = views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds, image_valid=valid)], 2,
                           (8, 8))
    assert views.age[0].tolist() == pytest.approx([0, 0.5])
    with pytest.raises(DataError, match='not finite'):
        views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds)], 2, (8, 8))
    with pytest.raises(DataError, match="no 'lidar2img'"):
        views_of_batch([dict(img_timestamp=seconds)], 2, (8, 8))
    with pytest.raises(DataError, match='3 frames'):
        views_of_batch([dict(lidar2img=matrices, img_timestamp=seconds)], 3, (8, 8))
