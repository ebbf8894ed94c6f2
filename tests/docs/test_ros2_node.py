"""The node of the docs, with stand-ins for ROS and messages of rosbags' classes."""
from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import FakeDetector, simple_drive
from sparse3d.recordings.message_types import type_store

NODE = Path(__file__).resolve().parents[2] / 'docs/examples/ros2_detector_node.py'


class StandInNode:
    """Keeps what it is asked for."""

    def __init__(self, name: str) -> None:
        self.name, self.sent, self.receivers, self.logged = name, [], {}, []

    def create_publisher(self, kind, topic, depth):
        return SimpleNamespace(publish=lambda data: self.sent.append((topic, kind, data)))

    def create_subscription(self, kind, topic, callback, qos):
        self.receivers[topic] = callback

    def create_timer(self, seconds, callback):
        self.tick = callback

    def get_logger(self):
        return SimpleNamespace(info=self.logged.append)


@pytest.fixture
def node(monkeypatch):
    def module(name, **attributes):
        made = ModuleType(name)
        for key, value in attributes.items():
            setattr(made, key, value)
        monkeypatch.setitem(sys.modules, name, made)
    module('rclpy')
    module('rclpy.node', Node=StandInNode)
    module('rclpy.qos', DurabilityPolicy=SimpleNamespace(TRANSIENT_LOCAL=1),
           QoSProfile=lambda **options: options, qos_profile_sensor_data='sensor data')
    for package, kinds in (('foxglove_msgs', 'SceneUpdate'), ('nav_msgs', 'Odometry'),
                           ('sensor_msgs', 'PointCloud2'), ('tf2_msgs', 'TFMessage'),
                           ('vision_msgs', 'Detection3DArray')):
        module(package)
        module(f'{package}.msg', **{kinds: f'{package}/msg/{kinds}'})
    monkeypatch.setattr('sparse3d.apis.load_detector', lambda checkpoint: FakeDetector())
    return runpy.run_path(str(NODE))['DetectorNode']('epoch_6.pth')


def test_it_is_short():
    assert len(NODE.read_text().splitlines()) <= 60


def test_messages_in_messages_out(node):
    assert set(node.receivers) == {'/lidar_top/points', '/tf', '/tf_static', '/odometry'}
    drive = simple_drive(topic='/lidar_top/points')
    for topic, message, _ in sorted(drive.messages, key=lambda one: one[2]):
        node.receivers[topic](message)
    kinds = {topic: kind for topic, kind, _ in node.sent}
    assert kinds == {'/sparse3d/detections': 'vision_msgs/msg/Detection3DArray',
                     '/sparse3d/scene': 'foxglove_msgs/msg/SceneUpdate',
                     '/sparse3d/tracks': 'vision_msgs/msg/Detection3DArray',
                     '/sparse3d/track_scene': 'foxglove_msgs/msg/SceneUpdate'}
    for _, kind, data in node.sent:
        assert type_store().deserialize_cdr(data, kind).__msgtype__ == kind
    assert len([topic for topic, *_ in node.sent if topic == '/sparse3d/detections']) == 5
    node.tick()
    assert '  model ' in node.logged[0] and 'median' in node.logged[0]
