// Finding a card, on machines without one: every way in which it can fail is one sentence that names what was found.
#include "ops/cuda_device.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include "core/fail.h"
#include "ops/replay.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace soragen::ops {
namespace {

constexpr auto kUnsupported = ErrorKind::unsupported;

CudaDevice find(const std::string& fake) {
  return find_cuda_device({std::string(FAKE_PLUGINS) + "/libfake_" + fake + ".so"});
}

TEST(CudaDevice, IsWhatThePlugInSays) {
  const CudaDevice device = find("works");
  EXPECT_STREQ(device.card.name, "Fake Card");
  EXPECT_EQ(device.card.card.capability, 90);
  EXPECT_EQ(device.driver.version, 13000);
  EXPECT_NE(device.plugin.find("libfake_works.so"), std::string::npos);
}

TEST(CudaDevice, APlugInThatIsMissingIsNamedWithThePlaces) {
  EXPECT_ERROR(find_cuda_device({"/nowhere/a.so", "/nowhere/b.so"}), kUnsupported,
               "looked for /nowhere/a.so and /nowhere/b.so");
}

TEST(CudaDevice, FilesThatAreNoPlugInsAreRefused) {
  const test::TempDir dir;
  EXPECT_ERROR(find_cuda_device({dir.write("text.so", "no library").string()}), kUnsupported, "cannot be loaded: ");
  const std::string other = libtorch_folder() + "/libc10.so";
  EXPECT_ERROR(find_cuda_device({other}), kUnsupported, "has no function soragen_cuda_plugin");
}

TEST(CudaDevice, PlugInsOfAnotherBuildAreRefused) {
  EXPECT_ERROR(find("other_version"), kUnsupported,
               fmt::format("has version 77 of the interface, this soragen needs {};", kernels::kCudaPluginVersion));
  EXPECT_ERROR(find("other_torch"), kUnsupported, "was built with LibTorch 1.13.0, this soragen with " TORCH_VERSION);
}

TEST(CudaDevice, DriversAndCardsAreNamed) {
  EXPECT_ERROR(find("no_driver"), kUnsupported, "no NVIDIA driver was found (in CUDA's words); one for CUDA 13.0");
  EXPECT_ERROR(find("old_driver"), kUnsupported, "the NVIDIA driver is for CUDA 12.8; one for CUDA 13.0 or newer");
  EXPECT_ERROR(find("no_device"), kUnsupported, "offers no device: in CUDA's words (error 100)");
  EXPECT_ERROR(find("empty"), kUnsupported, "finds no device");
  EXPECT_ERROR(find("old_card"), kUnsupported, "Fake Card has compute capability 7.5; 8.0 or newer");
}

#ifdef REAL_PLUGIN
TEST(CudaDevice, TheRealPlugInFindsACardOrSaysWhyNot) {
  try {
    EXPECT_GE(find_cuda_device({REAL_PLUGIN}).card.card.capability, 80);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kUnsupported) << error.what();
    EXPECT_NE(std::string(error.what()).find("NVIDIA driver"), std::string::npos) << error.what();
  }
}
#endif

TEST(CudaGraphs, StandBesideThePlugInAndFilesThatAreNoneAreRefused) {
  EXPECT_EQ(cuda_graphs_place({.plugin = "/a/b/libsoragen_cuda.so"}), "/a/b/libsoragen_cuda_graphs.so");
  EXPECT_ERROR(load_cuda_graphs("/nowhere/libsoragen_cuda_graphs.so"), kUnsupported, "cannot be loaded: ");
  EXPECT_ERROR(load_cuda_graphs(std::string(FAKE_PLUGINS) + "/libfake_works.so"), kUnsupported,
               "has no function soragen_cuda_graphs");
}

#ifdef REAL_GRAPHS
// With a card its self-test passes; without one, or without CUDA's libraries, the first failure is a sentence.
TEST(CudaGraphs, TheRealOneRecordsOrSaysWhyNot) {
  try {
    load_libtorch_cuda(libtorch_folder());
    install_cuda_graphs(&load_cuda_graphs(REAL_GRAPHS));
    kernels::CudaFailure failure;
    int calls = 0;
    const auto count = [](void* place) { ++*static_cast<int*>(place); };
    void* recording = load_cuda_graphs(REAL_GRAPHS).record(count, &calls, &failure);
    if (!recording) fail(static_cast<ErrorKind>(failure.kind), "{}", failure.message);
    EXPECT_EQ(calls, 1);
    load_cuda_graphs(REAL_GRAPHS).destroy(recording);
    EXPECT_EQ(test_cuda_graphs(), "");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kUnsupported) << error.what();
    EXPECT_TRUE(std::string(error.what()).find(".so") != std::string::npos ||
                std::string(error.what()).find("cannot be recorded as a CUDA graph: ") != std::string::npos)
        << error.what();
  }
  install_cuda_graphs(nullptr);
}
#endif

TEST(LibTorchCuda, FoldersWithoutItAreRefused) {
  const test::TempDir dir;
  EXPECT_ERROR(load_libtorch_cuda(dir.path()), kUnsupported, "has no libtorch_cuda.so");
  dir.write("libtorch_cuda.so", "no library");
  EXPECT_ERROR(load_libtorch_cuda(dir.path()), kUnsupported, "libtorch_cuda.so: ");
}

// No card is needed for this: LibTorch then knows CUDA, and sees no device or some. A wheel unpacked for the CPU alone
// lacks libraries, which the sentence must name.
TEST(LibTorchCuda, TheOneInUseLoadsOrNamesWhatIsMissing) {
  try {
    load_libtorch_cuda(libtorch_folder());
    EXPECT_GE(at::detail::getCUDAHooks().versionCUDART(), 12000);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kUnsupported) << error.what();
    EXPECT_NE(std::string(error.what()).find(".so"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace soragen::ops
