// Pictures of three channels resized with a filter that widens when shrinking, in whole numbers:
// along rows first, rounded to bytes, then along columns. Weights are fixed point numbers of 22
// bits, as Pillow has them; what comes out has its bits, on every processor.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

constexpr int BITS = 22;                // of a weight behind the point
constexpr int32_t HALF = 1 << (BITS - 1);
constexpr int64_t CHANNELS = 3;
constexpr int64_t PADDING = 32;         // bytes that vectors may touch behind a row
constexpr int64_t ROWS_AT_ONCE = 4;

struct Axis {
    const int32_t* first;       // [outputs] first input of each output
    const int32_t* count;       // [outputs]
    const int32_t* weights;     // [outputs, taps], 0 behind the count
    int64_t outputs, taps;
};

inline uint8_t rounded(int32_t sum) {
    return static_cast<uint8_t>(std::min(std::max(sum >> BITS, 0), 255));
}

#if defined(__AVX2__)

// A weight is 256 times its upper part and its lower byte, two numbers of 16 bits: products of
// both are summed exactly. Weights of a group of taps, each pair of them in all lanes it goes to.
struct Groups {
    int64_t taps, number;                       // of an output, in whole groups
    std::vector<int16_t> upper, lower;          // [outputs, number, taps of a group]

    Groups(const Axis& axis, int64_t of_group) {
        number = (axis.taps + of_group - 1) / of_group;
        taps = number * of_group;
        upper.assign(axis.outputs * taps, 0);
        lower.assign(axis.outputs * taps, 0);
        for (int64_t output = 0; output < axis.outputs; ++output)
            for (int64_t tap = 0; tap < axis.taps; ++tap) {
                const int32_t weight = axis.weights[output * axis.taps + tap];
                upper[output * taps + tap] = static_cast<int16_t>(weight >> 8);
                lower[output * taps + tap] = static_cast<int16_t>(weight & 255);
            }
    }
};

inline __m256i of_four(const int16_t* weights) {  // (0, 1) four times, (2, 3) four times
    const __m128i pairs = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights));
    return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(pairs),
                                       _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

// ROWS rows of pictures, each with PADDING bytes behind it that may be read and written.
template <int64_t ROWS>
void along_rows(const uint8_t* const* from, uint8_t* const* to, const Axis& axis,
                const Groups& groups) {
    // Four pixels of three bytes: channels of pixels 0 and 1, then of 2 and 3, as pairs.
    const __m256i spread = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    for (int64_t output = 0; output < axis.outputs; ++output) {
        __m256i high[ROWS], low[ROWS];
        for (int64_t row = 0; row < ROWS; ++row) high[row] = low[row] = _mm256_setzero_si256();
        const int64_t place = CHANNELS * axis.first[output];
        const int64_t used = (axis.count[output] + 3) / 4;
        for (int64_t group = 0; group < used; ++group) {
            const int64_t at = output * groups.taps + 4 * group;
            const __m256i upper = of_four(&groups.upper[at]), lower = of_four(&groups.lower[at]);
            for (int64_t row = 0; row < ROWS; ++row) {
                const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(
                    from[row] + place + 4 * CHANNELS * group));
                const __m256i pairs = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes),
                                                          spread);
                high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(pairs, upper));
                low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(pairs, lower));
            }
        }
        for (int64_t row = 0; row < ROWS; ++row) {
            const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high[row], 8), low[row]);
            const __m128i sum = _mm_add_epi32(
                _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1)),
                _mm_set1_epi32(HALF));
            const __m128i words = _mm_srai_epi32(sum, BITS);
            const __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(words, words),
                                                   _mm_setzero_si128());
            const int32_t pixel = _mm_cvtsi128_si32(bytes);
            std::memcpy(to[row] + CHANNELS * output, &pixel, sizeof(pixel));
        }
    }
}

// One row of `bytes` bytes out of `count` rows that are `stride` apart.
void along_column(const uint8_t* from, int64_t stride, int64_t bytes, const int16_t* upper,
                  const int16_t* lower, const int32_t* weights, int64_t count, uint8_t* to) {
    const __m256i half = _mm256_set1_epi32(HALF);
    int64_t place = 0;
    for (; place + 16 <= bytes; place += 16) {
        __m256i high[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        __m256i low[2] = {half, half};
        for (int64_t tap = 0; tap < count; tap += 2) {
            const uint8_t* row = from + tap * stride + place;
            // Behind an odd count the weight is 0, and no row may be there.
            const uint8_t* next = tap + 1 < count ? row + stride : row;
            const __m256i one = _mm256_cvtepu8_epi16(
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
            const __m256i two = _mm256_cvtepu8_epi16(
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
            int32_t pair[2];
            std::memcpy(&pair[0], upper + tap, sizeof(pair[0]));
            std::memcpy(&pair[1], lower + tap, sizeof(pair[1]));
            const __m256i above = _mm256_set1_epi32(pair[0]), below = _mm256_set1_epi32(pair[1]);
            const __m256i parts[2] = {_mm256_unpacklo_epi16(one, two),
                                      _mm256_unpackhi_epi16(one, two)};
            for (int part = 0; part < 2; ++part) {
                high[part] = _mm256_add_epi32(high[part], _mm256_madd_epi16(parts[part], above));
                low[part] = _mm256_add_epi32(low[part], _mm256_madd_epi16(parts[part], below));
            }
        }
        __m256i words[2];
        for (int part = 0; part < 2; ++part)
            words[part] = _mm256_srai_epi32(
                _mm256_add_epi32(_mm256_slli_epi32(high[part], 8), low[part]), BITS);
        const __m256i packed = _mm256_packs_epi32(words[0], words[1]);  // in order again
        const __m128i result = _mm_packus_epi16(_mm256_castsi256_si128(packed),
                                                _mm256_extracti128_si256(packed, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + place), result);
    }
    for (; place < bytes; ++place) {
        int32_t sum = HALF;
        for (int64_t tap = 0; tap < count; ++tap)
            sum += from[tap * stride + place] * weights[tap];
        to[place] = rounded(sum);
    }
}

#else

struct Groups {
    int64_t taps = 0;
    std::vector<int16_t> upper, lower;
    Groups(const Axis&, int64_t) {}
};

template <int64_t ROWS>
void along_rows(const uint8_t* const* from, uint8_t* const* to, const Axis& axis, const Groups&) {
    for (int64_t row = 0; row < ROWS; ++row)
        for (int64_t output = 0; output < axis.outputs; ++output) {
            const uint8_t* pixel = from[row] + CHANNELS * axis.first[output];
            const int32_t* weights = axis.weights + output * axis.taps;
            int32_t sums[CHANNELS] = {HALF, HALF, HALF};
            for (int64_t tap = 0; tap < axis.count[output]; ++tap)
                for (int64_t channel = 0; channel < CHANNELS; ++channel)
                    sums[channel] += pixel[CHANNELS * tap + channel] * weights[tap];
            for (int64_t channel = 0; channel < CHANNELS; ++channel)
                to[row][CHANNELS * output + channel] = rounded(sums[channel]);
        }
}

void along_column(const uint8_t* from, int64_t stride, int64_t bytes, const int16_t*,
                  const int16_t*, const int32_t* weights, int64_t count, uint8_t* to) {
    std::vector<int32_t> sums(bytes, HALF);
    for (int64_t tap = 0; tap < count; ++tap)
        for (int64_t place = 0; place < bytes; ++place)
            sums[place] += from[tap * stride + place] * weights[tap];
    for (int64_t place = 0; place < bytes; ++place) to[place] = rounded(sums[place]);
}

#endif

struct Picture {
    const uint8_t* pixels;      // [height, width, 3]
    int64_t height, width, stride;
};

// Rows `first` to `last` of a picture, each with PADDING bytes behind it in `to`.
void all_rows(const Picture& picture, int64_t first, int64_t last, const Axis& axis, uint8_t* to,
              int64_t to_stride) {
    const Groups groups(axis, 4);
    const int64_t bytes = CHANNELS * picture.width, room = bytes + PADDING;
    std::vector<uint8_t> copies(ROWS_AT_ONCE * room, 0);
    for (int64_t row = first; row < last;) {
        const uint8_t* from[ROWS_AT_ONCE];
        uint8_t* target[ROWS_AT_ONCE];
        const int64_t rows = last - row >= ROWS_AT_ONCE ? ROWS_AT_ONCE : 1;
        for (int64_t place = 0; place < rows; ++place) {
            from[place] = picture.pixels + (row + place) * picture.stride;
            target[place] = to + (row + place - first) * to_stride;
            if ((picture.height - 1 - row - place) * picture.stride < PADDING) {
                std::memcpy(copies.data() + place * room, from[place], bytes);
                from[place] = copies.data() + place * room;  // not our bytes behind it
            }
        }
        if (rows == ROWS_AT_ONCE)
            along_rows<ROWS_AT_ONCE>(from, target, axis, groups);
        else
            along_rows<1>(from, target, axis, groups);
        row += rows;
    }
}

// `bytes` of each row; row 0 of `from` is row `first` of the picture.
void all_columns(const uint8_t* from, int64_t stride, int64_t first, int64_t bytes,
                 const Axis& axis, uint8_t* to, int64_t to_stride) {
    const Groups groups(axis, 2);
    for (int64_t row = 0; row < axis.outputs; ++row)
        along_column(from + (axis.first[row] - first) * stride, stride, bytes,
                     groups.upper.data() + row * groups.taps,
                     groups.lower.data() + row * groups.taps, axis.weights + row * axis.taps,
                     axis.count[row], to + row * to_stride);
}

}  // namespace

// A part of a picture [height, width, 3], rows `stride` bytes apart, as [rows, columns, 3].
// Of each output its first input, how many inputs it has, and [outputs, taps] their weights.
// columns_first: which pass is rounded to bytes.
extern "C" int sparse3d_image_resize(
    const uint8_t* pixels, int64_t height, int64_t width, int64_t stride,
    const int32_t* column_first, const int32_t* column_count, const int32_t* column_weights,
    int64_t columns, int64_t column_taps, const int32_t* row_first, const int32_t* row_count,
    const int32_t* row_weights, int64_t rows, int64_t row_taps, int64_t columns_first,
    uint8_t* out) {
    try {
        const Picture picture{pixels, height, width, stride};
        const Axis across{column_first, column_count, column_weights, columns, column_taps};
        const Axis down{row_first, row_count, row_weights, rows, row_taps};
        const int64_t bytes = CHANNELS * columns, between = bytes + PADDING;
        if (columns_first) {
            const int64_t whole = CHANNELS * width, apart = whole + PADDING;
            std::vector<uint8_t> lower(rows * apart), narrowed(rows * between);
            all_columns(pixels, stride, 0, whole, down, lower.data(), apart);
            all_rows({lower.data(), rows, width, apart}, 0, rows, across, narrowed.data(),
                     between);
            for (int64_t row = 0; row < rows; ++row)
                std::memcpy(out + row * bytes, narrowed.data() + row * between, bytes);
        } else {
            const int64_t first = row_first[0], last = row_first[rows - 1] + row_count[rows - 1];
            std::vector<uint8_t> narrowed((last - first) * between);
            all_rows(picture, first, last, across, narrowed.data(), between);
            all_columns(narrowed.data(), between, first, bytes, down, out, bytes);
        }
        return 0;
    } catch (const std::bad_alloc&) {
        return 1;
    }
}
