#include "ops/cuda_device.h"

#include <ATen/Context.h>
#include <dlfcn.h>
#include <fmt/ranges.h>
#include <link.h>
#include <torch/headeronly/version.h>

#include <atomic>
#include <filesystem>
#include <mutex>

#include "core/fail.h"

namespace soragen::ops {
namespace {

namespace fs = std::filesystem;
using kernels::CudaPlugin;

constexpr const char* kPluginFile = "libsoragen_cuda.so";
constexpr const char* kGraphsFile = "libsoragen_cuda_graphs.so";
constexpr int kLeastCapability = 80;  // bf16 products and cp.async

std::atomic<bool> is_open = false;

std::string last_dl_error() {
  const char* text = ::dlerror();
  return text ? text : "unknown error";
}

// The table that a plug-in hands out; `version` is the one of its interface.
template <typename Table>
const Table& load_table(const std::string& path, const char* symbol, int version) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(ErrorKind::unsupported, "the CUDA plug-in {} cannot be loaded: {}", path, last_dl_error());
  const auto entry = reinterpret_cast<const Table* (*)()>(::dlsym(library, symbol));
  if (!entry) fail(ErrorKind::unsupported, "{} is no CUDA plug-in of soragen: it has no function {}", path, symbol);
  const Table& table = *entry();
  if (table.version != version)
    fail(ErrorKind::unsupported,
         "the CUDA plug-in {} has version {} of the interface, this soragen needs {}; build both from one source tree",
         path, table.version, version);
  if (std::string_view(table.torch) != TORCH_VERSION)
    fail(ErrorKind::unsupported,
         "the CUDA plug-in {} was built with LibTorch {}, this soragen with {}; build both from one source tree", path,
         table.torch, TORCH_VERSION);
  return table;
}

const CudaPlugin& load_plugin(const std::vector<std::string>& places, std::string& path) {
  for (const std::string& place : places)
    if (fs::exists(place)) {
      path = place;
      break;
    }
  if (path.empty())
    fail(ErrorKind::unsupported,
         "the CUDA plug-in was not found, looked for {}; it is built where nvcc is found when soragen is configured",
         fmt::join(places, " and "));
  return load_table<CudaPlugin>(path, kernels::kCudaPluginSymbol, kernels::kCudaPluginVersion);
}

// A driver runs what was built for its own major version of CUDA or an older one.
void check_driver(const kernels::CudaDriver& driver) {
  const std::string needed = cuda_version_name(driver.needed);
  if (driver.version == 0)
    fail(ErrorKind::unsupported, "no NVIDIA driver was found ({}); one for CUDA {} or newer is needed",
         driver.problem[0] ? driver.problem : "libcuda.so.1 is missing", needed);
  if (driver.version / 1000 < driver.needed / 1000)
    fail(ErrorKind::unsupported, "the NVIDIA driver is for CUDA {}; one for CUDA {} or newer is needed",
         cuda_version_name(driver.version), needed);
  if (driver.status != 0)
    fail(ErrorKind::unsupported, "the NVIDIA driver, for CUDA {}, offers no device: {} (error {})",
         cuda_version_name(driver.version), driver.problem, driver.status);
  if (driver.devices < 1)
    fail(ErrorKind::unsupported,
         "the NVIDIA driver, for CUDA {}, finds no device; one with compute capability 8.0 or "
         "newer is needed",
         cuda_version_name(driver.version));
}

kernels::CudaCard examine_card(const CudaPlugin& plugin) {
  kernels::CudaCard card;
  kernels::CudaFailure failure;
  plugin.card(0, &card, &failure);
  if (failure.kind != 0) fail(ErrorKind::unsupported, "the first CUDA device cannot be used: {}", failure.message);
  const int capability = card.card.capability;
  if (capability < kLeastCapability)
    fail(ErrorKind::unsupported, "the card {} has compute capability {}.{}; 8.0 or newer is needed", card.name,
         capability / 10, capability % 10);
  return card;
}

std::string libtorch_cuda_file(const std::string& folder) {
  const std::string path = (fs::path(folder) / "libtorch_cuda.so").string();
  if (!fs::exists(path))
    fail(ErrorKind::unsupported, "LibTorch in {} has no libtorch_cuda.so; a LibTorch {} with CUDA is needed", folder,
         TORCH_VERSION);
  return path;
}

}  // namespace

std::string cuda_version_name(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

std::vector<std::string> cuda_plugin_places() {
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  return {(folder / kPluginFile).string(), (folder.parent_path() / "lib" / kPluginFile).string()};
}

CudaDevice find_cuda_device(const std::vector<std::string>& places) {
  CudaDevice device;
  device.kernels = &load_plugin(places, device.plugin);
  device.kernels->driver(&device.driver);
  check_driver(device.driver);
  device.card = examine_card(*device.kernels);
  return device;
}

std::string libtorch_folder() {
  std::string folder;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* found) {
        const fs::path path = info->dlpi_name;
        if (path.filename() != "libtorch_cpu.so") return 0;
        *static_cast<std::string*>(found) = path.parent_path().string();
        return 1;
      },
      &folder);
  SORAGEN_ASSERT(!folder.empty());
  return folder;
}

void load_libtorch_cuda(const std::string& folder) {
  const std::string path = libtorch_cuda_file(folder);
  // Its own libraries are found by its RPATH; dlerror names the one that is missing. Global, as in Python.
  if (!::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL))
    fail(ErrorKind::unsupported, "LibTorch's CUDA half cannot be loaded: {}", last_dl_error());
}

const CudaSearch& search_cuda() {
  static const CudaSearch search = []() -> CudaSearch {
    try {
      CudaDevice device = find_cuda_device(cuda_plugin_places());
      libtorch_cuda_file(libtorch_folder());
      return {.device = std::move(device), .problem = ""};
    } catch (const Error& error) {
      return {.device = std::nullopt, .problem = error.what()};
    }
  }();
  return search;
}

const CudaDevice& open_cuda() {
  const CudaSearch& search = search_cuda();
  if (!search.device) fail(ErrorKind::unsupported, "{}", search.problem);
  static std::once_flag once;
  std::call_once(once, [&] {
    load_libtorch_cuda(libtorch_folder());
    if (!at::globalContext().hasCUDA())
      fail(ErrorKind::unsupported, "LibTorch's CUDA half in {} was loaded but finds no device, while the driver has {}",
           libtorch_folder(), search.device->driver.devices);
    is_open = true;
  });
  return *search.device;
}

std::string cuda_graphs_place(const CudaDevice& device) {
  return fs::path(device.plugin).replace_filename(kGraphsFile).string();
}

const kernels::CudaGraphs& load_cuda_graphs(const std::string& path) {
  return load_table<kernels::CudaGraphs>(path, kernels::kCudaGraphsSymbol, kernels::kCudaGraphsVersion);
}

bool is_cuda_open() { return is_open; }

}  // namespace soragen::ops
