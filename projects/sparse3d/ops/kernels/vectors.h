// Vectors as wide as the instructions the file is compiled for, in the compiler's own extension
// (GCC and Clang): AVX-512, AVX2 with FMA, NEON or SSE from one text.
#pragma once
#include <cstdint>
#include <cstring>

namespace sparse3d {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
constexpr int REGISTERS = 32;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
constexpr int REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int VECTOR_BYTES = 16;
constexpr int REGISTERS = 32;
#else
constexpr int VECTOR_BYTES = 16;
constexpr int REGISTERS = 16;
#endif

template <typename T>
struct VectorOf {
    typedef T type __attribute__((vector_size(VECTOR_BYTES)));
    static constexpr int64_t lanes = VECTOR_BYTES / static_cast<int64_t>(sizeof(T));
};

template <typename T>
using Vector = typename VectorOf<T>::type;

// `count` numbers of a row that ends before the vector does; the other lanes are zero.
template <bool PARTIAL, typename T>
inline Vector<T> load(const T* from, int64_t count) {
    Vector<T> value = {};
    if constexpr (PARTIAL)
        std::memcpy(&value, from, count * sizeof(T));
    else
        std::memcpy(&value, from, sizeof(value));
    return value;
}

template <bool PARTIAL, typename T>
inline void store(T* to, const Vector<T>& value, int64_t count) {
    if constexpr (PARTIAL)
        std::memcpy(to, &value, count * sizeof(T));
    else
        std::memcpy(to, &value, sizeof(value));
}

template <bool PARTIAL, typename T>
inline void add_to(T* to, const Vector<T>& value, int64_t count) {
    store<PARTIAL>(to, load<PARTIAL>(to, count) + value, count);
}

}  // namespace sparse3d
