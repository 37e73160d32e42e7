// Runs one attention problem on the emulated device, with exactly its arrays lent.
#pragma once

#include <functional>

#include "tests/kernels/attention_case.h"

namespace soragen::kernels {

// `kernel` gets params whose pointers are the lent arrays.
template <typename T>
AttentionResult run_emulated(const AttentionCase<T>& problem,
                             const std::function<void(const AttentionParams&)>& kernel) {
  using emulator::Access;
  const auto lend = [](const auto& values) { return DeviceArray(values, Access::read); };
  auto query = lend(problem.query), key = lend(problem.key), value = lend(problem.value);
  DeviceArray<float> bias(problem.bias.empty() ? std::vector<float>{0} : problem.bias, Access::read);
  DeviceArray<T> out(rounded<T>(std::vector<float>(problem.query.size(), kPoison)));
  DeviceArray<float> log_sum_exp(std::vector<float>(problem.statistics_count(), kPoison));
  AttentionParams params = problem.params();
  params.query = query.data();
  params.key = key.data();
  params.value = value.data();
  params.out = out.data();
  params.key_bias = problem.bias.empty() ? nullptr : bias.data();
  params.log_sum_exp = log_sum_exp.data();
  kernel(params);
  AttentionResult result{.log_sum_exp = log_sum_exp.values()};
  for (const T& number : out.values()) result.out.push_back(to_float(number));
  return result;
}

}  // namespace soragen::kernels
