"""Every score of our metrics has a better end, and one of them stands for all."""
from __future__ import annotations

import pytest

from sparse3d.engine.hooks.better_scores import better, main_score


@pytest.mark.parametrize('score, expected', [
    ('nuscenes/NDS', 'greater'), ('nuscenes/mAP', 'greater'), ('nuscenes/mATE', 'less'),
    ('nuscenes/car_AP_0.5', 'greater'), ('nuscenes/car_AVE', 'less'),
    ('kitti/Car_3D_R40_moderate', 'greater'), ('kitti/Overall_BEV_R11_easy_loose', 'greater'),
    ('waymo/Overall_L2_APH', 'greater'), ('waymo/MPJPE/ALL', 'less'), ('waymo/PEM/ALL', 'less'),
    ('waymo/PCK/ALL @ 0.05', 'greater'), ('waymo/OKS/ALL AP', 'greater'),
    ('boxes/mAP_3D_0.5', 'greater'), ('distance', 'less'), ('time', None), ('frames', None)])
def test_which_value_is_better(score, expected):
    assert better(score) == expected


@pytest.mark.parametrize('scores, expected', [
    (['nuscenes/mAP', 'nuscenes/car_AP', 'nuscenes/NDS'], 'nuscenes/NDS'),
    (['waymo/Vehicle_L1_AP', 'waymo/Vehicle_L2_APH', 'waymo/Overall_L2_APH'],
     'waymo/Overall_L2_APH'),
    (['kitti/Car_2D_R11_easy', 'kitti/Car_3D_R40_moderate'], 'kitti/Car_3D_R40_moderate'),
    (['kitti/Car_3D_R40_moderate', 'kitti/Overall_3D_R40_moderate'],
     'kitti/Overall_3D_R40_moderate'),
    (['waymo/MPJPE/HEAD', 'waymo/PEM/ALL'], 'waymo/PEM/ALL'),
    (['boxes/Car_3D_0.3', 'boxes/mAP_3D_0.7', 'boxes/mAP_3D_0.5'], 'boxes/mAP_3D_0.5'),
    (['frames', 'distance'], 'distance'), (['frames', 'time'], None)])
def test_which_score_stands_for_all(scores, expected):
    assert main_score(scores) == expected


def test_with_a_rule_of_the_user_any_score_will_do():
    assert main_score(['frames', 'time'], any_will_do=True) == 'frames'
