"""Old and present names of Focals Conv that stand in checkpoints, from docs/renames.csv."""
from sparse3d.plugins import RenamedNames

RENAMES = RenamedNames(
    parameters={
        'keypoint_encoder.of_points.': 'keypoint_encoder.raw_point_layer.',
        'keypoint_encoder.of_stages.': 'keypoint_encoder.stage_layers.',
        'roi_head.change.': 'roi_head.box_delta.',
        'roi_head.change_out.': 'roi_head.box_delta_out.',
        'roi_head.pooling.layers.*.of_offsets.': 'roi_head.pooling.layers.*.position_mlp.',
        'roi_head.pooling.layers.*.of_voxels.': 'roi_head.pooling.layers.*.voxel_mlp.',
    },
    types={
        'KeyPointEncoder': 'KeypointEncoder',
        'KeyPointRegionPooling': 'KeypointRoIPooling',
        'RegionDetector': 'TwoStageVoxelDetector',
        'RegionHead': 'RoIHead',
        'VoxelRegionPooling': 'VoxelRoIPooling',
    },
    options_of_types={
        ('AugmentedVoxelDetector', 'most'): 'max_detections',
        ('AugmentedVoxelDetector', 'overlaps'): 'iou_thresholds',
        ('FocalSparseEncoder', 'max_growth'): 'max_dilation',
        ('KeypointEncoder', 'count'): 'num_keypoints',
        ('ShallowImageEncoder', 'spread'): 'std',
    },
    options={
        'detections.after': 'max_detections',
        'detections.before': 'nms_pre',
        'detections.overlap': 'iou_threshold',
        'detections.score': 'score_threshold',
        'keypoint_encoder.count': 'num_keypoints',
        'proposals.test.after': 'nms_post',
        'proposals.test.before': 'nms_pre',
        'proposals.test.overlap': 'iou_threshold',
        'proposals.train.after': 'nms_post',
        'proposals.train.before': 'nms_pre',
        'proposals.train.overlap': 'iou_threshold',
        'sampling.count': 'num_proposals',
        'sampling.easy_below': 'easy_background_iou',
        'sampling.regress_from': 'regression_iou',
        'sampling.share_foreground': 'foreground_fraction',
        'sampling.share_hard': 'hard_background_fraction',
    },
    configs={
        'focalsconv_centerpoint_kitti_overfit': 'focalsconv_centerpoint_kitti_car_overfit',
        'focalsconv_centerpoint_own_data': 'focalsconv_centerpoint_custom_data',
    })
