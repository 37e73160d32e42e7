#include "cuda/kernel_table.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "soragen/error.h"

namespace soragen::cuda {
namespace {

using namespace kernels;

template <typename Function>
void guarded(CudaFailure* failure, Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    report_failure(*failure, error.exit_code(), error.what());
  } catch (const std::exception& error) {
    report_failure(*failure, static_cast<int>(ErrorKind::internal), error.what());
  }
}

template <typename T>
FusedCudaKernels<T> fused() {
  return {
      .layer_norm = [](const LayerNormArgs<T>* args, int64_t rows, Stream stream,
                       CudaFailure* failure) { guarded(failure, [&] { layer_norm_cuda(*args, rows, stream); }); },
      .rms_rope = [](const RmsRopeArgs<T>* args, int64_t rows, Stream stream,
                     CudaFailure* failure) { guarded(failure, [&] { rms_rope_cuda(*args, nullptr, rows, stream); }); },
      .rms_silu = [](const RmsSiluArgs<T>* args, int64_t pixels, Stream stream,
                     CudaFailure* failure) { guarded(failure, [&] { rms_silu_cuda(*args, pixels, stream); }); },
      .gelu = [](const GeluArgs<T>* args, Stream stream,
                 CudaFailure* failure) { guarded(failure, [&] { gelu_cuda(*args, stream); }); },
      .rgb8 = [](const Rgb8Args<T>* args, Stream stream,
                 CudaFailure* failure) { guarded(failure, [&] { rgb8_cuda(*args, stream); }); }};
}

template <typename T>
Int8CudaKernels<T> int8() {
  return {.key_centre = [](const KeyCentreArgs<T>* args, Stream stream,
                           CudaFailure* failure) { guarded(failure, [&] { key_centre_cuda(*args, stream); }); },
          .rms_rope_int8 =
              [](const RmsRopeInt8Args<T>* args, int64_t rows, Stream stream, CudaFailure* failure) {
                guarded(failure, [&] { rms_rope_int8_cuda(*args, rows, stream); });
              }};
}

}  // namespace

void report_failure(CudaFailure& failure, int kind, const char* message) {
  failure.kind = kind;
  const size_t length = std::min(std::strlen(message), sizeof failure.message - 1);
  std::memcpy(failure.message, message, length);
  failure.message[length] = '\0';
}

CudaPlugin kernel_table() {
  return {
      .version = kCudaPluginVersion,
      .torch = "",
      .driver = nullptr,
      .card = nullptr,
      .attention_sm80 = [](const AttentionParams* params, const Card* card, Stream stream,
                           CudaFailure* failure) { guarded(failure, [&] { attention_sm80(*params, *card, stream); }); },
      .attention_sm90 = [](const AttentionParams* params, const Card* card, Stream stream,
                           CudaFailure* failure) { guarded(failure, [&] { attention_sm90(*params, *card, stream); }); },
      .attention_int8 = [](const AttentionInt8Params* params, Stream stream,
                           CudaFailure* failure) { guarded(failure, [&] { attention_int8(*params, stream); }); },
      .causal_cache = [](const CausalCacheArgs* args, Stream stream,
                         CudaFailure* failure) { guarded(failure, [&] { causal_cache_cuda(*args, stream); }); },
      .float32 = fused<float>(),
      .bf16 = fused<Bf16>(),
      .half = fused<Half>(),
      .int8_bf16 = int8<Bf16>(),
      .int8_half = int8<Half>()};
}

}  // namespace soragen::cuda
