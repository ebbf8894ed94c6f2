"""SparseBEV as ONNX files of standard operators: its stream, or encoder and decoder."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike

import torch
from mmengine.config import Config
from torch import Tensor

from sparse3d.deploy.export_folder import FolderReport, export_folder
from sparse3d.deploy.graphs import Graph, Sample
from sparse3d.deploy.image_sizes import image_size_of, padded_size
from sparse3d.deploy.onnx_files import to_onnx
from sparse3d.errors import ConfigError
from sparse3d.structures.cameras import Cameras
from sparsebev.deployable import DeployableSparseBEV, FirstFrame, ImageEncoder, NextFrame
from sparsebev.detector import SparseBEV
from sparsebev.plugin import DECODER, FIRST_FRAME, IMAGE_ENCODER, NEXT_FRAME
from sparsebev.ring_of_cameras import CAMERAS, ring_of_cameras
from sparsebev.views import Views

CASES = ('all cameras', 'one camera missing')
ALL, IMAGES = ('backbone.', 'neck.', 'bbox_head.'), ('backbone.', 'neck.')


def export_onnx(config: str | PathLike | Config, checkpoint: str | PathLike | None,
                out: str | PathLike, clouds: Sequence[str | PathLike] = (),
                cfg_options: dict | None = None) -> FolderReport:
    """Export a detector; see :func:`sparse3d.deploy.export_folder.export_folder`.

    One that looks at past frames becomes the graphs of the first and of each next frame of a
    drive, which takes the maps of earlier frames; another one an image encoder and a decoder.

    Args:
        config: of a SparseBEV.
        checkpoint: its weights; None exports the initial ones.
        out: the folder to make.
        clouds: none; the detector has cameras alone.
        cfg_options: dotted keys that override the config.

    Raises:
        ConfigError: if the detector is another one, or there are point clouds.
    """
    if clouds:
        raise ConfigError('SparseBEV has cameras alone: leave the point clouds out')
    return export_folder(config, checkpoint, out, sparsebev_graphs, clouds, cfg_options)


def sparsebev_graphs(detector: SparseBEV, config: Config,
                     clouds: Sequence[str | PathLike] = ()) -> list[Graph]:
    """The graphs of a detector in evaluation mode; see :func:`export_onnx`."""
    return graphs_on(detector, image_size_of(config))


def graphs_on(detector: SparseBEV, image_size: tuple[int, int]) -> list[Graph]:
    """The same for images of a height and width."""
    if not isinstance(detector, SparseBEV):
        raise ConfigError(f'only a SparseBEV is exported here, not a {type(detector).__name__}')
    if detector.frame_kind == 'past':
        return _graphs_of_stream(detector, image_size)
    return _encoder_and_decoder(detector, image_size)


def matrices_of_cases(views: Views) -> dict[str, Tensor]:
    """``lidar2img`` by the name of the case: as it is, and without one camera of now."""
    missing = views.lidar2img.clone()
    missing[:, 0, 1] = 0
    return dict(zip(CASES, (views.lidar2img, missing), strict=True))


def _graphs_of_stream(detector: SparseBEV, image_size: tuple[int, int]) -> list[Graph]:
    padded = padded_size(detector, image_size)
    views = ring_of_cameras(detector.num_frames, padded)
    random = torch.Generator().manual_seed(0)
    first, later = (torch.randint(0, 256, (CAMERAS, 3, *image_size), generator=random).float()
                    for _ in range(2))
    matrices = matrices_of_cases(views)
    of_first = [Sample(case, {'images': first, 'lidar2img': matrix, 'age': views.age * 0})
                for case, matrix in matrices.items()]
    answer = stream_reference(detector, padded)
    earlier = detector.num_frames - 1
    with torch.no_grad():
        kept = {name.replace('map_', 'kept_'): value.repeat(earlier, 1, 1, 1)
                for name, value in answer(of_first[0].inputs).items() if name.startswith('map_')}
    of_later = [Sample(case, {'images': later, 'lidar2img': matrix, 'age': views.age, **kept},
                       copies=dict.fromkeys(kept, earlier))
                for case, matrix in matrices.items()]
    for samples in (of_first, of_later):  # the maps do not hang on the matrices: compared once
        samples[1:] = [replace(each, compared=('logits', 'codes')) for each in samples[1:]]
    modules = FirstFrame(detector, padded).eval(), NextFrame(detector, padded).eval()
    return [Graph(stated, to_onnx(model, samples[0].inputs), answer, samples, ALL,
                  afterwards=_afterwards(detector), module=model)
            for stated, model, samples in zip((FIRST_FRAME, NEXT_FRAME), modules,
                                              (of_first, of_later), strict=True)]


def stream_reference(detector: SparseBEV, image_size: tuple[int, int]
                     ) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """The detector's own answer to the inputs of either graph."""
    def answer(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        now = detector.maps_of_images(detector.data_preprocessor.normalize(inputs['images']))
        earlier = detector.num_frames - 1
        kept = [inputs.get(f'kept_{level}', each.repeat(earlier, 1, 1, 1))
                for level, each in enumerate(now)]
        maps = [torch.cat([each, before])[None] for each, before in zip(now, kept, strict=True)]
        outputs = detector.bbox_head(maps, _views(inputs, image_size))
        found = {name: outputs[name][-1] for name in ('logits', 'codes')}
        return {**found, **{f'map_{level}': each for level, each in enumerate(now)}}
    return answer


def _encoder_and_decoder(detector: SparseBEV, image_size: tuple[int, int]) -> list[Graph]:
    padded = padded_size(detector, image_size)
    views = ring_of_cameras(detector.num_frames, padded)
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (CAMERAS, 3, *image_size), generator=random).float()
    encoder = ImageEncoder(detector).eval()
    decoder = DeployableSparseBEV(detector.bbox_head, padded)
    with torch.no_grad():
        maps = {name: each.repeat(detector.num_frames, 1, 1, 1)[None]
                for name, each in encoder({'images': images}).items()}

    def boxes(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = detector.bbox_head([inputs[name] for name in maps], _views(inputs, padded))
        return {name: outputs[name][-1] for name in ('logits', 'codes')}

    def pyramid(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = detector.maps_of_images(detector.data_preprocessor.normalize(inputs['images']))
        return {f'map_{level}': each for level, each in enumerate(found)}

    samples = [Sample(case, {**maps, 'lidar2img': matrix, 'age': views.age})
               for case, matrix in matrices_of_cases(views).items()]
    of_images = [Sample('drawn images', {'images': images})]
    return [Graph(IMAGE_ENCODER, to_onnx(encoder, of_images[0].inputs), pyramid, of_images, IMAGES,
                  module=encoder),
            Graph(DECODER, to_onnx(decoder, samples[0].inputs), boxes, samples, ('bbox_head.', ),
                  afterwards=_afterwards(detector), module=decoder)]


def _views(inputs: Mapping[str, Tensor], image_size: tuple[int, int]) -> Views:
    return Views(Cameras.of_matrices(inputs['lidar2img'].flatten(1, 2), image_size), inputs['age'])


def _afterwards(detector: SparseBEV) -> dict:
    head = detector.bbox_head
    return dict(kind='queries', limits=list(head.limits), max_detections=head.max_detections,
                score_threshold=head.score_threshold, frame_kind=detector.frame_kind,
                num_frames=detector.num_frames)
