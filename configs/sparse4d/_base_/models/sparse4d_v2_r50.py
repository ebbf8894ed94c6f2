# Sparse4D v2 with ResNet-50: no identities, no quality, embeddings added in the attention.
_base_ = ['sparse4d_v3_r50.py']

model = dict(
    bbox_head=dict(
        encoder='summed',
        with_ids=False,
        decoder=dict(decoupled=False, with_quality=False)))
