# Sparse3D on an NVIDIA GPU; the host needs the NVIDIA container toolkit:
#     docker build -f docker/cuda.Dockerfile -t sparse3d:cuda .
#     docker run --rm -it --gpus all --shm-size 8g -v "$PWD/data:/workspace/data" \
#         -v "$PWD/work_dirs:/workspace/work_dirs" sparse3d:cuda
# Not built where this was written: neither Docker nor a GPU was at hand. nvcc of this image
# compiles mmcv's CUDA operators; its version has to be the one of the torch build
# (constraints.txt), else PyTorch refuses to compile.
FROM nvidia/cuda:12.6.3-devel-ubuntu22.04

ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends python3 python3-dev python3-venv g++ make \
        libgl1 libgomp1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /workspace
COPY . .
# Which GPUs mmcv is compiled for: no GPU is visible while an image is built.
ARG TORCH_CUDA_ARCH_LIST="8.0;8.6;8.9;9.0"
RUN make install INSTALL_OPTIONS='--device cuda' && rm -rf /root/.cache/pip
ENV PATH=/workspace/.venv/bin:$PATH GOMP_SPINCOUNT=0
CMD ["bash"]
