#include "pipeline/hardware.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "ops/cuda_device.h"

namespace soragen::pipeline {
namespace {

// First line "key : value" of a /proc file.
std::string proc_value(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string found; words >> found;)
    if (found == word) return true;
  return false;
}

// A number in a cgroup file; 0 for "max" or a missing file.
int64_t cgroup_number(const char* path) {
  int64_t value = 0;
  std::ifstream file(path);
  return file >> value ? value : 0;
}

int64_t available_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int64_t threads = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : ::sysconf(_SC_NPROCESSORS_ONLN);
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");  // "<quota> <period>" or "max <period>"
  double quota = 0, period = 0;
  if (quota_file >> quota >> period && period > 0)
    threads = std::min<int64_t>(threads, static_cast<int64_t>(std::ceil(quota / period)));
  return std::max<int64_t>(1, threads);
}

int64_t available_memory() {
  const std::string kilobytes = proc_value("/proc/meminfo", "MemAvailable");
  int64_t memory = kilobytes.empty() ? 0 : std::stoll(kilobytes) * 1024;
  const int64_t limit = cgroup_number("/sys/fs/cgroup/memory.max");
  if (limit > 0) memory = std::min(memory, limit - cgroup_number("/sys/fs/cgroup/memory.current"));
  return memory;
}

}  // namespace

Hardware detect_hardware() {
  Hardware hardware{.cpu = proc_value("/proc/cpuinfo", "model name")};
  const std::string flags = proc_value("/proc/cpuinfo", "flags");
  hardware.bf16_reason = "no avx512_bf16 or amx_bf16: bf16 would be many times slower than fp32";
  for (const char* flag : {"avx512_bf16", "amx_bf16"})
    if (has_word(flags, flag)) {
      hardware.has_fast_bf16 = true;
      hardware.bf16_reason = flag;
    }
  hardware.threads = available_threads();
  hardware.memory = available_memory();
  const ops::CudaSearch& search = ops::search_cuda();
  hardware.no_card = search.problem;
  if (search.device) hardware.card = {.name = search.device->card.name, .memory = search.device->card.free_memory};
  return hardware;
}

}  // namespace soragen::pipeline
