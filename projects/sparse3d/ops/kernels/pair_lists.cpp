// Pairs of a neighbor table [offsets, outputs], block of output rows by block, offset by offset.
#include <cstdint>
#include <algorithm>
#include <memory>
#include <new>

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
        // Written without a branch, one place too far; then copied to where others write as well.
        std::unique_ptr<int32_t[]> kept(new (std::nothrow) int32_t[2 * (rows_of_block + 1)]);
        int32_t *inputs = kept.get(), *rows = inputs + rows_of_block + 1;
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
                const int32_t* table = neighbors + offset * outputs;
                int64_t count = 0;
                for (int64_t row = first; row < end; ++row) {
                    inputs[count] = table[row];
                    rows[count] = static_cast<int32_t>(row);
                    count += table[row] >= 0;
                }
                const int64_t start = starts[block * offsets + offset];
                std::copy_n(inputs, count, input_rows + start);
                std::copy_n(rows, count, output_rows + start);
            }
        }
    }
    return failed;
}
