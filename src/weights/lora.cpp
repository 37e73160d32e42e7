#include "weights/lora.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "core/fail.h"
#include "core/json.h"

namespace soragen::weights {
namespace {

enum class Role { down, up, up_bias, alpha, diff, diff_bias, diff_modulation };

constexpr std::pair<std::string_view, Role> kSuffixes[] = {
    {".lora_A.weight", Role::down},
    {".lora_B.weight", Role::up},
    {".lora_A.default.weight", Role::down},
    {".lora_B.default.weight", Role::up},  // PEFT's name of a lone adapter
    {".lora_down.weight", Role::down},
    {".lora_up.weight", Role::up},
    {".lora_B.bias", Role::up_bias},
    {".alpha", Role::alpha},
    {".diff", Role::diff},
    {".diff_b", Role::diff_bias},
    {".diff_m", Role::diff_modulation},
};
constexpr std::string_view kPrefixes[] = {"transformer.", "diffusion_model.", "lora_unet_"};

// The tensors of one module, with the keys they had.
using Module = std::map<Role, std::pair<std::string, const TensorView*>>;

std::map<std::string, Module> group_by_module(const Safetensors& file, const std::string& where) {
  std::map<std::string, Module> modules;
  std::vector<std::string> unknown;
  for (const auto& [key, view] : file.tensors) {
    const auto suffix = std::find_if(std::begin(kSuffixes), std::end(kSuffixes), [&key = key](const auto& row) {
      return key.size() > row.first.size() && key.ends_with(row.first);
    });
    if (suffix == std::end(kSuffixes)) {
      unknown.push_back(key);
      continue;
    }
    std::string module = key.substr(0, key.size() - suffix->first.size());
    for (const std::string_view prefix : kPrefixes)
      if (module.starts_with(prefix)) {
        module.erase(0, prefix.size());
        break;
      }
    if (const auto [place, is_new] = modules[module].emplace(suffix->second, std::pair{key, &view}); !is_new)
      fail(ErrorKind::input, "{}: {} and {} say the same of one module", where, place->second.first, key);
  }
  if (!unknown.empty())
    fail(ErrorKind::unsupported,
         "{}: {} of {} keys are not those of a LoRA ({}); soragen merges lora_A/lora_B, lora_down/lora_up with alpha, "
         "diff, diff_b and diff_m",
         where, unknown.size(), file.tensors.size(), first_names(unknown));
  return modules;
}

double read_number(const TensorView& view, const std::string& where) {
  double value = std::nan("");
  const auto as = [&]<typename T>(T number) {
    std::memcpy(&number, view.bytes.data(), sizeof number);
    return number;
  };
  if (view.bytes.size() == size_of(view.dtype)) {
    if (view.dtype == DType::f64) value = as(double{});
    if (view.dtype == DType::f32) value = as(float{});
    if (view.dtype == DType::f16) value = static_cast<double>(as(_Float16{}));
    if (view.dtype == DType::bf16) value = std::bit_cast<float>(uint32_t{as(uint16_t{})} << 16);
    if (view.dtype == DType::i64) value = static_cast<double>(as(int64_t{}));
    if (view.dtype == DType::i32) value = as(int32_t{});
  }
  if (!std::isfinite(value))
    fail(ErrorKind::input, "{}: {} of shape {} is not one finite number", where, to_string(view.dtype),
         to_string(view.shape));
  return value;
}

// What diffusers writes beside the tensors: PEFT's configuration, its keys under the component's name.
class Configuration {
 public:
  Configuration(const Safetensors& file, const std::string& where) : where_(where + ": lora_adapter_metadata") {
    const auto found = file.metadata.find("lora_adapter_metadata");
    if (found == file.metadata.end()) return;
    json_ = parse_json(found->second, where_);
    const JsonObject object(json_, where_);
    for (const char* name : {"use_dora", "fan_in_fan_out"})
      if (object.boolean_or(key(name), false))
        fail(ErrorKind::unsupported, "{}: {} is set; soragen merges plain LoRA", where_, name);
  }

  // alpha / r, or alpha / sqrt(r) of rank-stabilised LoRA.
  double factor(const std::string& module, int64_t rank) const {
    if (json_.is_null()) return 1.0;
    const JsonObject object(json_, where_);
    double alpha = object.number_or(key("lora_alpha"), static_cast<double>(rank));
    if (object.has(key("alpha_pattern"))) {
      const JsonObject patterns(object.at(key("alpha_pattern")), where_ + ": alpha_pattern");
      for (const auto& [name, unused] : patterns.json().items())
        if (is_named(module, name)) alpha = patterns.number(name);
    }
    const auto r = static_cast<double>(rank);
    return alpha / (object.boolean_or(key("use_rslora"), false) ? std::sqrt(r) : r);
  }

 private:
  static std::string key(const std::string& name) { return "transformer." + name; }
  // PEFT takes the end of a module's path for its name; ^ asks for the whole path.
  static bool is_named(const std::string& module, const std::string& name) {
    return module == name || "^" + module == name || module.ends_with("." + name);
  }
  std::string where_;
  Json json_;
};

class Terms {
 public:
  Terms(const Safetensors& file, const std::string& where) : configuration_(file, where) { lora_.where = where; }

  void add(const std::string& module, const Module& parts) {
    const auto key_of = [&](Role role) { return lora_.where + ": " + parts.at(role).first; };
    const bool has_down = parts.contains(Role::down), has_up = parts.contains(Role::up);
    for (const Role role : {Role::down, Role::up, Role::up_bias, Role::alpha})
      if (parts.contains(role) && !(has_down && has_up))
        fail(ErrorKind::input, "{} is there without the pair of matrices that it belongs to", key_of(role));
    double factor = 1.0;
    if (has_down) {
      const TensorView& down = *parts.at(Role::down).second;
      if (down.shape.empty() || down.shape[0] < 1)
        fail(ErrorKind::input, "{}: shape {} has no rank", key_of(Role::down), to_string(down.shape));
      factor = parts.contains(Role::alpha) ? read_number(*parts.at(Role::alpha).second, key_of(Role::alpha)) /
                                                 static_cast<double>(down.shape[0])
                                           : configuration_.factor(module, down.shape[0]);
      if (!std::isfinite(factor)) fail(ErrorKind::input, "{}: its factor alpha / r is not finite", key_of(Role::down));
      lora_.terms.push_back({parts.at(Role::down).first,
                             module + ".weight",
                             {.scale = factor, .up = *parts.at(Role::up).second, .down = down, .full = {}}});
    }
    add_full(parts, Role::up_bias, module + ".bias", factor);
    add_full(parts, Role::diff, module + ".weight", 1.0);
    add_full(parts, Role::diff_bias, module + ".bias", 1.0);
    add_full(parts, Role::diff_modulation, module + ".modulation", 1.0);
  }

  Lora take() { return std::move(lora_); }

 private:
  void add_full(const Module& parts, Role role, std::string target, double scale) {
    const auto found = parts.find(role);
    if (found == parts.end()) return;
    lora_.terms.push_back({found->second.first,
                           std::move(target),
                           {.scale = scale, .up = {}, .down = {}, .full = *found->second.second}});
  }

  Configuration configuration_;
  Lora lora_;
};

// "blocks.0.ffn.2.weight" -> "blocks_0_ffn_2.weight"
std::string underscored(std::string name) {
  const size_t leaf = name.rfind('.');
  if (leaf != std::string::npos) std::replace(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(leaf), '.', '_');
  return name;
}

void check_shapes(const LoraTerm& term, const std::vector<int64_t>& weight, const std::string& name,
                  const std::string& where) {
  const WeightDelta& delta = term.delta;
  if (!delta.is_pair()) {
    if (delta.full.shape != weight)
      fail(ErrorKind::input, "{}: {} has shape {}, the model's {} has {}", where, term.key, to_string(delta.full.shape),
           name, to_string(weight));
    return;
  }
  std::vector<int64_t> down = weight, up(weight.size(), 1);
  if (weight.size() >= 2) {
    down[0] = up[1] = delta.down.shape[0];
    up[0] = weight[0];
  }
  if (weight.size() < 2 || delta.down.shape != down || delta.up.shape != up)
    fail(ErrorKind::input,
         "{}: {} and its partner have shapes {} and {}, which do not multiply to {} of the model's {}", where, term.key,
         to_string(delta.down.shape), to_string(delta.up.shape), to_string(weight), name);
}

}  // namespace

Lora parse_lora(const Safetensors& file, const std::string& where) {
  Terms terms(file, where);
  for (const auto& [module, parts] : group_by_module(file, where)) terms.add(module, parts);
  Lora lora = terms.take();
  if (lora.terms.empty()) fail(ErrorKind::input, "{}: holds no tensors", where);
  return lora;
}

Lora read_lora(const std::filesystem::path& path) { return parse_lora(read_safetensors(path), path.string()); }

void add_lora(WeightStore& store, const Lora& lora, double strength,
              const std::function<std::string(const std::string&)>& other_name) {
  std::map<std::string, std::string> names;  // any spelling -> the checkpoint's
  for (const auto& [name, view] : store.tensors())
    for (const std::string& spelling : {name, other_name(name)}) {
      names.emplace(spelling, name);
      names.emplace(underscored(spelling), name);
    }
  std::vector<std::string> homeless;
  for (const LoraTerm& term : lora.terms)
    if (!names.contains(term.target)) homeless.push_back(term.key);
  if (!homeless.empty())
    fail(ErrorKind::input,
         "{}: {} of {} keys match no tensor of {} ({}); a LoRA made for another model or another expert? All of it "
         "must be used",
         lora.where, homeless.size(), lora.terms.size(), store.where(), first_names(homeless));
  for (const LoraTerm& term : lora.terms) {
    const std::string& name = names.at(term.target);
    check_shapes(term, store.tensors().at(name).shape, name, lora.where);
  }
  for (const LoraTerm& term : lora.terms) {
    WeightDelta delta = term.delta;
    delta.scale *= strength;
    store.add(names.at(term.target), std::move(delta));
  }
}

}  // namespace soragen::weights
