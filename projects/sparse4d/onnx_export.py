"""Sparse4D as ONNX files of standard operators: a first frame, and every next one."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from sparse3d.deploy.export_folder import FolderReport, export_folder
from sparse3d.deploy.graphs import CommonRows, Graph, Sample
from sparse3d.deploy.image_sizes import image_size_of, padded_size
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.errors import ConfigError
from sparse3d.structures.cameras import Cameras
from sparse4d.deployable import CACHE, DeployableSparse4D, inputs_of
from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame
from sparse4d.head import HeadOutputs, Sparse4DHead
from sparse4d.instance_bank import BankState, highest
from sparse4d.plugin import FIRST_FRAME, NEXT_FRAME

FRAMES, CAMERAS, INTERVAL = 3, 6, 0.4  # of the drive that is compared; [s], no first_interval
COVERED = ('backbone.', 'neck.', 'bbox_head.')
ROWS = CommonRows('cache_rows', ('cache_rows', *(f'cache_{name}' for name in CACHE)))


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None) -> FolderReport:
    """Export a detector; see :func:`sparse3d.deploy.export_folder.export_folder`.

    Args:
        config: of a Sparse4D of v2 or v3.
        checkpoint: its weights; None exports the initial ones.
        out: the folder to make.
        clouds: none; the detector has cameras alone.
        cfg_options: dotted keys that override the config.

    Raises:
        ConfigError: if the detector is another one, or there are point clouds.
    """
    if clouds:
        raise ConfigError('Sparse4D has cameras alone: leave the point clouds out')
    return export_folder(config, checkpoint, out, sparse4d_graphs, clouds, cfg_options)


def sparse4d_graphs(detector: Sparse4D, config: Config,
                    clouds: Sequence[str | PathLike] = ()) -> list[Graph]:
    """The graphs of a detector in evaluation mode; see :func:`export_onnx`."""
    return graphs_on(detector, image_size_of(config))


def graphs_on(detector: Sparse4D, image_size: tuple[int, int], frames: int = FRAMES
              ) -> list[Graph]:
    """The same for images of a height and width, compared over so many frames of a drive.

    Raises:
        ConfigError: if the detector is another one, or carries no instances over.
    """
    if not isinstance(detector, Sparse4D):
        raise ConfigError(f'only a Sparse4D is exported here, not a {type(detector).__name__}')
    head = detector.bbox_head
    if not isinstance(head, Sparse4DHead) or not head.bank.options.num_temporal:
        raise ConfigError(f'a {type(head).__name__} that carries no instances over is not exported '
                          f'(v1, single frames); v2 and v3 are')
    first, *later = [Sample(f'frame {number}', inputs) for number, inputs in enumerate(
        drawn_frames(detector, image_size, frames))]
    padded = padded_size(detector, image_size)
    modules = [DeployableSparse4D(detector, padded, is_first) for is_first in (True, False)]
    return [Graph(stated, to_onnx(module, samples[0].inputs),
                  detector_answer(detector, padded), samples, COVERED, rows_by=ROWS,
                  training_alone=('depth_branch.', 'losses.'), afterwards=_afterwards(head),
                  module=module)
            for stated, module, samples in zip((FIRST_FRAME, NEXT_FRAME), modules,
                                               ([first], later), strict=True)]


def detector_answer(detector: Sparse4D, image_size: tuple[int, int]
                    ) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """The detector's own answer to the inputs of either graph."""
    @torch.no_grad()
    def answer(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        cameras = Cameras.of_matrices(inputs['lidar2img'], image_size).with_valid(inputs['valid'])
        none, here = torch.zeros(1, dtype=torch.float64), torch.eye(4, dtype=torch.float64)[None]
        frame, state = Frame(cameras, none, here), None
        if 'elapsed' in inputs:
            state = BankState(*(inputs[f'before_{name}'][None] for name in CACHE),
                              none - inputs['elapsed'].double(), inputs['transforms'].double())
        outputs, after = _seen(detector, inputs['images'], frame, state)
        bank, logits = detector.bbox_head.bank, outputs.logits[-1]
        _, rows = highest(bank.decayed(outputs.step, logits.max(-1).values.sigmoid()),
                          bank.options.num_temporal)
        found = dict(logits=logits, anchors=outputs.anchors[-1], quality=outputs.quality[-1],
                     cache_rows=rows[0],
                     **{f'cache_{name}': getattr(after, name)[0] for name in CACHE})
        return {name: value for name, value in found.items() if value is not None}
    return answer


def drawn_frames(detector: Sparse4D, image_size: tuple[int, int], frames: int
                 ) -> Iterator[dict[str, Tensor]]:
    """Inputs of the frames of a drive: random images, six cameras all around, one of them lost for
    a while, and what PyTorch remembers of the frame before."""
    random, state = torch.Generator().manual_seed(0), None
    padded = padded_size(detector, image_size)
    for number in range(frames):
        images = torch.randint(0, 256, (CAMERAS, 3, *image_size), generator=random).float()
        frame = _frame(number, padded)
        yield inputs_of(images, frame, state)
        _, state = _seen(detector, images, frame, state)


@torch.no_grad()
def _seen(detector: Sparse4D, images: Tensor, frame: Frame, state: BankState | None
          ) -> tuple[HeadOutputs, BankState]:
    images = frame.cameras.without_missing(detector.data_preprocessor.normalize(images)[None])
    maps = detector.for_head(detector.extract_feat(dict(imgs=images)))
    return detector.bbox_head(maps, frame, state)


def _frame(number: int, image_size: tuple[int, int]) -> Frame:
    """A frame of a drive along a bend, 5 m from frame to frame."""
    turn, pose = 0.1 * number, np.eye(4)
    pose[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    pose[:2, 3] = 1000 + 5.0 * number, 2000 + 0.3 * number ** 2
    valid = np.ones(CAMERAS, bool)
    valid[1] = number not in (2, 3)
    return Frame.of_batch([dict(
        lidar2img=ring_of_cameras(image_size), image_valid=valid, lidar2global=pose,
        timestamp=1e9 + INTERVAL * number)], image_size)


def ring_of_cameras(image_size: tuple[int, int]) -> np.ndarray:
    """``lidar2img`` (6, 4, 4) of cameras 60 degrees apart, 70 degrees wide."""
    height, width = image_size
    cam2img = np.diag([width / 2 / np.tan(np.radians(35))] * 2 + [1, 1])
    cam2img[:2, 2] = width / 2, height / 2
    angles = np.arange(CAMERAS) * np.pi / 3
    return np.stack([cam2img @ np.array(
        [[sin, -cos, 0, 0], [0, 0, -1, 0], [cos, sin, 0, 0], [0, 0, 0, 1]])
        for cos, sin in zip(np.cos(angles), np.sin(angles), strict=True)])


def _afterwards(head: Sparse4DHead) -> dict[str, Any]:
    bank = head.bank.options
    return dict(kind='instances', detections=vars(head.detection_options), with_ids=head.with_ids,
                max_interval=bank.max_interval, id_threshold=bank.id_threshold)
