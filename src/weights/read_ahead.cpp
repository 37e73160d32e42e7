#include "weights/read_ahead.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace soragen::weights {

void read_ahead(const WeightStore& store, const std::string& prefix) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto& tensors = store.tensors();
  for (auto tensor = tensors.lower_bound(prefix); tensor != tensors.end() && tensor->first.starts_with(prefix);
       ++tensor) {
    const auto begin = reinterpret_cast<uintptr_t>(tensor->second.bytes.data()), first = begin / page * page;
    ::madvise(reinterpret_cast<void*>(first), begin - first + tensor->second.bytes.size(), MADV_WILLNEED);
  }
}

}  // namespace soragen::weights
