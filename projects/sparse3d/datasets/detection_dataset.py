"""What the datasets of all benchmarks have in common."""
from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence, Sized
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmdet3d.datasets import Det3DDataset
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.logging import print_log

from sparse3d.engine.agreement.check import check_files
from sparse3d.errors import ConfigError, DataError, Sparse3DError
from sparse3d.transforms.camera_matrices import refuse_useless_entries
from sparse3d.transforms.data_paths import absent_files
from sparse3d.transforms.epoch_sampler import EpochState
from sparse3d.transforms.info_files import read_info_file
from sparse3d.transforms.split_frames import refuse_no_frames

BOX_KEY = 'gt_bboxes_3d'


class DetectionDataset(Det3DDataset):
    """mmdet3d's dataset with every input checked before a training starts.

    Info files are read without running code and their stamp is checked; unknown classes and
    absent files are named at the start; frames without objects are samples like others;
    augmentation depends on seed, epoch and index alone if the sampler is
    :class:`~sparse3d.transforms.epoch_sampler.EpochSampler`, and transforms find ``epoch`` and
    ``row`` (place among the entries) in the sample.

    A data set says how its entries are read (``parse_data_info``) and where its files lie
    (``paths_of``); the other methods without underscore may be overridden. Boxes that are kept
    as bare numbers (M, 7 or 9; LiDAR frame, bottom center) become ``LiDARInstance3DBoxes``.

    Args:
        data_root: folder of the prepared data set.
        ann_file: info file inside it.
        metainfo: ``dict(classes=[...])``, some of the data set's, in label order.
        modality: ``dict(use_lidar=..., use_camera=...)``; points alone by default.
        check_files: whether to look for every point cloud (and picture) at the start.
        filter_empty_gt: put another sample in the place of one without objects, before or
            after the pipeline, in training.
        options: those of mmdet3d's ``Det3DDataset``.

    Attributes:
        info_kind: data set that the info file has to be of, as its stamp says.
        title: of the data set, in sentences.
        entry_name: of an entry of the info file, in sentences.
        remake: command that makes the files anew; ``{data_root}`` stands for the folder.

    Raises:
        ConfigError: for a class that the data set does not have.
        DataError: for an unusable info file, absent files or a path out of the data root.
    """

    info_kind: ClassVar[str]
    title: ClassVar[str]
    entry_name: ClassVar[str]
    remake: ClassVar[str]

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 modality: Mapping | None = None, check_files: bool = True,
                 filter_empty_gt: bool = False, **options) -> None:
        refuse_unknown_classes((metainfo or {}).get('classes', ()), self.METAINFO['classes'],
                               f'is not one of {self.title}')
        self._epoch_state, self._check_files = EpochState(), check_files
        super().__init__(data_root=data_root, ann_file=ann_file, metainfo=metainfo,
                         modality=dict(modality or dict(use_lidar=True)),
                         filter_empty_gt=filter_empty_gt, **options)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Enter an epoch, also in running workers; called by ``EpochSampler``."""
        self._epoch_state.set(epoch, seed)

    def prepare_data(self, index: int) -> dict | None:
        """One sample through the pipeline, or None for another one in its place."""
        with self._epoch_state.randomness_of(index):
            sample = self.get_data_info(index)
            self.complete(sample)
            sample.update(getattr(index, 'known', {}))  # of the sampler, see IndexWith
            sample.update(box_type_3d=self.box_type_3d, box_mode_3d=self.box_mode_3d)
            labels = sample.get('ann_info', {}).get('gt_labels_3d', ())
            if self._is_unwanted(labels):
                return None
            packed = self.pipeline(sample)
        if self.test_mode or packed is None or 'data_samples' not in packed:
            return packed
        if self.filter_empty_gt and self._is_unwanted(packed['data_samples'].gt_instances_3d):
            return None
        if getattr(self, 'show_ins_var', False):
            self._show_ins_var(labels, packed['data_samples'].gt_instances_3d.labels_3d)
        return packed

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline."""
        sample = super().get_data_info(index)
        sample['epoch'] = self._epoch_state.epoch
        for key in ('ann_info', 'eval_ann_info'):
            boxes = sample.get(key, {}).get(BOX_KEY)
            if isinstance(boxes, np.ndarray):  # which unpickles quickly
                sample[key][BOX_KEY] = LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1])
        return sample

    def load_data_list(self) -> list[dict]:
        """Read and check the info file; called once by mmengine."""
        info = read_info_file(self.ann_file, self.info_kind)
        for key, value in info['metainfo'].items():
            self._metainfo.setdefault(key, value)
        self._refuse_other_labels(info['metainfo'].get('categories'))
        entries = self.choose_frames(info['data_list'])
        self.check_cameras(entries)
        data_list = [self._parse(entry, row) for row, entry in enumerate(entries)]
        refuse_no_frames(data_list, self.ann_file, len(info['data_list']))
        content = self.content_of(entries)
        if content is not None:
            check_files(self.pipeline.transforms, self.ann_file, **content)
        self.finish(entries)
        self._tell_no_objects(data_list)
        if self._check_files:
            self._look_for_files(data_list)
        return data_list

    def _refuse_other_labels(self, categories: Any) -> None:
        """Labels of a file are read in the order of this data set."""
        own = list(type(self).METAINFO.get('classes', ()))  # own data: by the names of the file
        for name, label in categories.items() if isinstance(categories, Mapping) else ():
            if label >= 0 and name in own and own.index(name) != label:
                raise DataError(f'{self.ann_file} calls label {label} {name!r}, which in '
                                f'{self.title} is label {own.index(name)}; make the file again '
                                f'with "{self._remake()}"')

    def _tell_no_objects(self, data_list: list[dict]) -> None:
        if self.test_mode or any(self.num_ins_per_cat):
            return
        if not any('ann_info' in sample for sample in data_list):
            if not any(type(step).__name__ == 'LoadAnnotations3D'
                       for step in self.pipeline.transforms):
                return  # nobody asks for labels
            raise DataError(f'{self.ann_file} has no labels to train on: there are no "instances" '
                            f'in its {len(data_list)} entries; give the file of another split')
        print_log(f'{self.ann_file} has no object of {", ".join(self.metainfo["classes"])}: '
                  f'there is nothing to learn', logger='current', level=logging.WARNING)

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """Entries of the info file that become samples: here all of them."""
        return entries

    def check_cameras(self, entries: list[dict]) -> None:
        """Refuse useless calibrations where pictures are read or drawn on."""
        if self.modality['use_camera'] or self.test_mode:
            refuse_useless_entries(entries)

    def content_of(self, entries: list[dict]) -> dict[str, Iterable] | None:
        """``columns`` of the clouds and ``cameras`` in the info file, to compare with the
        pipeline; None compares nothing."""
        return None

    def finish(self, entries: list[dict]) -> None:
        """Whatever else is to be done with the entries, before files are looked for."""

    def complete(self, sample: dict) -> None:
        """Add to a sample what only the pipeline needs; random choices are the sample's."""

    def paths_of(self, data_list: list[dict]) -> list[Path]:
        """Files that the samples are read from: here their point clouds."""
        return [Path(entry['lidar_path']) for entry in data_list] \
            if self.modality['use_lidar'] else []

    def annotations(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The objects of an entry where mmdet3d looks for them; they are counted by class."""
        boxes = arrays.get(BOX_KEY)
        if isinstance(boxes, np.ndarray) and not np.isfinite(boxes[:, :7]).all():
            row = int(np.flatnonzero(~np.isfinite(boxes[:, :7]).all(axis=1))[0])
            raise ValueError(f'the box {row} of its objects holds NaN or infinity')
        for label in arrays['gt_labels_3d']:
            self.num_ins_per_cat[label] += 1
        if not self.test_mode:
            return dict(ann_info=arrays)
        return dict(eval_ann_info=arrays) if self.load_eval_anns else {}

    def _is_unwanted(self, objects: Sized) -> bool:
        """Whether a training sample has no objects and is to be replaced by another one."""
        return self.filter_empty_gt and not self.test_mode and not len(objects)

    def _parse(self, entry: dict, row: int) -> dict:
        try:
            return dict(self.parse_data_info(entry), row=row)
        except Sparse3DError:
            raise
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise DataError(f'entry {row} of {self.ann_file} is not a {self.entry_name} in the '
                            f'layout of mmdet3d 1.4 ({type(error).__name__}: {error}); make the '
                            f'file again with "{self._remake()}"') from error

    def _look_for_files(self, data_list: list[dict]) -> None:
        missing = absent_files(self.paths_of(data_list))
        if missing:
            more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
            raise DataError(f'{missing[0]}{more} named in {self.ann_file} does not exist; restore '
                            f'it or run "{self._remake()}"')

    def _remake(self) -> str:
        return self.remake.format(data_root=self.data_root)


def refuse_unknown_classes(names: Iterable[str], known: Sequence[str], place: str) -> None:
    """Refuse a class that a data set does not have.

    Args:
        names: what a config asks for.
        known: what there is.
        place: where it is not, as the sentence goes on after the class.

    Raises:
        ConfigError: naming the class, those there are, and the one that was meant perhaps.
    """
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise ConfigError(f'the class {name!r} in metainfo {place}: {", ".join(known)}{hint}')
