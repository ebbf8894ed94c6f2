// A sweep's points brought into another frame: read once, written once.
#include <cmath>
#include <cstdint>

// points [count, 5]: x, y, z, and two more. Those nearer than `near` in x and in y are left out; of
// the others (x, y, z) - shift times `turn` [3, 3] in double precision, the fourth column, age.
// How many were written to `out`, or -1 if a number is NaN or infinite.
extern "C" int64_t sparse3d_moved_sweep(const float* points, int64_t count, const double* turn,
                                        const double* shift, double near, double age,
                                        float* out) {
    constexpr int64_t COLUMNS = 5;
    const float last = static_cast<float>(age), limit = static_cast<float>(near);
    int64_t written = 0;
    bool finite = true;
    for (int64_t row = 0; row < count; ++row) {
        const float* point = points + COLUMNS * row;
        float* to = out + COLUMNS * written;
        float sum = 0;
        for (int64_t column = 0; column < COLUMNS; ++column) sum += point[column] * 0.0f;
        finite &= sum == 0.0f;  // a NaN of 0 times what is not finite
        const double x = point[0] - shift[0], y = point[1] - shift[1], z = point[2] - shift[2];
        for (int64_t axis = 0; axis < 3; ++axis)
            to[axis] = static_cast<float>(x * turn[axis] + y * turn[3 + axis] + z * turn[6 + axis]);
        to[3] = point[3];
        to[4] = last;
        written += std::fabs(point[0]) >= limit || std::fabs(point[1]) >= limit;
    }
    return finite ? written : -1;
}
