// soragen_gpu_check [--small] CHECK...    each kernel against ATen in double; all checks without a name
// soragen_gpu_check --bench FILE          times them and writes a table; FILE may be -
// soragen_gpu_check --list
//
// Exit code: 0 all passed, 1 a case failed, 2 usage, 77 no CUDA device (CTest counts that as skipped).
#include <cstdio>
#include <cstring>
#include <exception>

#include "tests/kernels/cuda/check.h"

namespace soragen::kernels {

const std::vector<Check> kChecks = {
    {"attention", check_attention}, {"attention_int8", check_attention_int8}, {"layer_norm", check_layer_norm},
    {"rms_rope", check_rms_rope},   {"rms_rope_int8", check_rms_rope_int8},   {"rms_silu", check_rms_silu},
    {"gelu", check_gelu},           {"causal_cache", check_causal_cache},     {"rgb8", check_rgb8},
};

namespace {

constexpr int kFailed = 1, kUsage = 2, kSkipped = 77;

int run_checks(const std::vector<const Check*>& checks, bool is_small) {
  int failures = 0;
  for (const Check* check : checks) {
    Report report(is_small);
    check->run(report);
    std::printf("%s: %d cases, %d failed\n", check->name, report.cases(), report.failures());
    failures += report.failures();
  }
  return failures ? kFailed : 0;
}

int run(int argc, char** argv) {
  std::vector<const Check*> chosen;
  bool is_small = false;
  const char* table = nullptr;
  for (int i = 1; i < argc; ++i) {
    const auto is = [&](const char* text) { return std::strcmp(argv[i], text) == 0; };
    if (is("--list")) {
      for (const Check& check : kChecks) std::printf("%s\n", check.name);
      return 0;
    }
    if (is("--small")) {
      is_small = true;
      continue;
    }
    if (is("--bench") && i + 1 < argc) {
      table = argv[++i];
      continue;
    }
    const size_t before = chosen.size();
    for (const Check& check : kChecks)
      if (is(check.name)) chosen.push_back(&check);
    if (chosen.size() > before) continue;
    std::fprintf(stderr, "soragen_gpu_check: %s is none of --small, --list, --bench FILE and the names --list prints\n",
                 argv[i]);
    return kUsage;
  }
  if (const std::string why = why_no_device(); !why.empty()) {
    std::fprintf(stderr, "soragen_gpu_check: %s\n", why.c_str());
    return kSkipped;
  }
  if (table) return run_bench(table) ? 0 : kFailed;
  if (chosen.empty())
    for (const Check& check : kChecks) chosen.push_back(&check);
  return run_checks(chosen, is_small);
}

}  // namespace
}  // namespace soragen::kernels

int main(int argc, char** argv) {
  try {
    return soragen::kernels::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soragen_gpu_check: %s\n", error.what());
    return soragen::kernels::kFailed;
  }
}
