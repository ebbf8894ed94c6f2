"""Definitions of the messages that are written and are not part of ROS 2 itself.

Sources: vision_msgs 4 (ROS 2 Humble and later), https://github.com/ros-perception/vision_msgs;
foxglove_msgs 3, https://docs.foxglove.dev/docs/visualization/message-schemas/scene-update.
"""
from __future__ import annotations

DETECTIONS = 'vision_msgs/msg/Detection3DArray'
SCENE = 'foxglove_msgs/msg/SceneUpdate'

DEFINITIONS: dict[str, str] = {
    'vision_msgs/msg/ObjectHypothesis': 'string class_id\nfloat64 score\n',
    'vision_msgs/msg/ObjectHypothesisWithPose':
        'vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n',
    'vision_msgs/msg/BoundingBox3D': 'geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n',
    'vision_msgs/msg/Detection3D':
        'std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n'
        'vision_msgs/BoundingBox3D bbox\nstring id\n',
    DETECTIONS: 'std_msgs/Header header\nvision_msgs/Detection3D[] detections\n',
    'foxglove_msgs/msg/Color': 'float64 r\nfloat64 g\nfloat64 b\nfloat64 a\n',
    'foxglove_msgs/msg/KeyValuePair': 'string key\nstring value\n',
    'foxglove_msgs/msg/ArrowPrimitive':
        'geometry_msgs/Pose pose\nfloat64 shaft_length\nfloat64 shaft_diameter\n'
        'float64 head_length\nfloat64 head_diameter\nfoxglove_msgs/Color color\n',
    'foxglove_msgs/msg/CubePrimitive':
        'geometry_msgs/Pose pose\ngeometry_msgs/Vector3 size\nfoxglove_msgs/Color color\n',
    'foxglove_msgs/msg/SpherePrimitive':
        'geometry_msgs/Pose pose\ngeometry_msgs/Vector3 size\nfoxglove_msgs/Color color\n',
    'foxglove_msgs/msg/CylinderPrimitive':
        'geometry_msgs/Pose pose\ngeometry_msgs/Vector3 size\nfloat64 bottom_scale\n'
        'float64 top_scale\nfoxglove_msgs/Color color\n',
    'foxglove_msgs/msg/LinePrimitive':
        'uint8 LINE_STRIP=0\nuint8 LINE_LOOP=1\nuint8 LINE_LIST=2\nuint8 type\n'
        'geometry_msgs/Pose pose\nfloat64 thickness\nbool scale_invariant\n'
        'geometry_msgs/Point[] points\nfoxglove_msgs/Color color\n'
        'foxglove_msgs/Color[] colors\nuint32[] indices\n',
    'foxglove_msgs/msg/TriangleListPrimitive':
        'geometry_msgs/Pose pose\ngeometry_msgs/Point[] points\nfoxglove_msgs/Color color\n'
        'foxglove_msgs/Color[] colors\nuint32[] indices\n',
    'foxglove_msgs/msg/TextPrimitive':
        'geometry_msgs/Pose pose\nbool billboard\nfloat64 font_size\nbool scale_invariant\n'
        'foxglove_msgs/Color color\nstring text\n',
    'foxglove_msgs/msg/ModelPrimitive':
        'geometry_msgs/Pose pose\ngeometry_msgs/Vector3 scale\nfoxglove_msgs/Color color\n'
        'bool override_color\nstring url\nstring media_type\nuint8[] data\n',
    'foxglove_msgs/msg/SceneEntityDeletion':
        'uint8 MATCHING_ID=0\nuint8 ALL=1\nbuiltin_interfaces/Time timestamp\nuint8 type\n'
        'string id\n',
    'foxglove_msgs/msg/SceneEntity':
        'builtin_interfaces/Time timestamp\nstring frame_id\nstring id\n'
        'builtin_interfaces/Duration lifetime\nbool frame_locked\n'
        'foxglove_msgs/KeyValuePair[] metadata\nfoxglove_msgs/ArrowPrimitive[] arrows\n'
        'foxglove_msgs/CubePrimitive[] cubes\nfoxglove_msgs/SpherePrimitive[] spheres\n'
        'foxglove_msgs/CylinderPrimitive[] cylinders\nfoxglove_msgs/LinePrimitive[] lines\n'
        'foxglove_msgs/TriangleListPrimitive[] triangles\nfoxglove_msgs/TextPrimitive[] texts\n'
        'foxglove_msgs/ModelPrimitive[] models\n',
    SCENE: 'foxglove_msgs/SceneEntityDeletion[] deletions\nfoxglove_msgs/SceneEntity[] entities\n',
}
