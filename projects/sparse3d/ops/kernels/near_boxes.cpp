// Points that can lie in a box: within a square around its center, seen from above.
#include <algorithm>
#include <cstdint>

namespace {

constexpr int64_t POINTS_AT_ONCE = 64;

// Calls visit(point, box) for each pair, box by box, points in their order.
template <typename T, typename Visit>
void each_near(const T* x, const T* y, int64_t points, const T* center_x, const T* center_y,
               const T* reach, int64_t boxes, Visit&& visit) {
    for (int64_t box = 0; box < boxes; ++box) {
        const T low_x = center_x[box] - reach[box], high_x = center_x[box] + reach[box];
        const T low_y = center_y[box] - reach[box], high_y = center_y[box] + reach[box];
        const auto near = [&](int64_t point) {
            return (x[point] >= low_x) & (x[point] <= high_x) & (y[point] >= low_y) &
                   (y[point] <= high_y);
        };
        for (int64_t first = 0; first < points; first += POINTS_AT_ONCE) {
            const int64_t end = std::min(first + POINTS_AT_ONCE, points);
            int32_t hits = 0;  // mostly none: the loop without branches runs in vectors
            for (int64_t point = first; point < end; ++point) hits += near(point);
            for (int64_t point = first; hits > 0 && point < end; ++point)
                if (near(point)) {
                    visit(point, box);
                    --hits;
                }
        }
    }
}

template <typename T>
int near_boxes(const T* x, const T* y, int64_t points, const T* center_x, const T* center_y,
               const T* reach, int64_t boxes, int64_t room, int64_t* rows, int64_t* held_by,
               int64_t* count) {
    int64_t found = 0;
    each_near(x, y, points, center_x, center_y, reach, boxes, [&](int64_t point, int64_t box) {
        if (found < room) {
            rows[found] = point;
            held_by[found] = box;
        }
        ++found;
    });
    *count = found;
    return 0;
}

}  // namespace

// Pairs as far as there is room for them; count: how many there are.
#define SPARSE3D_NEAR_BOXES(NAME, T)                                                              \
    extern "C" int sparse3d_near_boxes_##NAME(                                                    \
        const T* x, const T* y, int64_t points, const T* center_x, const T* center_y,             \
        const T* reach, int64_t boxes, int64_t room, int64_t* rows, int64_t* held_by,             \
        int64_t* count) {                                                                         \
        return near_boxes(x, y, points, center_x, center_y, reach, boxes, room, rows, held_by,    \
                          count);                                                                 \
    }

SPARSE3D_NEAR_BOXES(float32, float)
SPARSE3D_NEAR_BOXES(float64, double)
