# Focals Conv on LiDAR alone with the training samples of Focals Conv-F: sampled objects stand on
# the road, do not cover each other in the image and lose the points that others hide. It tells the
# effect of the images from that of the samples.
_base_ = ['focalsconv_f_centerpoint_simulated_kitti_car.py']

model = dict(image_encoder=None, middle_encoder=dict(image_fusion=None))
