// From a program that knows no CUDA to one with a card: finds the plug-in (kernels/cuda_plugin.h), asks it for the
// driver and the card, and brings LibTorch's CUDA half into the process, in that order, cheapest first. Nothing is
// linked: a machine without CUDA loses nothing. Every failure is one sentence: what was found, what is needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda_graphs.h"
#include "kernels/cuda_plugin.h"

namespace soragen::ops {

struct CudaDevice {
  std::string plugin;  // its file
  const kernels::CudaPlugin* kernels = nullptr;
  kernels::CudaDriver driver;
  kernels::CudaCard card;  // device 0; CUDA_VISIBLE_DEVICES says which that is
};

// Beside this program, and in ../lib from there.
std::vector<std::string> cuda_plugin_places();

// Loads the plug-in alone. Throws Error{unsupported}: no plug-in, not one of this version or LibTorch, no driver or one
// too old, no card or one below compute capability 8.0.
CudaDevice find_cuda_device(const std::vector<std::string>& places);

// The folder of the libtorch_cpu.so in this process.
std::string libtorch_folder();
// Opens libtorch_cuda.so there by its full path, after which CUDA tensors work. Throws Error{unsupported}. To be called
// before anything asks LibTorch about CUDA (at::show_config does): it remembers an answer of no.
void load_libtorch_cuda(const std::string& folder);

// find_cuda_device() in cuda_plugin_places(), once a process: the device, or why there is none. Nothing of LibTorch is
// loaded.
struct CudaSearch {
  std::optional<CudaDevice> device;
  std::string problem;
};
const CudaSearch& search_cuda();

// The device with LibTorch's CUDA half loaded; the first call does all of it. Throws Error{unsupported}.
const CudaDevice& open_cuda();
bool is_cuda_open();

// What records work on the card (kernels/cuda_graphs.h): beside the device's plug-in. LibTorch's CUDA half must be
// loaded. Throws Error{unsupported}: no such file, or not of this version or LibTorch.
std::string cuda_graphs_place(const CudaDevice& device);
const kernels::CudaGraphs& load_cuda_graphs(const std::string& path);

std::string cuda_version_name(int version);  // 13000 -> "13.0"

}  // namespace soragen::ops
