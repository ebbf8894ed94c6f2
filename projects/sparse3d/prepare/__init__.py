"""Raw data sets to info files."""
from sparse3d.prepare.check_report import CheckReport
from sparse3d.prepare.kitti import PreparationReport, prepare_kitti
from sparse3d.prepare.kitti_check import check_kitti
from sparse3d.prepare.nuscenes import NuScenesPreparation, prepare_nuscenes
from sparse3d.prepare.nuscenes_check import check_nuscenes
from sparse3d.prepare.nuscenes_merging import merge_nuscenes

__all__ = ['CheckReport', 'NuScenesPreparation', 'PreparationReport', 'check_kitti',
           'check_nuscenes', 'merge_nuscenes', 'prepare_kitti', 'prepare_nuscenes']
