# A simulated drive in Waymo's layout, through crowds: people near the vehicle with 14 joints, on
# raw clouds in training, on raw and on cleaned ones in evaluation. Make one with
# sparse3d simulate waymo data/simulated_crowd --people 5, then sparse3d create-data waymo.
# Data elsewhere: SPARSE3D_SIMULATED_WAYMO=/data/drive/kitti_format sparse3d train ...
_base_ = ['../../../_base_/datasets/waymo_keypoints.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_SIMULATED_WAYMO:data/simulated_crowd/kitti_format}}'
point_cloud_range = grids.WAYMO_CROWD_RANGE  # meters: x, y, z from, x, y, z to
cut = dict(point_cloud_range=point_cloud_range)

in_range = dict(cut, type='PointsRangeFilter')
train_pipeline = changed(
    inserted_after(
        replaced(_base_.train_pipeline, RemovePointsInOtherBoxes=[]),
        # Turned and stretched, whole and without noise: a short schedule has enough to learn.
        AugmentScene=dict(
            type='AugmentPeople', exchange=(0, 0), cut=(0, 0), noise=(0, 0, 0))),
    GroundTruthSampling=dict(
        database=dict(
            data_root=data_root, info_path=data_root + '/waymo_people_dbinfos_train.pkl',
            min_points=dict(Human=20)),
        groups=dict(Human=70),  # of which half lie in the range
        unlabeled=None),
    PointsRangeFilter=cut,
    KeepObjects=dict(cut, min_points=5, classes=None))
train_pipeline = inserted_after(
    train_pipeline,
    GroundTruthSampling=[
        in_range,
        dict(cut, type='KeepObjects'),
        # Early: what is left costs a tenth from here on.
        dict(type='CropAroundObjects', side=1.6),
    ])


def tested_on(variant, pipeline):
    """The test pipeline with the name of what it is tested on."""
    return changed(
        inserted_after(
            changed(pipeline, PointsRangeFilter=cut),
            PointsRangeFilter=dict(type='SetEvaluationVariant', variant=variant)),
        PackSample=dict(more_meta_keys=['evaluation_variant']))


clean_last = inserted_after(  # after the tanh
    replaced(_base_.test_pipeline, RemovePointsInOtherBoxes=[]),
    TanhFeatures=_base_.clean_points)
raw_pipeline = tested_on('raw', replaced(_base_.test_pipeline, RemovePointsInOtherBoxes=[]))
cleaned_pipeline = tested_on('cleaned', clean_last)

train_dataloader = dict(num_workers=1, dataset=dict(data_root=data_root, pipeline=train_pipeline))
unseen_people = dict(_base_.val_dataloader.dataset, data_root=data_root)
val_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(
        _delete_=True,  # two datasets in the place of one
        type='ConcatDataset',
        datasets=[
            dict(unseen_people, pipeline=raw_pipeline),
            dict(unseen_people, pipeline=cleaned_pipeline),
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='KeypointMetricByVariant',
    ann_file=data_root + '/waymo_infos_val.pkl',
    evaluation_range=point_cloud_range)
test_evaluator = val_evaluator
