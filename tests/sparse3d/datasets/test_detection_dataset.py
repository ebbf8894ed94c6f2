"""What all data sets have in common, asked of each of them."""
from __future__ import annotations

import pytest
from mmcv.transforms import BaseTransform
from mmdet3d.registry import DATASETS
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData

import sparse3d.register  # noqa: F401
from sparse3d.datasets.detection_dataset import DetectionDataset, refuse_unknown_classes
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import write_info_file

OURS = sorted({kind for kind in DATASETS.module_dict.values()
               if kind.__module__.startswith('sparse3d.datasets')}, key=lambda kind: kind.__name__)


class TinyDataset(DetectionDataset):
    """Two frames, the second one empty."""

    info_kind, title, entry_name = 'tiny', 'Tiny', 'tiny frame'
    remake = 'make {data_root}'
    METAINFO = dict(classes=('Car', 'Pedestrian'))

    def parse_data_info(self, info):
        labels = [self.label_mapping[label] for label in info['labels']]
        arrays = dict(gt_labels_3d=[label for label in labels if label >= 0])
        return dict(self.annotations(arrays), lidar_path=f'{self.data_root}/{info["cloud"]}')


class Pack(BaseTransform):
    """The annotations of a sample as mmdet3d packs them, of the labels below ``limit``."""

    def __init__(self, limit=9):
        self.limit = limit

    def transform(self, results):
        labels = [label for label in results['ann_info']['gt_labels_3d'] if label < self.limit]
        sample = Det3DDataSample(gt_instances_3d=InstanceData(labels_3d=labels))
        return dict(data_samples=sample, row=results['row'])


@pytest.fixture
def root(tmp_path):
    entries = [dict(labels=[0, 0, 1], cloud='a.bin'), dict(labels=[], cloud='b.bin')]
    for entry in entries:
        (tmp_path / entry['cloud']).touch()
    write_info_file(tmp_path / 'infos.pkl', dict(dataset='tiny', stamp={}), entries)
    return tmp_path


def build(root, **options):
    return TinyDataset(str(root), 'infos.pkl', **options)


def test_every_data_set_of_this_repository_rests_on_it():
    assert len(OURS) >= 5
    assert [kind.__name__ for kind in OURS if not issubclass(kind, DetectionDataset)] == []
    for kind in OURS:
        assert kind.remake.startswith(f'sparse3d create-data {kind.info_kind}')


@pytest.mark.parametrize('kind', [kind for kind in OURS if 'METAINFO' in vars(kind) or
                                  kind.__name__.startswith('Kitti')])
def test_a_class_that_it_does_not_have_is_named_with_the_one_that_was_meant(kind):
    name = kind.METAINFO['classes'][0]
    with pytest.raises(ConfigError, match=f'{name}s.*is not one of .*did you mean {name!r}'):
        kind('absent', 'absent.pkl', metainfo=dict(classes=[f'{name}s']))


def test_objects_are_counted_and_empty_frames_are_samples(root):
    dataset = build(root, pipeline=[Pack()])
    assert dataset.num_ins_per_cat == [2, 1] and dataset[1]['row'] == 1
    people = build(root, metainfo=dict(classes=['Pedestrian']), pipeline=[Pack()])
    assert people.num_ins_per_cat == [1]
    assert people[0]['data_samples'].gt_instances_3d.labels_3d == [0]


def test_empty_frames_are_replaced_before_and_after_the_pipeline(root):
    before = build(root, pipeline=[Pack()], filter_empty_gt=True)
    assert before.prepare_data(1) is None and before[1]['row'] == 0
    after = build(root, pipeline=[Pack(limit=0)], filter_empty_gt=True)
    assert after.prepare_data(0) is None
    with_augmented_copies = build(root, pipeline=[], filter_empty_gt=True, test_mode=True)
    with_augmented_copies.pipeline = lambda sample: dict(data_samples=[1, 2])
    assert with_augmented_copies[1] == dict(data_samples=[1, 2])


def test_ground_truth_where_it_is_looked_for(root):
    assert 'ann_info' in build(root).get_data_info(0)
    assert 'eval_ann_info' in build(root, test_mode=True).get_data_info(0)
    bare = build(root, test_mode=True, load_eval_anns=False).get_data_info(0)
    assert not {'ann_info', 'eval_ann_info'} & set(bare)


def test_the_difference_that_a_pipeline_makes_is_shown_on_request(root, monkeypatch):
    shown = []
    monkeypatch.setattr(TinyDataset, '_show_ins_var', lambda _, old, new: shown.append((old, new)))
    for wanted in (False, True):
        assert build(root, pipeline=[Pack(limit=1)], show_ins_var=wanted)[0]['row'] == 0
    assert shown == [([0, 0, 1], [0, 0])]


def test_absent_files_and_damaged_entries_are_named_with_the_command(root):
    (root / 'b.bin').unlink()
    with pytest.raises(DataError, match=f'b.bin named in .*infos.pkl does not exist.*make {root}'):
        build(root)
    assert len(build(root, check_files=False)) == 2
    write_info_file(root / 'infos.pkl', dict(dataset='tiny', stamp={}), [dict(labels=[0])])
    with pytest.raises(DataError, match='entry 0 of .* is not a tiny frame .*KeyError.*make'):
        build(root)
    write_info_file(root / 'infos.pkl', dict(dataset='tiny', stamp={}), [])
    with pytest.raises(DataError, match='there are no samples in'):
        build(root)


def test_what_was_meant_is_not_guessed_at_random():
    refuse_unknown_classes(['Car'], ('Car', 'Van'), 'is not one of us')
    with pytest.raises(ConfigError, match='xyz.* is not one of us: Car, Van$'):
        refuse_unknown_classes(['xyz'], ('Car', 'Van'), 'is not one of us')
