#include "kernels/rms_rope_int8/rms_rope_int8.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace soragen::kernels {
namespace {

// A row normalised and rotated, in double; not rounded to T.
template <typename T>
std::vector<double> rotated_row(const RmsRopeArgs<T>& args, int64_t row) {
  const int64_t width = args.heads * args.head_dim;
  const T* x = args.x + row * args.stride;
  double squares = 0;
  for (int64_t i = 0; i < width; ++i) squares += static_cast<double>(to_float(x[i])) * to_float(x[i]);
  const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(width) + args.eps);
  std::vector<double> out(static_cast<size_t>(width));
  for (int64_t i = 0; i < width; i += 2) {
    const double even = to_float(x[i]) * inverse * args.weight[i],
                 odd = to_float(x[i + 1]) * inverse * args.weight[i + 1];
    const int64_t angle = row % args.tokens * (args.head_dim / 2) + i % args.head_dim / 2;
    const double cosine = args.cos ? args.cos[angle] : 1.0, sine = args.sin ? args.sin[angle] : 0.0;
    out[static_cast<size_t>(i)] = even * cosine - odd * sine;
    out[static_cast<size_t>(i + 1)] = even * sine + odd * cosine;
  }
  return out;
}

template <typename T>
void reference_centre(const KeyCentreArgs<T>& args) {
  const int64_t width = args.key.heads * args.key.head_dim, tokens = args.key.tokens, step = centre_step(tokens);
  for (int64_t item = 0; item < args.batch; ++item) {
    std::vector<double> sums(static_cast<size_t>(width), 0.0);
    for (int64_t token = 0; token < tokens; token += step) {
      const std::vector<double> row = rotated_row(args.key, item * tokens + token);
      for (size_t i = 0; i < row.size(); ++i) sums[i] += row[i];
    }
    const auto samples = static_cast<double>((tokens + step - 1) / step);
    for (int64_t i = 0; i < width; ++i)
      args.centre[item * width + i] = static_cast<float>(sums[static_cast<size_t>(i)] / samples);
  }
}

void quantise_head(const double* x, int64_t head_dim, int8_t* out, float* scale) {
  double most = 0;
  for (int64_t i = 0; i < head_dim; ++i) most = std::max(most, std::abs(x[i]));
  *scale = static_cast<float>(most / 127);
  for (int64_t i = 0; i < head_dim; ++i) out[i] = static_cast<int8_t>(most > 0 ? std::nearbyint(x[i] * 127 / most) : 0);
}

template <typename T>
void reference(const RmsRopeInt8Args<T>& args, int64_t rows) {
  const int64_t heads = args.query.heads, head_dim = args.query.head_dim, width = heads * head_dim;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t item = row / args.query.tokens, token = row % args.query.tokens;
    const std::vector<double> query = rotated_row(args.query, row);
    std::vector<double> key = rotated_row(args.key, row);
    for (int64_t i = 0; i < width; ++i) {
      if (args.centre) key[static_cast<size_t>(i)] -= args.centre[item * width + i];
      store(to_float(args.value[row * args.query.stride + i]), args.value16[row * width + i]);
    }
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t at = row * width + head * head_dim, scale = (item * heads + head) * args.scale_stride + token;
      quantise_head(query.data() + head * head_dim, head_dim, args.query8 + at, args.query_scale + scale);
      quantise_head(key.data() + head * head_dim, head_dim, args.key8 + at, args.key_scale + scale);
    }
  }
}

}  // namespace

void key_centre_ref(const KeyCentreArgs<Bf16>& args) { reference_centre(args); }
void key_centre_ref(const KeyCentreArgs<Half>& args) { reference_centre(args); }
void rms_rope_int8_ref(const RmsRopeInt8Args<Bf16>& args, int64_t rows) { reference(args, rows); }
void rms_rope_int8_ref(const RmsRopeInt8Args<Half>& args, int64_t rows) { reference(args, rows); }

}  // namespace soragen::kernels
