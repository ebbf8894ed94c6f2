"""Sparse-Dense Fusion as ONNX files: the LiDAR's map, the image encoder, and what fuses them."""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from os import PathLike

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from onnx import TensorProto, helper
from torch import Tensor

from sparse3d.deploy.dense_boxes import boxes_of
from sparse3d.deploy.export_folder import FolderReport, export_folder
from sparse3d.deploy.graphs import CommonRows, Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.voxel_export import (
    DYNAMIC,
    columns_of,
    encoded_voxels,
    example_map,
    voxel_infos,
)
from sparse3d.deploy.voxel_inputs import drawn_voxels
from sparse3d.errors import ConfigError
from sparse3d.structures.camera_rig import CameraRig
from sparse_dense_fusion.deployable import (
    DeployableFusion,
    ImageEncoder,
    MapOfVoxels,
    named_outputs,
)
from sparse_dense_fusion.detector import POINT_COLUMNS, SceneFeatures, SparseDenseFusion
from sparse_dense_fusion.plugin import FUSION, IMAGE_ENCODER, LIDAR_MAP

CASES = ('all cameras', 'one camera missing')
CAMERAS = 6
SIZED_BY = ('AugmentImages', 'FitViews')  # transforms that say how large images are
LIDAR = ('voxel_encoder.', 'middle_encoder.', 'backbone.', 'neck.')
IMAGES = ('image_backbone.', 'image_neck.')
FUSED = ('bbox_head.', 'camera_lift.', 'map_fusion.', 'query_fusion.')
Answer = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None) -> FolderReport:
    """Export a detector; see :func:`sparse3d.deploy.export_folder.export_folder`.

    Args:
        config: of a SparseDenseFusion.
        checkpoint: its weights; None exports the initial ones.
        out: the folder to make.
        clouds: float32 files with the columns of the model's points, for the LiDAR's map.
        cfg_options: dotted keys that override the config.

    Raises:
        ConfigError: if the detector is another one, or takes a sensor away.
    """
    return export_folder(config, checkpoint, out, fusion_graphs, clouds, cfg_options)


def fusion_graphs(detector: SparseDenseFusion, config: Config,
                  clouds: Sequence[str | PathLike] = ()) -> list[Graph]:
    """The graphs of a detector in evaluation mode; see :func:`export_onnx`."""
    return graphs_on(detector, image_size_of(config), clouds)


def graphs_on(detector: SparseDenseFusion, image_size: tuple[int, int],
              clouds: Sequence[str | PathLike] = ()) -> list[Graph]:
    """The same for images of a height and width.

    Raises:
        ConfigError: if the detector is another one, or takes a sensor away.
    """
    if not isinstance(detector, SparseDenseFusion):
        raise ConfigError(f'only a SparseDenseFusion is exported here, not a '
                          f'{type(detector).__name__}')
    if not (detector.use_lidar and detector.use_cameras):
        raise ConfigError('the detector takes a sensor away (use_lidar or use_cameras is False), '
                          'whose parts would be exported for nothing; export it with both')
    encoder = [_image_encoder(detector, image_size)] if detector.has_branch else []
    return [_lidar_map(detector, clouds), *encoder, _fusion(detector, image_size)]


def image_size_of(config: Config) -> tuple[int, int]:
    """Height and width of the images that the test pipeline gives; those of a blank one for a
    pipeline without images."""
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] in SIZED_BY:
            return tuple(transform['size'])
    return (32, 32)


def padded_size(detector: SparseDenseFusion, image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width after the preprocessor's padding."""
    divisor = detector.data_preprocessor.pad_size_divisor
    return tuple(-(-length // divisor) * divisor for length in image_size)


def _lidar_map(detector: SparseDenseFusion, clouds: Sequence[str | PathLike]) -> Graph:
    """Zeros where there is no voxel, as in the detector: normalizations make something of it."""
    graph, encoded = encoded_voxels(detector)
    cases = drawn_voxels(detector, columns_of(detector), clouds)
    dense, example = MapOfVoxels(detector).eval(), example_map(encoded)
    output, = graph.followed_by(to_onnx(dense, {'encoded': example}), graph.dense(encoded))
    count = graph.one('Size', 'num_points')
    there = graph.one('Greater', count, graph.constant(np.array(0, np.int64)))
    graph.nodes.append(helper.make_node(
        'Mul', [output.name, graph.one('Cast', there, to=TensorProto.FLOAT)], ['bev']))
    shape = [length.dim_value for length in output.type.tensor_type.shape.dim]
    content = graph.model(voxel_infos(next(iter(cases.values()))['voxels']),
                          [helper.make_tensor_value_info('bev', TensorProto.FLOAT, shape)])

    @torch.no_grad()
    def bev(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        voxels = dict(voxels=inputs['voxels'], num_points=inputs['num_points'],
                      coors=inputs['coordinates'])
        return {'bev': detector.lidar_map(voxels, 1, 'cpu')[0]}

    samples = [Sample(name, inputs) for name, inputs in cases.items()]
    return Graph(LIDAR_MAP, content, bev, samples, LIDAR, DYNAMIC)


def _image_encoder(detector: SparseDenseFusion, image_size: tuple[int, int]) -> Graph:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (CAMERAS, 3, *image_size), generator=random).float()
    sample = Sample('drawn images', {'images': images})
    encoder = ImageEncoder(detector).eval()
    return Graph(IMAGE_ENCODER, to_onnx(encoder, sample.inputs), levels_of(detector), [sample],
                 IMAGES, module=encoder)


def levels_of(detector: SparseDenseFusion) -> Answer:
    """The detector's own levels of images."""
    @torch.no_grad()
    def levels(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        batch = detector.data_preprocessor(dict(
            inputs=dict(points=[torch.zeros(1, POINT_COLUMNS)], img=[inputs['images']]),
            data_samples=[Det3DDataSample()]), False)
        found = detector.image_neck(detector.image_backbone(batch['inputs']['imgs'][0]))
        return {f'level_{number}': level for number, level in enumerate(found)}
    return levels


def _fusion(detector: SparseDenseFusion, image_size: tuple[int, int]) -> Graph:
    padded = padded_size(detector, image_size)
    model, scenes = DeployableFusion(detector, padded), drawn_scenes(detector, padded)
    samples = [Sample(case, model.inputs_of(scene.bev, scene.images, scene.points, scene.rig))
               for case, scene in scenes.items()]
    return Graph(FUSION, to_onnx(model, samples[0].inputs),
                 _answer(detector, samples, list(scenes.values())), samples, FUSED,
                 periods={'boxes': (6, 2 * math.pi, None)},
                 rows_by=CommonRows('peaks', ('boxes', 'scores', 'peaks')), module=model,
                 afterwards=dict(boxes_of(detector.bbox_head).suppression(),
                                 without_points='bev is zeros; without any image as well nothing '
                                                'is found, whatever the scores'))


def _answer(detector: SparseDenseFusion, samples: Sequence[Sample],
            scenes: Sequence[SceneFeatures]) -> Answer:
    """The detector's own answers to drawn scenes: depths and rays cannot be told from inputs."""
    @torch.no_grad()
    def answer(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        scene, = (scene for sample, scene in zip(samples, scenes, strict=True)
                  if all(torch.equal(inputs[name], value)
                         for name, value in sample.inputs.items()))
        return named_outputs(detector.bbox_head, detector.detect(scene).found)
    return answer


@torch.no_grad()
def drawn_scenes(detector: SparseDenseFusion, image_size: tuple[int, int]
                 ) -> dict[str, SceneFeatures]:
    """Scenes to compare on by the name of the case: random maps of the sizes that the backbones
    give, and points all round, under six cameras.

    Args:
        image_size: height and width of the padded images.
    """
    random = torch.Generator().manual_seed(0)
    width, height = detector.bbox_head.coder.map_size
    # Far apart, so that rounding does not choose other peaks.
    bev = 3 * torch.randn(1, detector.bbox_head.shared.in_channels, height, width,
                          generator=random)
    points = torch.randn(2000, POINT_COLUMNS, generator=random) * torch.tensor([20.0, 20, 1, 1, 0])
    images = []
    if detector.has_branch:
        levels = detector.image_neck(detector.image_backbone(torch.zeros(1, 3, *image_size)))
        images = [torch.randn(CAMERAS, *level.shape[1:], generator=random) for level in levels]
    there = torch.ones(1, dtype=torch.bool)
    scenes = {}
    for case in CASES[:2 if detector.has_branch else 1]:
        valid = [case == CASES[0] or number != 1 for number in range(CAMERAS)]
        rig = CameraRig.from_metas([dict(lidar2img=_ring(image_size), image_valid=valid)],
                                   image_size) if detector.has_branch else None
        scenes[case] = SceneFeatures(bev, images, [points], rig, there)
    return scenes


def _ring(image_size: tuple[int, int]) -> np.ndarray:
    """One camera every 60 degrees, a little above the LiDAR, [6, 4, 4]."""
    height, width = image_size
    forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    lens = np.array([[0.8 * width, 0, width / 2], [0, 0.8 * width, height / 2], [0, 0, 1]])
    matrices = np.tile(np.eye(4), (CAMERAS, 1, 1))
    for view, turn in enumerate(np.arange(CAMERAS) * 2 * np.pi / CAMERAS):
        about_z = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0],
                            [0, 0, 1]])
        matrices[view, :3, :3] = lens @ forward @ about_z
        matrices[view, :3, 3] = lens @ [0.0, 0.3, -0.4]
    return matrices
