# LiDAR alone: this detector without its branches, which is TransFusion-L, and that one's recipe.
_base_ = ['../sparsefusion/transfusion_l_nuscenes.py']

custom_imports = dict(imports=['sparse_dense_fusion.register'])

model = dict(type='SparseDenseFusion')
