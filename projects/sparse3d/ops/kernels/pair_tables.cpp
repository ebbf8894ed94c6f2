// Neighbor tables of sparse convolutions, by merging sorted keys and by a bitmap of the outputs.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

constexpr int MOST_AXES = 8;

// Neighbors of one row of the kernel (all axes but the last fixed) among sorted distinct keys.
struct KernelRow {
    const int64_t* keys;
    const int64_t* order;  // the row each key was given as, or null where that is its place
    int64_t count, width, step, first_offset, offsets;
    bool symmetric;        // who has a neighbor ahead is behind that neighbor
    int32_t* neighbors;    // [offsets, count], absent ones already -1

    int64_t given(int64_t place) const { return order ? order[place] : place; }

    void meet(int64_t offset, int64_t place, int64_t other) const {
        const int64_t row = given(place), other_row = given(other);
        neighbors[offset * count + row] = static_cast<int32_t>(other_row);
        if (symmetric)
            neighbors[(offsets - 1 - offset) * count + other_row] = static_cast<int32_t>(row);
    }

    // All of the row at once where its keys follow each other.
    void find_run(int64_t shift, int64_t wanted_width) const {
        int64_t place = 0;
        for (int64_t row = 0; row < count; ++row) {
            const int64_t first = keys[row] + shift;
            while (place < count && keys[place] < first) ++place;
            for (int64_t near = place; near < count && keys[near] < first + wanted_width; ++near)
                meet(first_offset + (keys[near] - first), row, near);
        }
    }

    void find_one(int64_t shift, int64_t offset) const {
        int64_t place = 0;
        for (int64_t row = 0; row < count; ++row) {
            const int64_t wanted = keys[row] + shift;
            while (place < count && keys[place] < wanted) ++place;
            if (place < count && keys[place] == wanted) meet(offset, row, place);
        }
    }

    // Only the first `wanted_width` offsets of the row.
    void find(int64_t shift, int64_t wanted_width) const {
        if (step == 1) return find_run(shift - width / 2, wanted_width);
        for (int64_t at = 0; at < wanted_width; ++at)
            find_one(shift + (at - width / 2) * step, first_offset + at);
    }
};

}  // namespace

// neighbors [offsets, count] of a submanifold convolution; steps: key difference along each axis.
extern "C" int sparse3d_submanifold_neighbors(const int64_t* keys, const int64_t* order,
                                              int64_t count, int64_t axes, const int64_t* kernel,
                                              const int64_t* steps, int64_t symmetric,
                                              int32_t* neighbors, int threads) {
    const int64_t width = kernel[axes - 1];
    int64_t rows = 1;
    for (int64_t axis = 0; axis + 1 < axes; ++axis) rows *= kernel[axis];
    const int64_t offsets = rows * width;
    std::fill_n(neighbors, offsets * count, -1);
    const int64_t searched = symmetric ? rows / 2 + 1 : rows;
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
    for (int64_t row = 0; row < searched; ++row) {
        int64_t shift = 0, rest = row;
        for (int64_t axis = axes - 2; axis >= 0; --axis) {
            shift += (rest % kernel[axis] - kernel[axis] / 2) * steps[axis];
            rest /= kernel[axis];
        }
        const KernelRow found{keys,  order,        count,   width,          steps[axes - 1],
                              row * width, offsets, symmetric != 0, neighbors};
        // Of the middle row of a symmetric kernel the first half says the rest.
        const bool middle = symmetric && row == rows / 2;
        found.find(shift, middle ? width / 2 : width);
        if (middle)
            for (int64_t place = 0; place < count; ++place)
                neighbors[offsets / 2 * count + place] = static_cast<int32_t>(place);
    }
    return 0;
}

// Keys of voxels in one reading. Returns what they are, in bits: 1, some lie outside of `shape` or
// below 0; 2, they do not rise; 4, some follow their equal. `strides` [1 + axes] of sample and axes.
extern "C" int sparse3d_voxel_keys(const int32_t* coordinates, int64_t count, int64_t axes,
                                   const int64_t* shape, const int64_t* strides, int64_t* keys,
                                   int32_t* last_sample) {
    bool outside = false, falls = false, repeats = false;
    int32_t most = 0;
    int64_t before = -1;
    for (int64_t row = 0; row < count; ++row) {
        const int32_t* at = coordinates + row * (axes + 1);
        outside |= at[0] < 0;
        most = std::max(most, at[0]);
        int64_t key = at[0] * strides[0];
        for (int64_t axis = 1; axis <= axes; ++axis) {
            outside |= (at[axis] < 0) | (at[axis] >= shape[axis - 1]);
            key += at[axis] * strides[axis];
        }
        falls |= key < before;
        repeats |= key == before;
        before = keys[row] = key;
    }
    *last_sample = most;
    return outside | falls << 1 | repeats << 2;
}

// Where each position of each axis lands under each of its kernel offsets, or -1.
// targets: per axis [extent, kernel], one after the other.
struct Reach {
    const int32_t* coordinates;  // [N, 1 + axes]
    int64_t count, axes;
    const int64_t *extents, *kernel, *output_shape;
    const int32_t* targets;

    // Calls visit(row, kernel offset, key of the output) for all pairs.
    template <typename Visit>
    void each(Visit&& visit) const {
        std::vector<Step> steps;     // of all axes and positions, without those that land nowhere
        std::vector<int64_t> ends;   // behind the steps of each position
        int64_t places[MOST_AXES];   // of the first position of each axis in `ends`
        const int32_t* target = targets;
        for (int64_t axis = 0; axis < axes; ++axis) {
            places[axis] = static_cast<int64_t>(ends.size());
            for (int64_t at = 0; at < extents[axis]; ++at) {
                for (int64_t index = 0; index < kernel[axis]; ++index, ++target)
                    if (*target >= 0) steps.push_back({index, *target});
                ends.push_back(static_cast<int64_t>(steps.size()));
            }
        }
        for (int64_t row = 0; row < count; ++row) {
            const int32_t* at = coordinates + row * (axes + 1);
            Range ranges[MOST_AXES];
            for (int64_t axis = 0; axis < axes; ++axis) {
                const int64_t place = places[axis] + at[axis + 1];
                ranges[axis] = {steps.data() + (place ? ends[place - 1] : 0),
                                steps.data() + ends[place]};
            }
            with_axes<MOST_AXES>(visit, ranges, row, at[0]);
        }
    }

private:
    struct Step {
        int64_t index, reached;
    };
    struct Range {
        const Step *first, *end;
    };

    // As many nested loops as there are axes, known to the compiler.
    template <int AXES, typename Visit>
    void with_axes(Visit& visit, const Range* ranges, int64_t row, int64_t sample) const {
        if (axes == AXES)
            each_axis<AXES, 0>(visit, ranges, row, 0, sample);
        else if constexpr (AXES > 1)
            with_axes<AXES - 1>(visit, ranges, row, sample);
    }

    template <int AXES, int AXIS, typename Visit>
    void each_axis(Visit& visit, const Range* ranges, int64_t row, int64_t offset,
                   int64_t key) const {
        for (const Step* step = ranges[AXIS].first; step != ranges[AXIS].end; ++step) {
            const int64_t next = key * output_shape[AXIS] + step->reached;
            const int64_t place = offset * kernel[AXIS] + step->index;
            if constexpr (AXIS + 1 == AXES)
                visit(row, place, next);
            else
                each_axis<AXES, AXIS + 1>(visit, ranges, row, place, next);
        }
    }
};

// Marks every output in `bits` (zeros before), counts them before each word in `before`
// [words + 1] and returns how many there are.
extern "C" int sparse3d_mark_outputs(const int32_t* coordinates, int64_t count, int64_t axes,
                                         const int64_t* extents, const int64_t* kernel,
                                         const int64_t* output_shape, const int32_t* targets,
                                         uint64_t* bits, int64_t words, int32_t* before) {
    const Reach reach{coordinates, count, axes, extents, kernel, output_shape, targets};
    reach.each([&](int64_t, int64_t, int64_t key) { bits[key >> 6] |= uint64_t{1} << (key & 63); });
    int32_t total = 0;
    for (int64_t word = 0; word < words; ++word) {
        before[word] = total;
        total += __builtin_popcountll(bits[word]);
    }
    before[words] = total;
    return total;
}

// neighbors [offsets, outputs] (-1 before) and coordinates [outputs, 1 + axes] of marked outputs.
extern "C" int sparse3d_fill_outputs(const int32_t* coordinates, int64_t count, int64_t axes,
                                     const int64_t* extents, const int64_t* kernel,
                                     const int64_t* output_shape, const int32_t* targets,
                                     const uint64_t* bits, int64_t words, const int32_t* before,
                                     int32_t* neighbors, int32_t* output_coordinates) {
    const int64_t outputs = before[words];
    const Reach reach{coordinates, count, axes, extents, kernel, output_shape, targets};
    reach.each([&](int64_t row, int64_t offset, int64_t key) {
        const uint64_t below = bits[key >> 6] & ((uint64_t{1} << (key & 63)) - 1);
        const int64_t place = before[key >> 6] + __builtin_popcountll(below);
        neighbors[offset * outputs + place] = static_cast<int32_t>(row);
    });
    int64_t start = 0, end = 0;  // keys of one line of the last axis: divided once for each line
    const int64_t width = output_shape[axes - 1];
    for (int64_t word = 0; word < words; ++word)
        for (uint64_t left = bits[word]; left; left &= left - 1) {
            const int64_t key = word * 64 + __builtin_ctzll(left);
            int32_t* const before_it = output_coordinates - (axes + 1);
            if (key >= end) {
                start = key / width * width;
                end = start + width;
                int64_t line = key / width;
                for (int64_t axis = axes - 1; axis > 0; --axis) {
                    output_coordinates[axis] = static_cast<int32_t>(line % output_shape[axis - 1]);
                    line /= output_shape[axis - 1];
                }
                output_coordinates[0] = static_cast<int32_t>(line);
            } else {
                std::copy_n(before_it, axes, output_coordinates);
            }
            output_coordinates[axes] = static_cast<int32_t>(key - start);
            output_coordinates += axes + 1;
        }
    return 0;
}
