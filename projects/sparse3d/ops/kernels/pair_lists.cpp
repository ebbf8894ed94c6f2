// Pairs of a neighbor table [offsets, outputs], block of output rows by block, offset by offset.
#include <cstdint>
#include <algorithm>
#include <memory>
#include <new>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

constexpr int64_t SPARE = 16;  // places that a list may be written too far

// Entries of a table's row that are there, and their places, from `first` on; how many they are.
int64_t keep_present(const int32_t* table, int64_t first, int64_t end, int32_t* entries,
                     int32_t* places) {
    int64_t count = 0, place = first;
#if defined(__AVX512F__)
    __m512i places_here = _mm512_add_epi32(
        _mm512_set1_epi32(static_cast<int32_t>(first)),
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    for (; place + 16 <= end; place += 16) {
        const __m512i values = _mm512_loadu_si512(table + place);
        const __mmask16 there = _mm512_cmpge_epi32_mask(values, _mm512_setzero_si512());
        if (there) {
            _mm512_storeu_si512(entries + count, _mm512_maskz_compress_epi32(there, values));
            _mm512_storeu_si512(places + count, _mm512_maskz_compress_epi32(there, places_here));
            count += __builtin_popcount(there);
        }
        places_here = _mm512_add_epi32(places_here, _mm512_set1_epi32(16));
    }
#endif
    for (; place < end; ++place) {  // without a branch, one place too far
        entries[count] = table[place];
        places[count] = static_cast<int32_t>(place);
        count += table[place] >= 0;
    }
    return count;
}

}  // namespace

// starts [blocks * offsets + 1]: first pair of each block's offset, then the number of pairs.
extern "C" int sparse3d_count_pairs(const int32_t* neighbors, int64_t offsets, int64_t outputs,
                                    int64_t rows_of_block, int64_t blocks, int64_t* starts,
                                    int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int64_t block = 0; block < blocks; ++block) {
        const int64_t first = block * rows_of_block;
        const int64_t end = std::min(first + rows_of_block, outputs);
        for (int64_t offset = 0; offset < offsets; ++offset) {
            const int32_t* table = neighbors + offset * outputs;
            int32_t count = 0;
            for (int64_t row = first; row < end; ++row) count += table[row] >= 0;
            starts[block * offsets + offset + 1] = count;
        }
    }
    starts[0] = 0;
    for (int64_t place = 0; place < blocks * offsets; ++place) starts[place + 1] += starts[place];
    return 0;
}

extern "C" int sparse3d_list_pairs(const int32_t* neighbors, int64_t offsets, int64_t outputs,
                                   int64_t rows_of_block, int64_t blocks, const int64_t* starts,
                                   int32_t* input_rows, int32_t* output_rows, int threads) {
    int failed = 0;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        // Written a little too far; then copied to where others write as well.
        std::unique_ptr<int32_t[]> kept(new (std::nothrow) int32_t[2 * (rows_of_block + SPARE)]);
        int32_t *inputs = kept.get(), *rows = inputs + rows_of_block + SPARE;
        if (!inputs) {
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; ++block) {
            if (!inputs) continue;
            const int64_t first = block * rows_of_block;
            const int64_t end = std::min(first + rows_of_block, outputs);
            for (int64_t offset = 0; offset < offsets; ++offset) {
                const int64_t count =
                    keep_present(neighbors + offset * outputs, first, end, inputs, rows);
                const int64_t start = starts[block * offsets + offset];
                std::copy_n(inputs, count, input_rows + start);
                std::copy_n(rows, count, output_rows + start);
            }
        }
    }
    return failed;
}

// The same pairs with inputs and outputs exchanged, as blocks of `rows` inputs: counted into
// starts [new_blocks * offsets + 1], then written, in the order of the old lists.
extern "C" int sparse3d_reverse_lists(const int64_t* old_starts, const int32_t* old_inputs,
                                      const int32_t* old_outputs, int64_t offsets, int64_t blocks,
                                      int64_t rows, int64_t new_blocks, int64_t* starts,
                                      int32_t* input_rows, int32_t* output_rows) {
    const auto each = [&](auto&& visit) {
        for (int64_t part = 0; part < blocks * offsets; ++part)
            for (int64_t pair = old_starts[part]; pair < old_starts[part + 1]; ++pair)
                visit(old_inputs[pair] / rows * offsets + part % offsets, pair);
    };
    std::fill_n(starts, new_blocks * offsets + 1, 0);
    each([&](int64_t place, int64_t) { ++starts[place + 1]; });
    for (int64_t place = 0; place < new_blocks * offsets; ++place)
        starts[place + 1] += starts[place];
    each([&](int64_t place, int64_t pair) {  // starts[place] moves to its end
        const int64_t next = starts[place]++;
        input_rows[next] = old_outputs[pair];
        output_rows[next] = old_inputs[pair];
    });
    for (int64_t place = new_blocks * offsets; place > 0; --place) starts[place] = starts[place - 1];
    starts[0] = 0;
    return 0;
}
