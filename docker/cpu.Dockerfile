# Sparse3D on a CPU:
#     docker build -f docker/cpu.Dockerfile -t sparse3d:cpu .
#     docker run --rm -it -v "$PWD/data:/workspace/data" -v "$PWD/work_dirs:/workspace/work_dirs" sparse3d:cpu
# Not built where this was written: no Docker was at hand. Its commands are those of README.
FROM python:3.11-bookworm

RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends g++ make \
        libgl1 libgomp1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /workspace
COPY . .
# The environment lies beside the sources, so that `make` finds it.
RUN make install INSTALL_OPTIONS='--device cpu' && rm -rf /root/.cache/pip
ENV PATH=/workspace/.venv/bin:$PATH GOMP_SPINCOUNT=0
CMD ["bash"]
