#include "kernels/attention_cpu/attention_cpu.h"

#include <immintrin.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

// Compiled for processors that may lack them, called only where support() found them.
#define SORAGEN_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define SORAGEN_AVX512_INLINE SORAGEN_AVX512 inline __attribute__((always_inline))

namespace soragen::kernels {
namespace {

// Tile geometry. 6 rows x 4 vectors of sums, 4 vectors of b and one of a fill 29 of 32 registers; a panel of 64 columns
// (16 KiB at D = 128 in bf16) stays in the first cache while 8 groups of rows pass over it.
constexpr int64_t kVector = 16;          // lanes
constexpr int64_t kRows = 6;             // of a tile
constexpr int64_t kPanel = 4 * kVector;  // columns of a tile
constexpr int64_t kQueries = 8 * kRows;  // of a block
constexpr int64_t kKeys = 4 * kPanel;    // of a block
constexpr float kMasked = -std::numeric_limits<float>::infinity();
constexpr float kLog2E = 1.44269504088896341f;

template <typename T>
constexpr int64_t kPerLane = sizeof(float) / sizeof(T);  // numbers that share a lane: neighbours along the summed axis

int64_t rounded_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

template <typename T>
SORAGEN_AVX512_INLINE __m512 multiply_add(float a, __m512 b, __m512 sum) {
  if constexpr (std::is_same_v<T, float>)
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, sum);
  else
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(_mm512_set1_ps(a)), reinterpret_cast<__m512bh>(b));
}

// c[r][:] += sum over s of a[r][s] * b[s][:], r < 6, 64 columns; `fresh` starts from zero instead. a: lanes, row r at
// a + r * a_stride; b: panel [steps, 64].
template <typename T>
SORAGEN_AVX512_INLINE void multiply_tile(const float* a, int64_t a_stride, const float* b, int64_t steps, float* c,
                                         int64_t c_stride, bool fresh) {
  __m512 sums[kRows][4];
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t v = 0; v < 4; ++v)
      sums[r][v] = fresh ? _mm512_setzero_ps() : _mm512_load_ps(c + r * c_stride + v * kVector);
  for (int64_t s = 0; s < steps; ++s, b += kPanel) {
    const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + kVector), b2 = _mm512_load_ps(b + 2 * kVector),
                 b3 = _mm512_load_ps(b + 3 * kVector);
    for (int64_t r = 0; r < kRows; ++r) {
      const float scalar = a[r * a_stride + s];
      sums[r][0] = multiply_add<T>(scalar, b0, sums[r][0]);
      sums[r][1] = multiply_add<T>(scalar, b1, sums[r][1]);
      sums[r][2] = multiply_add<T>(scalar, b2, sums[r][2]);
      sums[r][3] = multiply_add<T>(scalar, b3, sums[r][3]);
    }
  }
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t v = 0; v < 4; ++v) _mm512_store_ps(c + r * c_stride + v * kVector, sums[r][v]);
}

// 2^x to an ulp or two: 2^round(x) times a polynomial on [-1/2, 1/2] (Taylor of 2^r, the rest below 2^-24).
SORAGEN_AVX512_INLINE __m512 exp2(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-200));  // 2^-200 is zero in float; -infinity would make a NaN below
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(x, whole);
  __m512 p = _mm512_set1_ps(1.540353039e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.333355815e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.618129108e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.550410866e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.402265070e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931471806e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, whole);
}

// One block of queries on its way over the keys.
template <typename T>
struct alignas(64) Block {
  float scores[kQueries][kKeys];
  float weights[kQueries][kKeys / kPerLane<T>];  // lanes
  float most[kQueries], sum[kQueries];           // of the scores so far, in units of log 2; of the weights
};

// Online softmax of one row: scores to weights, relative to the largest score so far. Returns by how much what was
// summed before has to shrink.
template <typename T>
SORAGEN_AVX512_INLINE float soften(Block<T>& block, int64_t row, int64_t keys, const float* bias, float scale) {
  float* scores = block.scores[row];
  const __m512 factor = _mm512_set1_ps(scale * kLog2E);
  __m512 largest = _mm512_set1_ps(kMasked);
  for (int64_t i = 0; i < keys; i += kVector) {
    const __m512 score = _mm512_fmadd_ps(_mm512_load_ps(scores + i), factor, _mm512_load_ps(bias + i));
    _mm512_store_ps(scores + i, score);
    largest = _mm512_max_ps(largest, score);
  }
  const float before = block.most[row], most = std::max(before, _mm512_reduce_max_ps(largest));
  block.most[row] = most;
  const __m512 zero_point = _mm512_set1_ps(most == kMasked ? 0 : most);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < keys; i += 2 * kVector) {
    const __m512 low = exp2(_mm512_sub_ps(_mm512_load_ps(scores + i), zero_point));
    const __m512 high = exp2(_mm512_sub_ps(_mm512_load_ps(scores + i + kVector), zero_point));
    sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
    if constexpr (std::is_same_v<T, float>) {
      _mm512_store_ps(block.weights[row] + i, low);
      _mm512_store_ps(block.weights[row] + i + kVector, high);
    } else {
      _mm512_store_si512(block.weights[row] + i / 2, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
    }
  }
  const float shrink = before == kMasked ? 0.0f : _mm512_cvtss_f32(exp2(_mm512_set1_ps(before - most)));
  block.sum[row] = block.sum[row] * shrink + _mm512_reduce_add_ps(sum);
  return shrink;
}

SORAGEN_AVX512_INLINE void scale_row(float* row, int64_t size, float factor) {
  for (int64_t i = 0; i < size; i += kVector)
    _mm512_store_ps(row + i, _mm512_mul_ps(_mm512_load_ps(row + i), _mm512_set1_ps(factor)));
}

template <typename T>
SORAGEN_AVX512_INLINE void write_row(const float* row, int64_t size, float sum, T* out) {
  const __m512 inverse = _mm512_set1_ps(sum > 0 ? 1.0f / sum : 0.0f);  // every key masked: zeros
  for (int64_t i = 0; i < size; i += kVector) {
    const __m512 value = _mm512_mul_ps(_mm512_load_ps(row + i), inverse);
    if constexpr (std::is_same_v<T, float>)
      _mm512_storeu_ps(out + i, value);
    else
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value)));
  }
}

float* allocate(int64_t lanes) {
  auto* memory = static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(rounded_up(lanes, kVector)) * 4));
  if (!memory) throw std::bad_alloc();
  return memory;
}

template <typename T>
SORAGEN_AVX512 void attend_block(const AttentionHead<T>& head, int64_t head_dim, int64_t key_count, const float* keys,
                                 const float* values, const float* bias, int64_t first, Block<T>& block, float* queries,
                                 float* out) {
  const int64_t lanes = head_dim / kPerLane<T>, count = std::min(kQueries, head.queries - first);
  std::memset(queries, 0, static_cast<size_t>(kQueries * lanes) * 4);
  std::memset(out, 0, static_cast<size_t>(kQueries * head_dim) * 4);
  for (int64_t r = 0; r < kQueries; ++r) {
    block.most[r] = kMasked;
    block.sum[r] = 0;
    if (r < count)
      std::memcpy(queries + r * lanes, head.query + (first + r) * head.query_stride, static_cast<size_t>(lanes) * 4);
  }
  constexpr int64_t kSteps = kKeys / kPerLane<T>;
  for (int64_t key = 0; key < key_count; key += kKeys) {
    const int64_t here = std::min(kKeys, rounded_up(key_count - key, kPanel));
    for (int64_t column = 0; column < here; column += kPanel)
      for (int64_t r = 0; r < count; r += kRows)
        multiply_tile<T>(queries + r * lanes, lanes, keys + (key + column) * lanes, lanes, block.scores[r] + column,
                         kKeys, true);
    for (int64_t r = 0; r < count; ++r) {
      const float shrink = soften(block, r, here, bias + key, head.scale);
      if (shrink != 1) scale_row(out + r * head_dim, head_dim, shrink);
    }
    for (int64_t column = 0; column < head_dim; column += kPanel)
      for (int64_t r = 0; r < count; r += kRows)
        multiply_tile<T>(block.weights[r], kSteps, values + key / kKeys * head_dim * kSteps + column * kSteps,
                         here / kPerLane<T>, out + r * head_dim + column, head_dim, false);
  }
  for (int64_t r = 0; r < count; ++r)
    write_row(out + r * head_dim, head_dim, block.sum[r], head.out + (first + r) * head.out_stride);
}

}  // namespace

template <typename T>
Support AttentionCpu<T>::support(int64_t head_dim) {
  if (head_dim % kPanel != 0 || head_dim <= 0)
    return {"head dimension " + std::to_string(head_dim) + "; multiples of 64 are built"};
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bf16"))
    return {"the processor lacks AVX512_BF16"};
  return {};
}

template <typename T>
void AttentionCpu<T>::Free::operator()(float* memory) const {
  std::free(memory);
}

template <typename T>
AttentionCpu<T>::AttentionCpu(int64_t keys, int64_t head_dim)
    : keys_(keys),
      head_dim_(head_dim),
      packed_keys_(allocate(key_blocks() * kKeys * head_dim / kPerLane<T>)),
      packed_values_(allocate(key_blocks() * kKeys * head_dim / kPerLane<T>)),
      bias_(allocate(key_blocks() * kKeys)) {}

template <typename T>
int64_t AttentionCpu<T>::key_blocks() const {
  return (keys_ + kKeys - 1) / kKeys;
}

template <typename T>
int64_t AttentionCpu<T>::query_blocks(int64_t queries) {
  return (queries + kQueries - 1) / kQueries;
}

// Keys: panels of 64 tokens, [D / per lane][64] lanes. Values: in each block, panels of 64 columns, [256 / per
// lane][64]. What lies beyond the last key is zero, and masked by the bias.
template <typename T>
void AttentionCpu<T>::pack(const AttentionHead<T>& head, int64_t begin_block, int64_t end_block) {
  auto* keys = reinterpret_cast<T*>(packed_keys_.get());
  auto* values = reinterpret_cast<T*>(packed_values_.get());
  constexpr int64_t kPer = kPerLane<T>;
  for (int64_t token = begin_block * kKeys; token < end_block * kKeys; ++token) {
    const bool exists = token < keys_;
    bias_[static_cast<size_t>(token)] = !exists ? kMasked : head.key_bias ? head.key_bias[token] * kLog2E : 0.0f;
    T* key_column = keys + token / kPanel * kPanel * head_dim_ + token % kPanel * kPer;
    T* value_block = values + token / kKeys * kKeys * head_dim_;
    const int64_t step = token % kKeys / kPer, half = token % kPer;
    for (int64_t i = 0; i < head_dim_; ++i) {
      const T key = exists ? head.key[token * head.key_stride + i] : T{};
      const T value = exists ? head.value[token * head.value_stride + i] : T{};
      key_column[i / kPer * kPanel * kPer + i % kPer] = key;
      value_block[i / kPanel * kPanel * kKeys + (step * kPanel + i % kPanel) * kPer + half] = value;
    }
  }
}

template <typename T>
void AttentionCpu<T>::attend(const AttentionHead<T>& head, int64_t begin_block, int64_t end_block) const {
  auto block = std::make_unique<Block<T>>();
  const Lanes queries(allocate(kQueries * head_dim_ / kPerLane<T>)), out(allocate(kQueries * head_dim_));
  for (int64_t i = begin_block; i < end_block; ++i)
    attend_block<T>(head, head_dim_, keys_, packed_keys_.get(), packed_values_.get(), bias_.get(), i * kQueries, *block,
                    queries.get(), out.get());
}

template class AttentionCpu<float>;
template class AttentionCpu<Bf16>;

}  // namespace soragen::kernels
