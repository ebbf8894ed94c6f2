// Sparse convolution of bfloat16 rows by the processor's own products of pairs of bfloat16.
//
// Blocks, groups and order are those of sparse_convolution.cpp; sums are float32. A step takes two
// channels of a row at once, so the weights lie in pairs of channels, and their number is even.
#include "pairs.h"
#include "vectors.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#if defined(__AVX512F__) && defined(__AVX512BW__) && !defined(SPARSE3D_NO_BFLOAT16) && \
    ((defined(__GNUC__) && __GNUC__ >= 10) || (defined(__clang__) && __clang_major__ >= 9))
#define SPARSE3D_BFLOAT16 1
#include <immintrin.h>
#endif

#ifdef SPARSE3D_BFLOAT16
#define OF_PROCESSOR __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace sparse3d {
namespace {

constexpr int64_t LANES = 16;
constexpr int WIDEST_PANEL = 4;

constexpr int rows_of_group(int vectors) { return vectors == 4 ? 6 : vectors == 2 ? 12 : 14; }

inline int vectors_of_panel(int64_t left) { return left >= WIDEST_PANEL ? 4 : left >= 2 ? 2 : 1; }

// Matrices [offsets, depth, width], any strides, panel by panel, two channels in 32 bits.
struct PairedMatrices {
    const uint16_t* values;
    int64_t offsets, depth, width, offset_stride, depth_stride, width_stride;

    int64_t padded() const { return (width + LANES - 1) / LANES * LANES; }
    int64_t steps() const { return depth / 2; }

    uint32_t pair(int64_t offset, int64_t step, int64_t column) const {
        if (column >= width) return 0;
        const uint16_t* at = values + offset * offset_stride + 2 * step * depth_stride +
                             column * width_stride;
        return at[0] | static_cast<uint32_t>(at[depth_stride]) << 16;
    }

    void pack(uint32_t* packed, int threads) const {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t offset = 0; offset < offsets; ++offset) {
            uint32_t* to = packed + offset * steps() * padded();
            for (int64_t first = 0; first < padded();) {
                const int64_t columns = vectors_of_panel((padded() - first) / LANES) * LANES;
                for (int64_t step = 0; step < steps(); ++step)
                    for (int64_t column = first; column < first + columns; ++column)
                        *to++ = pair(offset, step, column);
                first += columns;
            }
        }
    }
};

// y[r] += x[r] * panel for a group of rows; of the last vector only the lanes of `mask`.
template <int ROWS, int VECTORS>
OF_PROCESSOR void multiply_group(const uint16_t* const* x, float* const* y, const uint32_t* panel,
                                 int64_t steps, __mmask16 mask) {
    __m512 sums[ROWS][VECTORS];
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; ++row)
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part) sums[row][part] = _mm512_setzero_ps();
    for (int64_t step = 0; step < steps; ++step, panel += VECTORS * LANES) {
        __m512bh weights[VECTORS];
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part)
            weights[part] = (__m512bh)_mm512_loadu_si512(panel + part * LANES);
#pragma GCC unroll 16
        for (int row = 0; row < ROWS; ++row) {
            int32_t both;
            std::memcpy(&both, x[row] + 2 * step, sizeof(both));
            const __m512bh value = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 4
            for (int part = 0; part < VECTORS; ++part)
                sums[row][part] = _mm512_dpbf16_ps(sums[row][part], value, weights[part]);
        }
    }
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; ++row)
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part) {
            float* to = y[row] + part * LANES;
            const __mmask16 lanes = part + 1 < VECTORS ? 0xFFFF : mask;
            _mm512_mask_storeu_ps(
                to, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, to), sums[row][part]));
        }
}

// Pairs of one offset against a panel; absent rows of the last group write into `spare`.
template <int VECTORS>
void multiply_pairs(const uint16_t* x, float* y, const uint32_t* panel, int64_t depth,
                    int64_t width, const int32_t* inputs, const int32_t* outputs, int64_t count,
                    uint16_t mask) {
    constexpr int rows = rows_of_group(VECTORS);
    float spare[VECTORS * LANES] = {};
    for (int64_t done = 0; done < count;) {
        const uint16_t* from[rows];
        float* to[rows];
        const int64_t left = count - done;
        for (int row = 0; row < rows; ++row) {
            const bool there = row < left;
            from[row] = x + static_cast<int64_t>(inputs[done + (there ? row : 0)]) * depth;
            to[row] = there ? y + static_cast<int64_t>(outputs[done + row]) * width : spare;
        }
        if (left > rows / 2)
            multiply_group<rows, VECTORS>(from, to, panel, depth / 2, mask);
        else
            multiply_group<rows / 2, VECTORS>(from, to, panel, depth / 2, mask);
        done += left > rows / 2 ? rows : rows / 2;
    }
}

void convolve_block(const Pairs& pairs, const PairedMatrices& matrices, const uint16_t* x,
                    const uint32_t* packed, float* y, int64_t block) {
    const int64_t width = matrices.width, padded = matrices.padded(), steps = matrices.steps();
    const int64_t row = block * pairs.rows_of_block;
    const int64_t rows = std::min(pairs.rows_of_block, pairs.num_outputs - row);
    std::fill_n(y + row * width, rows * width, 0.0f);
    for (int64_t offset = 0; offset < pairs.offsets; ++offset) {
        const int64_t* range = pairs.starts + block * pairs.offsets + offset;
        const int64_t count = range[1] - range[0];
        if (count == 0) continue;
        const uint32_t* panel = packed + offset * steps * padded;
        for (int64_t first = 0; first < padded;) {
            const int vectors = vectors_of_panel((padded - first) / LANES);
            const int64_t behind = first + vectors * LANES;
            const uint16_t mask = behind <= width ? 0xFFFF : 0xFFFF >> (behind - width);
            const auto multiply = vectors == 4   ? multiply_pairs<4>
                                  : vectors == 2 ? multiply_pairs<2>
                                                 : multiply_pairs<1>;
            multiply(x, y + first, panel, matrices.depth, width, pairs.inputs + range[0],
                     pairs.outputs + range[0], count, mask);
            panel += steps * vectors * LANES;
            first = behind;
        }
    }
}

}  // namespace
}  // namespace sparse3d
#endif

// 1 where the kernel below is there and the processor has its instructions.
extern "C" int sparse3d_has_bfloat16() {
#ifdef SPARSE3D_BFLOAT16
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return 0;
#endif
}

// bfloat16 [N, depth] * [offsets, depth, width] -> float32 [M, width]; depth is even. 1 if there
// is no memory for the weights, or no such kernel.
extern "C" int sparse3d_convolve_bfloat16(
    const uint16_t* x, const uint16_t* weights, float* y, const int64_t* starts,
    const int32_t* inputs, const int32_t* outputs, int64_t offsets, int64_t blocks,
    int64_t rows_of_block, int64_t num_outputs, int64_t depth, int64_t width,
    int64_t offset_stride, int64_t depth_stride, int64_t width_stride, int threads) {
#ifdef SPARSE3D_BFLOAT16
    using namespace sparse3d;
    const Pairs pairs{starts, inputs, outputs, offsets, blocks, rows_of_block, num_outputs};
    const PairedMatrices matrices{weights,       offsets,      depth,       width,
                                  offset_stride, depth_stride, width_stride};
    const int64_t size = offsets * matrices.steps() * matrices.padded();
    std::unique_ptr<uint32_t[]> packed(new (std::nothrow) uint32_t[std::max<int64_t>(size, 1)]);
    if (!packed) return 1;
    matrices.pack(packed.get(), threads);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (int64_t block = 0; block < blocks; ++block)
        convolve_block(pairs, matrices, x, packed.get(), y, block);
    return 0;
#else
    return 1;
#endif
}
