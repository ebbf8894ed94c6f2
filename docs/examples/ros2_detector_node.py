"""A ROS 2 node that detects and tracks: ``python ros2_detector_node.py CHECKPOINT``.

Everything but the plumbing is ``sparse3d.recordings.message_detector``, which needs no ROS.
"""
import sys
import time

import rclpy
from foxglove_msgs.msg import SceneUpdate
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray

from sparse3d.apis import load_detector
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_detector import DetectionOptions, MessageDetector
from sparse3d.recordings.topics import Choice

CHOICE = Choice(clouds=('/lidar_top/points', ), transforms=('/tf', ), static=('/tf_static', ),
                odometry=('/odometry', ))
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SENT = {'detections': Detection3DArray, 'scene': SceneUpdate, 'tracks': Detection3DArray,
        'track_scene': SceneUpdate}


class DetectorNode(Node):
    def __init__(self, checkpoint: str) -> None:
        super().__init__('sparse3d')
        self.left_out = LeftOut()
        self.core = MessageDetector(load_detector(checkpoint), CHOICE, self.left_out,
                                    DetectionOptions(score_threshold=0.3, tracker='two_stage'))
        self.to = {f'/sparse3d/{name}': self.create_publisher(kind, f'/sparse3d/{name}', 10)
                   for name, kind in SENT.items()}
        for kind, topics, qos in ((PointCloud2, CHOICE.clouds, qos_profile_sensor_data),
                                  (TFMessage, CHOICE.transforms, 100),
                                  (TFMessage, CHOICE.static, LATCHED),
                                  (Odometry, CHOICE.odometry, qos_profile_sensor_data)):
            for topic in topics:
                self.create_subscription(kind, topic, self.receiver(topic), qos)
        self.create_timer(10.0, lambda: self.get_logger().info(
            '\n'.join([self.core.stages.table(), *self.left_out.sentences()])))

    def receiver(self, topic: str):
        def receive(message) -> None:
            for out in self.core.take(topic, message, time.time_ns()):
                self.to[out.topic].publish(out.data)  # encoded already
        return receive


if __name__ == '__main__':
    rclpy.init()
    rclpy.spin(DetectorNode(sys.argv[1]))
