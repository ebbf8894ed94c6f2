from __future__ import annotations

import numpy as np
import pytest
from mmdet3d.datasets.dataset_wrappers import CBGSDataset

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat.class_balanced_sampling import apply_patch
from sparse3d.errors import ConfigError, Sparse3DWarning

CLASSES = ('car', 'bus', 'person')


class Frames:
    """Labels of each frame; the part of a data set that is asked."""

    metainfo = dict(classes=CLASSES)

    def __init__(self, labels: list[set[int]]) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def get_cat_ids(self, index: int) -> set[int]:
        return self.labels[index]


def sampled(labels: list[set[int]]) -> list[int]:
    balanced = CBGSDataset.__new__(CBGSDataset)
    balanced._metainfo = Frames.metainfo
    np.random.seed(0)
    return balanced._get_sample_indices(Frames(labels))


def test_a_class_without_frames_is_left_out_and_the_others_are_balanced():
    with pytest.warns(Sparse3DWarning, match='no frame has an object of bus:'):
        indices = sampled([{0}, {0}, {0, -1}, {0}, {0}, {2}])
    assert len(indices) == 6 and sum(index == 5 for index in indices) == 3


def test_upstream_divides_by_zero():
    with pytest.raises(ZeroDivisionError):
        balanced = CBGSDataset.__new__(CBGSDataset)
        balanced._metainfo = Frames.metainfo
        CBGSDataset._get_sample_indices.upstream(balanced, Frames([{0}]))


def test_with_all_classes_upstream_does_the_work():
    labels = [{0}, {0, 1}, {2}, {0}]
    indices = sampled(labels)
    balanced = CBGSDataset.__new__(CBGSDataset)
    balanced._metainfo = Frames.metainfo
    np.random.seed(0)
    assert indices == CBGSDataset._get_sample_indices.upstream(balanced, Frames(labels))


def test_frames_without_any_object_are_refused():
    with pytest.raises(ConfigError, match='2 frames without any object of car, bus, person'):
        sampled([set(), {-1}])


def test_repairing_twice_is_repairing_once():
    once = CBGSDataset._get_sample_indices
    apply_patch()
    assert CBGSDataset._get_sample_indices is once
