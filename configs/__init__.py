"""The configs as files of an importable package; nothing here is imported, only read.

``sparse3d.plugins.config_files`` finds them by bare name. ``_base_`` holds what they share; a
config from elsewhere inherits it by ``_base_ = ['sparse3d::_base_/datasets/kitti_car.py']``.
"""
