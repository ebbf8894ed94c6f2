"""From the images of a batch as loaded to the tensor that the backbone reads."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from sparse3d.errors import DataError


@MODELS.register_module()
class VideoPreprocessor(BaseDataPreprocessor):
    """Stack, normalize and pad the images of all cameras and frames, on the device.

    Takes ``inputs['img']``, for each sample (T*N, 3, H, W) or a list of (3, H, W), newest
    frame first, and gives ``inputs['imgs']`` [B, T*N, 3, H', W'] in float32. Samples with
    fewer cameras get empty images at the end of every frame.

    Args:
        mean, std: of each channel, after the change of their order.
        bgr_to_rgb: whether the order of the channels changes.
        size_divisor: height and width are padded with zeros to multiples of it, at the
            bottom and at the right, after normalization.
        num_frames: T.
        num_train_frames: T in training, where a sample brings earlier frames that testing keeps
            from the samples before; default: as many.
        distortion: called with float images [M, 3, H, W] 0-255 in training, before
            normalization; or its config.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], bgr_to_rgb: bool = True,
                 size_divisor: int = 32, num_frames: int = 1,
                 distortion: Callable[[Tensor], Tensor] | dict | None = None,
                 non_blocking: bool = False, num_train_frames: int | None = None) -> None:
        super().__init__(non_blocking=non_blocking)
        self.register_buffer('mean', torch.tensor(list(mean)).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(list(std)).view(-1, 1, 1), persistent=False)
        self.bgr_to_rgb, self.size_divisor = bgr_to_rgb, size_divisor
        self.num_frames, self.num_train_frames = num_frames, num_train_frames or num_frames
        self.distortion = MODELS.build(distortion) if isinstance(distortion, dict) else distortion

    def forward(self, data: dict, training: bool = False) -> dict:
        """Move a batch to the device and prepare its images; everything else stays as it is."""
        data = self.cast_data(data)
        inputs = dict(data['inputs'])
        if 'img' not in inputs:
            raise DataError("a sample has no images: add 'img' to the keys of the packing "
                            "transform")
        inputs['imgs'] = self.images(inputs.pop('img'), training)
        return {**data, 'inputs': inputs}

    def images(self, samples: Sequence[Tensor | Sequence[Tensor]], training: bool = False
               ) -> Tensor:
        """Images of all samples [B, T*N, 3, H', W'].

        Raises:
            DataError: if sizes or numbers of images do not fit together.
        """
        samples = [item if isinstance(item, Tensor) else torch.stack(list(item))
                   for item in samples]
        frames = self.num_train_frames if training else self.num_frames
        wrong = [tuple(item.shape) for item in samples
                 if item.dim() != 4 or len(item) % frames]
        if wrong or len({item.shape[1:] for item in samples}) != 1:
            raise DataError(f'images must be (T*N, 3, H, W) with T = {frames} and one '
                            f'size in a batch, not {[tuple(item.shape) for item in samples]}')
        batch = torch.stack(_same_cameras(samples, frames)).to(self.device)
        flat = batch.flatten(0, 1).float()
        if training and self.distortion is not None:
            flat = self.distortion(flat)
        return self.normalize(flat).unflatten(0, batch.shape[:2])

    def normalize(self, images: Tensor) -> Tensor:
        """Images [M, 3, H, W] 0-255 normalized and padded."""
        images = images.flip(1) if self.bgr_to_rgb else images
        images = (images.float() - self.mean) / self.std
        height, width = images.shape[-2:]
        return F.pad(images, (0, -width % self.size_divisor, 0, -height % self.size_divisor))

    def as_loaded(self, images: Tensor, size: Sequence[int]) -> Tensor:
        """What :meth:`normalize` was given, from what it gave [M, 3, H', W'].

        Args:
            size: height and width before the padding.
        """
        height, width = size
        loaded = images[..., :height, :width] * self.std + self.mean
        return loaded.flip(1) if self.bgr_to_rgb else loaded


def _same_cameras(samples: list[Tensor], num_frames: int) -> list[Tensor]:
    """Samples with as many cameras each: empty images at the end of every frame."""
    cameras = max(len(item) for item in samples) // num_frames
    filled = []
    for item in samples:
        frames = item.unflatten(0, (num_frames, -1))
        lacking = cameras - frames.shape[1]
        filled.append(F.pad(frames, (0, 0, 0, 0, 0, 0, 0, lacking)).flatten(0, 1))
    return filled
