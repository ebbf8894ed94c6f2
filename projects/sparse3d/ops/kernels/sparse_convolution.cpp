// Sparse convolution without copies: rows are multiplied where they lie, products are added to
// output rows from registers.
//
// The pairs (input row, output row) of a block of consecutive output rows stand kernel offset by
// kernel offset. A group of pairs is one small product of matrices held in registers, input rows
// times the weight of the offset, which is then added to the output rows. Every output row belongs
// to one block, and its sum runs over the kernel offsets in their order: neither the number of
// threads nor the size of blocks changes a bit. Sums of sums also round less than one long sum.
#include "pairs.h"
#include "vectors.h"

#include <algorithm>
#include <memory>
#include <new>
#include <type_traits>

namespace sparse3d {
namespace {

// Vectors of a panel of output channels at most; groups of rows fill the registers that are left.
constexpr int WIDEST = REGISTERS >= 32 ? 4 : 2;
constexpr int64_t PAIRS_AT_ONCE = 32;  // of the weight gradient: their rows stay in the L1 cache

constexpr int rows_beside(int vectors) {
    return REGISTERS >= 32 ? (vectors == 4 ? 6 : vectors == 2 ? 12 : 14) : (vectors == 2 ? 6 : 12);
}

// Matrices [offsets, depth, width], any strides, copied panel by panel.
template <typename T>
struct Matrices {
    const T* values;
    int64_t offsets, depth, width, offset_stride, depth_stride, width_stride;

    int64_t padded() const {
        constexpr int64_t lanes = VectorOf<T>::lanes;
        return (width + lanes - 1) / lanes * lanes;
    }
};

// Vectors of the panel that begins where `left` vectors remain.
inline int panel_vectors(int64_t left) {
    return left >= WIDEST ? WIDEST : left >= 2 ? 2 : 1;
}

template <typename T>
void pack(const Matrices<T>& matrices, T* packed, int threads) {
    constexpr int64_t lanes = VectorOf<T>::lanes;
    const int64_t padded = matrices.padded();
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t offset = 0; offset < matrices.offsets; ++offset) {
        T* panel = packed + offset * matrices.depth * padded;
        const T* matrix = matrices.values + offset * matrices.offset_stride;
        for (int64_t first = 0; first < padded;) {
            const int64_t width = panel_vectors((padded - first) / lanes) * lanes;
            for (int64_t column = 0; column < width; ++column) {
                const bool there = first + column < matrices.width;
                const T* from = matrix + (first + column) * matrices.width_stride;
                for (int64_t row = 0; row < matrices.depth; ++row)
                    panel[row * width + column] = there ? from[row * matrices.depth_stride] : T(0);
            }
            panel += matrices.depth * width;
            first += width;
        }
    }
}

// y[r] += x[r] * panel for a group of rows.
template <int ROWS, int VECTORS, bool PARTIAL, typename T>
inline void multiply_group(const T* const* x, T* const* y, const T* panel, int64_t depth,
                           int64_t last_lanes) {
    constexpr int64_t lanes = VectorOf<T>::lanes;
    Vector<T> sums[ROWS][VECTORS] = {};
    for (int64_t channel = 0; channel < depth; ++channel, panel += VECTORS * lanes) {
        Vector<T> weights[VECTORS];
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part)
            weights[part] = load<false>(panel + part * lanes, lanes);
#pragma GCC unroll 16
        for (int row = 0; row < ROWS; ++row)
#pragma GCC unroll 4
            for (int part = 0; part < VECTORS; ++part)
                sums[row][part] += x[row][channel] * weights[part];
    }
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; ++row)
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part)
            if (part + 1 < VECTORS)
                add_to<false>(y[row] + part * lanes, sums[row][part], lanes);
            else
                add_to<PARTIAL>(y[row] + part * lanes, sums[row][part], last_lanes);
}

// A group of `count` <= ROWS pairs; the places of absent ones repeat the first input row and
// write into `spare`.
template <int ROWS, int VECTORS, bool PARTIAL, typename T>
inline void gather_group(const T* x, T* y, const T* panel, int64_t depth, int64_t width,
                         const int32_t* inputs, const int32_t* outputs, int64_t count,
                         int64_t last_lanes, T* spare) {
    const T* from[ROWS];
    T* to[ROWS];
    for (int row = 0; row < ROWS; ++row) {
        const bool there = row < count;
        from[row] = x + static_cast<int64_t>(inputs[there ? row : 0]) * depth;
        to[row] = there ? y + static_cast<int64_t>(outputs[row]) * width : spare;
    }
    multiply_group<ROWS, VECTORS, PARTIAL, T>(from, to, panel, depth, last_lanes);
}

template <int VECTORS, bool PARTIAL, typename T>
void multiply_pairs(const T* x, T* y, const T* panel, int64_t depth, int64_t width,
                    const int32_t* inputs, const int32_t* outputs, int64_t count,
                    int64_t last_lanes) {
    constexpr int rows = rows_beside(VECTORS);
    T spare[VECTORS * VectorOf<T>::lanes] = {};
    int64_t done = 0;
    for (; count - done > rows / 2; done += rows)
        gather_group<rows, VECTORS, PARTIAL, T>(x, y, panel, depth, width, inputs + done,
                                                outputs + done, count - done, last_lanes, spare);
    if (done < count)
        gather_group<rows / 2, VECTORS, PARTIAL, T>(
            x, y, panel, depth, width, inputs + done, outputs + done, count - done, last_lanes,
            spare);
}

template <bool PARTIAL, typename T>
void multiply_panel(int vectors, const T* x, T* y, const T* panel, int64_t depth, int64_t width,
                    const int32_t* inputs, const int32_t* outputs, int64_t count,
                    int64_t last_lanes) {
    if (vectors == 1)
        multiply_pairs<1, PARTIAL, T>(x, y, panel, depth, width, inputs, outputs, count,
                                      last_lanes);
    else if (vectors == 2)
        multiply_pairs<2, PARTIAL, T>(x, y, panel, depth, width, inputs, outputs, count,
                                      last_lanes);
    else if constexpr (WIDEST == 4)
        multiply_pairs<4, PARTIAL, T>(x, y, panel, depth, width, inputs, outputs, count,
                                      last_lanes);
}

template <typename T>
void convolve_block(const Pairs& pairs, const Matrices<T>& matrices, const T* x, const T* packed,
                    T* y, int64_t block) {
    constexpr int64_t lanes = VectorOf<T>::lanes;
    const int64_t width = matrices.width, depth = matrices.depth, padded = matrices.padded();
    const int64_t row = block * pairs.rows_of_block;
    const int64_t rows = std::min(pairs.rows_of_block, pairs.num_outputs - row);
    std::fill_n(y + row * width, rows * width, T(0));
    for (int64_t offset = 0; offset < pairs.offsets; ++offset) {
        const int64_t* range = pairs.starts + block * pairs.offsets + offset;
        const int64_t count = range[1] - range[0];
        if (count == 0) continue;
        const T* panel = packed + offset * depth * padded;
        for (int64_t first = 0; first < padded;) {
            const int vectors = panel_vectors((padded - first) / lanes);
            const int64_t behind = first + vectors * lanes;
            const auto multiply = behind <= width ? multiply_panel<false, T>
                                                  : multiply_panel<true, T>;
            multiply(vectors, x, y + first, panel, depth, width, pairs.inputs + range[0],
                     pairs.outputs + range[0], count, lanes - (behind - width));
            panel += depth * vectors * lanes;
            first = behind;
        }
    }
}

template <typename T>
int convolve(const Pairs& pairs, const Matrices<T>& matrices, const T* x, T* y, int threads) {
    const int64_t size = matrices.offsets * matrices.depth * matrices.padded();
    std::unique_ptr<T[]> packed(new (std::nothrow) T[std::max<int64_t>(size, 1)]);
    if (!packed) return 1;
    pack(matrices, packed.get(), threads);
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (int64_t block = 0; block < pairs.blocks; ++block)
        convolve_block(pairs, matrices, x, packed.get(), y, block);
    return 0;
}

// sums[r] += left[p][r] * right[p] over pairs: a tile of the weight gradient in registers.
template <int ROWS, int VECTORS, bool PARTIAL, typename T>
inline void add_outer(const T* left, const T* right, int64_t left_width, int64_t right_width,
                      const int32_t* left_rows, const int32_t* right_rows, int64_t count, T* kept,
                      int64_t last_lanes) {
    constexpr int64_t lanes = VectorOf<T>::lanes, width = VECTORS * lanes;
    Vector<T> sums[ROWS][VECTORS] = {};
    for (int64_t pair = 0; pair < count; ++pair) {
        const T* one = left + left_rows[pair] * left_width;
        const T* other = right + right_rows[pair] * right_width;
        Vector<T> values[VECTORS];
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part)
            values[part] = part + 1 < VECTORS ? load<false>(other + part * lanes, lanes)
                                              : load<PARTIAL>(other + part * lanes, last_lanes);
#pragma GCC unroll 16
        for (int row = 0; row < ROWS; ++row)
#pragma GCC unroll 4
            for (int part = 0; part < VECTORS; ++part)
                sums[row][part] += one[row] * values[part];
    }
#pragma GCC unroll 16
    for (int row = 0; row < ROWS; ++row)
#pragma GCC unroll 4
        for (int part = 0; part < VECTORS; ++part)
            add_to<false>(kept + row * width + part * lanes, sums[row][part], lanes);
}

// A panel of columns of one offset's weight gradient: sums [rows, width] over the pairs of a block.
template <int VECTORS, bool PARTIAL, typename T>
void add_pairs(const T* left, const T* right, int64_t left_width, int64_t right_width,
               const int32_t* left_rows, const int32_t* right_rows, int64_t pairs, T* sums,
               int64_t last_lanes) {
    constexpr int64_t width = VECTORS * VectorOf<T>::lanes;
    constexpr int most = VECTORS == 2 && REGISTERS < 32 ? 6 : 8;
    for (int64_t pair = 0; pair < pairs; pair += PAIRS_AT_ONCE) {
        const int64_t count = std::min(PAIRS_AT_ONCE, pairs - pair);
        const auto add = [&](auto number, int64_t row) {
            add_outer<decltype(number)::value, VECTORS, PARTIAL, T>(
                left + row, right, left_width, right_width, left_rows + pair, right_rows + pair,
                count, sums + row * width, last_lanes);
            return row + number;
        };
        int64_t row = 0;
        while (row + most <= left_width) row = add(std::integral_constant<int, most>(), row);
        while (row + 4 <= left_width) row = add(std::integral_constant<int, 4>(), row);
        while (row + 2 <= left_width) row = add(std::integral_constant<int, 2>(), row);
        if (row < left_width) add(std::integral_constant<int, 1>(), row);
    }
}

// The weight gradient in parts of one offset and one panel of input channels each.
template <typename T>
struct WeightGradient {
    static constexpr int64_t lanes = VectorOf<T>::lanes, most = 2 * lanes;
    const Pairs& pairs;
    const T *x, *gradient;
    int64_t in_channels, out_channels;

    int64_t panels() const { return (in_channels + most - 1) / most; }
    int64_t parts() const { return pairs.offsets * panels(); }
    int64_t size_of_part() const { return out_channels * most; }
    int64_t columns(int64_t part) const {
        return std::min(most, in_channels - part % panels() * most);
    }

    // First part of each thread, so that all have about as many pairs; parts are never split.
    int64_t first_part(int thread, int threads) const {
        int64_t pair_count = 0, part = 0;
        const int64_t all = pairs.starts[pairs.blocks * pairs.offsets] * panels();
        for (; part < parts() && pair_count * threads < all * thread; ++part)
            pair_count += pairs_of(part / panels());
        return thread == threads ? parts() : part;
    }

    int64_t pairs_of(int64_t offset) const {
        int64_t count = 0;
        for (int64_t block = 0; block < pairs.blocks; ++block) {
            const int64_t* range = pairs.starts + block * pairs.offsets + offset;
            count += range[1] - range[0];
        }
        return count;
    }

    void add_block(int64_t part, int64_t block, T* sums) const {
        const int64_t* range = pairs.starts + block * pairs.offsets + part / panels();
        const int64_t width = columns(part);
        const auto add = width == most    ? add_pairs<2, false, T>
                         : width > lanes  ? add_pairs<2, true, T>
                         : width == lanes ? add_pairs<1, false, T>
                                          : add_pairs<1, true, T>;
        add(gradient, x + part % panels() * most, out_channels, in_channels,
            pairs.outputs + range[0], pairs.inputs + range[0], range[1] - range[0], sums,
            width > lanes ? width - lanes : width);
    }

    void write(int64_t part, const T* sums, T* total) const {
        const int64_t width = columns(part) > lanes ? most : lanes;
        total += part / panels() * in_channels + part % panels() * most;
        for (int64_t row = 0; row < out_channels; ++row)
            std::copy_n(sums + row * width, columns(part),
                        total + row * pairs.offsets * in_channels);
    }
};

// total[r][k][c] = sum over the pairs of offset k of gradient[output][r] * x[input][c]. Each thread
// goes through the blocks with its own parts, so the rows of a block stay in its cache.
template <typename T>
int weight_gradient(const WeightGradient<T>& sought, T* total, int threads) {
    const int64_t size = sought.size_of_part();
    std::unique_ptr<T[]> sums(new (std::nothrow) T[sought.parts() * size]());
    if (!sums) return 1;
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (threads > 1)
    for (int thread = 0; thread < threads; ++thread) {
        const int64_t first = sought.first_part(thread, threads);
        const int64_t end = sought.first_part(thread + 1, threads);
        for (int64_t block = 0; block < sought.pairs.blocks; ++block)
            for (int64_t part = first; part < end; ++part)
                sought.add_block(part, block, sums.get() + part * size);
        for (int64_t part = first; part < end; ++part)
            sought.write(part, sums.get() + part * size, total);
    }
    return 0;
}

}  // namespace
}  // namespace sparse3d

using sparse3d::Matrices;
using sparse3d::Pairs;

// [N, depth] * [offsets, depth, width] -> [M, width]; 1 if there is no memory for the weights.
#define SPARSE3D_CONVOLUTION(NAME, T)                                                             \
    extern "C" int sparse3d_convolve_##NAME(                                                      \
        const T* x, const T* weights, T* y, const int64_t* starts, const int32_t* inputs,         \
        const int32_t* outputs, int64_t offsets, int64_t blocks, int64_t rows_of_block,           \
        int64_t num_outputs, int64_t depth, int64_t width, int64_t offset_stride,                 \
        int64_t depth_stride, int64_t width_stride, int threads) {                                \
        const Pairs pairs{starts, inputs, outputs, offsets, blocks, rows_of_block, num_outputs};  \
        const Matrices<T> matrices{weights,       offsets,      depth,       width,               \
                                   offset_stride, depth_stride, width_stride};                    \
        return sparse3d::convolve(pairs, matrices, x, y, threads);                                \
    }                                                                                             \
    extern "C" int sparse3d_weight_gradient_##NAME(                                               \
        const T* x, const T* gradient, T* total, const int64_t* starts, const int32_t* inputs,    \
        const int32_t* outputs, int64_t offsets, int64_t blocks, int64_t rows_of_block,           \
        int64_t num_outputs, int64_t in_channels, int64_t out_channels, int threads) {            \
        const Pairs pairs{starts, inputs, outputs, offsets, blocks, rows_of_block, num_outputs};  \
        const sparse3d::WeightGradient<T> sought{pairs, x, gradient, in_channels, out_channels};  \
        return sparse3d::weight_gradient(sought, total, threads);                                 \
    }

SPARSE3D_CONVOLUTION(float32, float)
SPARSE3D_CONVOLUTION(float64, double)
