"""The detector as users run it: batches, cameras, frames, training, missing images."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.apis import load_detector
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.camera_frame import CameraFrame
from sparsebev.ring_of_cameras import ring_of_cameras
from sparsebev_outputs import detections, joined, raw, same


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


def test_the_frames_of_a_model_are_of_a_known_kind(build_detector):
    with pytest.raises(ConfigError, match="frame_kind is 'sideways'"):
        build_detector(frame_kind='sideways')


def test_arrays_in_detections_out_and_a_stream():
    detector = load_detector('sparsebev_simulated_nuscenes', device='cpu',
                             cfg_options={'model.bbox_head.detections.score_threshold': 0.0})
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
