// The pairs of a sparse convolution, block of output rows by block, kernel offset by offset.
#pragma once
#include <cstdint>

namespace sparse3d {

struct Pairs {
    const int64_t* starts;   // [blocks * offsets + 1] first pair of each block's offset
    const int32_t* inputs;   // [P] rows
    const int32_t* outputs;  // [P] rows
    int64_t offsets, blocks, rows_of_block, num_outputs;
};

}  // namespace sparse3d
