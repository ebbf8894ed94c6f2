"""DSVT as ONNX files of standard operators: the voxel encoder, and all behind it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import torch
from mmengine.config import Config
from torch import Tensor, nn

from dsvt.deployable import DeployableDSVT, DeployableVoxelEncoder
from dsvt.plugin import BEHIND_VOXELS, VOXEL_ENCODER
from sparse3d.deploy.export_folder import FolderReport, export_folder
from sparse3d.deploy.graphs import Graph, Sample
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.deploy.voxel_inputs import clouds_of

COVERED = ('middle_encoder.', 'backbone.', 'neck.', 'bbox_head.')


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None) -> FolderReport:
    """Export a detector; see :func:`sparse3d.deploy.export_folder.export_folder`.

    Args:
        config: of a detector with DSVT.
        checkpoint: its weights; None exports the initial ones.
        out: the folder to make.
        clouds: float32 files with the columns of the model's points; the first is traced,
            all are compared. Without, two drawn sweeps of different sizes.
        cfg_options: dotted keys that override the config.

    Raises:
        ConfigError: if the detector has no DSVTEncoder, or a head without a graph.
    """
    return export_folder(config, checkpoint, out, dsvt_graphs, clouds, cfg_options)


def dsvt_graphs(detector: nn.Module, config: Config | None = None,
                clouds: Sequence[str | PathLike] = ()) -> list[Graph]:
    """The two graphs of a detector in evaluation mode; see :func:`export_onnx`."""
    model = DeployableDSVT(detector)  # refuses other detectors
    columns = detector.voxel_encoder.pfn_layers[0].linear.in_features - 6
    return graphs_on(detector, model, clouds_of(columns, clouds))


def graphs_on(detector: nn.Module, model: DeployableDSVT,
              clouds: Mapping[str, Tensor]) -> list[Graph]:
    """The graphs, compared on clouds [N, C] by name; the first is traced."""
    encoder = DeployableVoxelEncoder(detector.voxel_encoder)
    of_points = [Sample(name, encoder.inputs_of(*points_of(detector, cloud)))
                 for name, cloud in clouds.items()]
    of_voxels = [Sample(name, engine_inputs(detector, model, [cloud]))
                 for name, cloud in clouds.items()]
    words = {'points': 'P', 'voxel_of_point': 'P', 'coordinates': 'N'}
    first = Graph(VOXEL_ENCODER, _content(encoder, of_points, {name: {0: word} for name, word
                                                               in words.items()}),
                  _own_features(detector), of_points, ('voxel_encoder.', ),
                  {name: {0: word} for name, word in words.items()}, module=encoder,
                  changing=_free({name: {0: word} for name, word in words.items()}))
    changing = {name: {_changing_axis(name): 'N' if name.startswith(('features', 'map_cell'))
                       else f'length of {name}'} for name in of_voxels[0].inputs}
    boxes = {} if not hasattr(model.head, 'periods') else dict(
        periods=model.head.periods, rows_by=model.head.rows_by,
        afterwards=model.head.suppression())
    second = Graph(BEHIND_VOXELS, _content(model, of_voxels, changing), model, of_voxels, COVERED,
                   {name: dict.fromkeys(axes, 'length') for name, axes in changing.items()},
                   module=model, changing=_free(changing), **boxes)
    return [first, second]


@torch.no_grad()
def engine_inputs(detector: nn.Module, model: DeployableDSVT,
                  clouds: list[Tensor]) -> dict[str, Tensor]:
    """From the clouds of a batch to the inputs of the graph behind the voxels."""
    batch = detector.data_preprocessor({'inputs': {'points': clouds}, 'data_samples': None}, False)
    voxels = batch['inputs']['voxels']
    return dict(model.inputs_of(*detector.voxel_encoder(voxels['voxels'], voxels['coors'])))


@torch.no_grad()
def points_of(detector: nn.Module, cloud: Tensor) -> tuple[Tensor, Tensor]:
    """Points [P, C] of a cloud and their voxels [P, 4], by the detector's preprocessor."""
    batch = detector.data_preprocessor({'inputs': {'points': [cloud]}, 'data_samples': None},
                                       False)
    return batch['inputs']['voxels']['voxels'], batch['inputs']['voxels']['coors']


def _own_features(detector: nn.Module):
    """The detector's own voxel encoder, from the inputs of the graph."""
    def features(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        coordinates = inputs['coordinates'].index_select(0, inputs['voxel_of_point'])
        return {'features': detector.voxel_encoder(inputs['points'], coordinates)[0]}
    return features


def _content(model: nn.Module, samples: Sequence[Sample],
             changing: Mapping[str, Mapping[int, str]]) -> bytes:
    return to_onnx(model, samples[0].inputs, _free(changing))


def _free(changing: Mapping[str, Mapping[int, str]]) -> dict[str, dict]:
    return {name: dict.fromkeys(axes, torch.export.Dim.DYNAMIC)
            for name, axes in changing.items()}


def _changing_axis(name: str) -> int:
    """Axis of an input whose length follows the cloud."""
    return 1 if name.startswith(('voxels_', 'repeated_', 'slot_of_voxel_')) else 0
