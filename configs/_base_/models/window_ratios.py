# Shares of windows that blocks of a Swin leave out; see docs/sparsity.md.
# SparseViT's for a Swin-T: 0.71 of the multiplications of all blocks.
SWIN_TINY = [[.6, .6], [0, 0], [.2, .2, .4, .4, .5, .5], [0, 0]]
