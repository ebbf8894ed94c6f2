"""Images normalized, padded, distorted in training, and refused."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS

from sparse3d.errors import DataError
from sparse3d.models.video_preprocessor import VideoPreprocessor


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


def test_earlier_frames_of_training_alone_keep_their_cameras():
    """A sample with one camera of two: the empty image stands behind each of its frames."""
    preprocessor = VideoPreprocessor([0] * 3, [1] * 3, bgr_to_rgb=False, num_train_frames=2)
    whole = torch.arange(1, 5, dtype=torch.uint8)[:, None, None, None].expand(4, 3, 32, 32)
    fewer = torch.tensor([5, 6], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 32, 32)
    ready = preprocessor.images([whole, fewer], training=True)
    assert ready[..., 0, 0, 0].tolist() == [[1, 2, 3, 4], [5, 0, 6, 0]]
    assert preprocessor.images([whole[:2], whole[:1]]).shape[:2] == (2, 2)
    with pytest.raises(DataError, match='T = 2'):
        preprocessor.images([whole[:3]], training=True)
