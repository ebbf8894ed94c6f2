"""Drives as people record them: MCAP files and ROS 2 bags, in and out.

Messages are read one after the other and never kept: ``reading`` gives them, ``messages`` decodes
those that are of use, ``frame_assembler`` brings clouds, pictures and poses of one moment
together, ``message_detector`` makes boxes and tracks of them, ``writing`` puts these on the same
time line. What cannot be used is counted by reason (``left_out``) and said.
"""
