# LiDAR alone on a simulated drive: this detector without its branches, which is TransFusion-L.
_base_ = ['../sparsefusion/transfusion_l_simulated_nuscenes.py']

custom_imports = dict(imports=['sparse_dense_fusion.register'])

model = dict(type='SparseDenseFusion')
