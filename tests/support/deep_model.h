// A golden checkpoint with more transformer blocks than it has, no two alike.
#pragma once

#include <ATen/TensorOperators.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/json.h"
#include "nn/weights.h"
#include "support/temp_dir.h"
#include "weights/store.h"

namespace soragen::test {

class DeepModel {
 public:
  DeepModel(const std::filesystem::path& golden, int64_t layers) {
    for (const auto& entry : std::filesystem::directory_iterator(golden)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("transformer"))
        write_transformer(entry.path(), dir_ / name, layers);
      else
        std::filesystem::create_symlink(entry.path(), dir_ / name);
    }
  }
  const std::filesystem::path& path() const { return dir_.path(); }

 private:
  static void write_transformer(const std::filesystem::path& from, const std::filesystem::path& to, int64_t layers) {
    std::filesystem::create_directories(to);
    Json config = read_json_file(from / "config.json");
    const int64_t has = config["num_layers"].get<int64_t>();
    config["num_layers"] = layers;
    std::ofstream(to / "config.json") << config;

    const weights::WeightStore store(from, {"diffusion_pytorch_model"});
    std::vector<weights::TensorToWrite> tensors;
    std::vector<at::Tensor> kept;
    const auto add = [&](const std::string& name, const weights::TensorView& view, double factor) {
      kept.push_back((nn::to_tensor(view, {at::kFloat, at::kCPU}) * factor).contiguous());
      tensors.push_back({.name = name,
                         .dtype = weights::DType::f32,
                         .shape = view.shape,
                         .bytes = {static_cast<const std::byte*>(kept.back().data_ptr()), kept.back().nbytes()}});
    };
    for (const auto& [name, view] : store.tensors())
      if (!name.starts_with("blocks.")) add(name, view, 1.0);
    for (int64_t layer = 0; layer < layers; ++layer) {
      const std::string prefix = "blocks." + std::to_string(layer % has) + ".";
      for (const auto& [name, view] : store.tensors())
        if (name.starts_with(prefix))
          add("blocks." + std::to_string(layer) + "." + name.substr(prefix.size()), view,
              1.0 + static_cast<double>(layer) / 16);
    }
    weights::write_safetensors(to / "diffusion_pytorch_model.safetensors", tensors, {});
  }
  TempDir dir_;
};

}  // namespace soragen::test
