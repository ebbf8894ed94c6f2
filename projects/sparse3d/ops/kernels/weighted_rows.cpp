// Feature maps as rows of channels, and the gradients of weighted sums of such rows.
#include "vectors.h"

#include <algorithm>

namespace sparse3d {
namespace {

constexpr int64_t CELLS = 64, CHANNELS = 16;  // of a tile: what is read and written stays in L1

// A tile of a map [channels, cells] to rows [cells, channels].
void turn_tile(const float* map, float* rows, int64_t cells, int64_t channels, int64_t first_cell,
               int64_t first_channel) {
    const int64_t end_cell = std::min(first_cell + CELLS, cells);
    const int64_t end_channel = std::min(first_channel + CHANNELS, channels);
    for (int64_t cell = first_cell; cell < end_cell; ++cell)
        for (int64_t channel = first_channel; channel < end_channel; ++channel)
            rows[cell * channels + channel] = map[channel * cells + cell];
}

// Bags of rows of one table: sums[bag] = sum over k of weights[bag, k] * table[rows[bag, k]].
struct Bags {
    const int64_t* rows;   // [count, size]
    const float* weights;  // [count, size]
    int64_t count, size, width;
    int64_t absent;        // this row is nothing: it has no gradient, and neither has its weight

    // Adds to columns first <= column < end of a table's gradient.
    void add_to_table(const float* gradient, float* total, int64_t first, int64_t end) const {
        for (int64_t place = 0; place < count * size; ++place) {
            const float weight = weights[place];
            if (rows[place] == absent || weight == 0) continue;
            const float* from = gradient + place / size * width;
            float* to = total + rows[place] * width;
            for (int64_t column = first; column < end; ++column) to[column] += weight * from[column];
        }
    }

    // The gradient of a weight: the product of its row with the gradient of the sum.
    float of_weight(const float* table, const float* gradient, int64_t place) const {
        if (rows[place] == absent) return 0;
        constexpr int64_t lanes = VectorOf<float>::lanes;
        const float *row = table + rows[place] * width, *other = gradient + place / size * width;
        Vector<float> sums = {};
        int64_t column = 0;
        for (; column + lanes <= width; column += lanes)
            sums += load<false>(row + column, lanes) * load<false>(other + column, lanes);
        float sum = 0;
        for (int64_t lane = 0; lane < lanes; ++lane) sum += sums[lane];
        for (; column < width; ++column) sum += row[column] * other[column];
        return sum;
    }
};

}  // namespace
}  // namespace sparse3d

// maps [images, channels, cells] -> rows [images, cells, channels].
extern "C" int sparse3d_rows_of_maps(const float* maps, float* rows, int64_t images,
                                     int64_t channels, int64_t cells, int threads) {
    using namespace sparse3d;
    const int64_t tiles = (cells + CELLS - 1) / CELLS;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t part = 0; part < images * tiles; ++part) {
        const int64_t start = part / tiles * channels * cells;
        for (int64_t channel = 0; channel < channels; channel += CHANNELS)
            turn_tile(maps + start, rows + start, cells, channels, part % tiles * CELLS, channel);
    }
    return 0;
}

// Adds to the gradient of the table [rows, width], if there is one: each thread to columns of its
// own, so that their number changes no bit. Writes that of the weights [count, size], if wanted.
extern "C" int sparse3d_weighted_rows_backward(const float* table, const int64_t* rows,
                                               const float* weights, const float* gradient,
                                               float* of_table, float* of_weights, int64_t count,
                                               int64_t size, int64_t width, int64_t absent,
                                               int threads) {
    const sparse3d::Bags bags{rows, weights, count, size, width, absent};
    if (of_table) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t part = 0; part < threads; ++part)
            bags.add_to_table(gradient, of_table, width * part / threads,
                              width * (part + 1) / threads);
    }
    if (of_weights) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
        for (int64_t place = 0; place < count * size; ++place)
            of_weights[place] = bags.of_weight(table, gradient, place);
    }
    return 0;
}
