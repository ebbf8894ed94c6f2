"""Waymo for human keypoints: people with labeled joints, one class."""
from __future__ import annotations

from collections.abc import Mapping

from mmdet3d.registry import DATASETS

from sparse3d.datasets.waymo.dataset import WaymoDetectionDataset
from sparse3d.datasets.waymo.objects import box_table, has_keypoints

_PEOPLE = (1, 2)  # pedestrians and cyclists in the info files


@DATASETS.register_module()
class WaymoKeypointDataset(WaymoDetectionDataset):
    """Frames with people whose joints are labeled; pedestrians and cyclists are ``Human``.

    Ground truth are the labeled people alone. All other boxes of the frame (vehicles,
    people without joints) are in ``other_bboxes_3d`` (K, 7) float32, whose points
    ``RemovePointsInOtherBoxes`` takes out for the published, "cleaned" protocol; signs and
    boxes without points are not in the info files.

    Args:
        only_labeled_frames: leave out frames without a labeled person, which are most.
        options: those of :class:`WaymoDetectionDataset`.

    Source: VoxelKP (ICCV 2025), released code: frames and ground truth of its training.
    """

    title = 'WaymoKeypointDataset'
    METAINFO = dict(classes=('Human',), palette=[(0, 232, 157)], ground_height=0.0)

    def __init__(self, *arguments, only_labeled_frames: bool = True, **options) -> None:
        self._only_labeled_frames = only_labeled_frames
        super().__init__(*arguments, **options)

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """Frames in which somebody has labeled joints."""
        if self._only_labeled_frames:
            entries = [entry for entry in entries
                       if self.choose_objects(entry.get('instances', []))]
        return super().choose_frames(entries)

    def choose_objects(self, instances: list[dict]) -> list[dict]:
        """People with labeled joints."""
        return [item for item in super().choose_objects(instances) if has_keypoints(item)]

    def label_of(self, instance: Mapping) -> int:
        """0 for people, -1 for everything else."""
        return 0 if instance['bbox_label_3d'] in _PEOPLE else -1

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        chosen = {id(item) for item in self.choose_objects(info.get('instances', []))}
        others = [item for item in info.get('instances', []) if id(item) not in chosen]
        return dict(super().parse_data_info(info), other_bboxes_3d=box_table(others))
