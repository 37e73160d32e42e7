#include "families/wan/family.h"

#include "core/fail.h"
#include "core/json.h"
#include "families/wan/config.h"
#include "families/wan/cost.h"
#include "families/wan/dit.h"
#include "families/wan/names.h"
#include "families/wan/vae_decoder.h"
#include "text/t5.h"
#include "weights/lora.h"

namespace soragen::families::wan {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFewStepClass =
    "WanDMDPipeline";  // FastVideo's distilled checkpoints; diffusers has no such class
constexpr std::string_view kPipelineClasses[] = {"WanPipeline", kFewStepClass};

Json component_config(const fs::path& directory, const std::string& component,
                      const std::string& file = "config.json") {
  return read_json_file(directory / component / file);
}

DitConfig dit_config(const fs::path& directory, const std::string& component) {
  const Json json = component_config(directory, component);
  return parse_dit_config(JsonObject(json, (directory / component / "config.json").string()));
}

VaeConfig vae_config(const fs::path& directory) {
  const Json json = component_config(directory, "vae");
  return parse_vae_config(JsonObject(json, (directory / "vae/config.json").string()));
}

// A component is [library, class]; an absent one [null, null].
bool has_component(const Json& index, const std::string& name) {
  const auto found = index.find(name);
  return found != index.end() && found->is_array() && found->size() == 2 && (*found)[1].is_string();
}

void require_component(const Json& index, const std::string& where, const std::string& name,
                       const std::vector<std::string>& classes) {
  if (!has_component(index, name)) fail(ErrorKind::input, "{}: component \"{}\" is missing", where, name);
  const auto found = index.at(name)[1].get<std::string>();
  for (const std::string& valid : classes)
    if (found == valid) return;
  fail(ErrorKind::unsupported, "{}: component \"{}\" is a {}; expected {}", where, name, found,
       fmt::join(classes, " or "));
}

void check_components(const Json& index, const std::string& where) {
  require_component(index, where, "text_encoder", {"UMT5EncoderModel", "T5EncoderModel"});
  require_component(index, where, "tokenizer", {"T5Tokenizer", "T5TokenizerFast"});
  require_component(index, where, "transformer", {"WanTransformer3DModel"});
  require_component(index, where, "vae", {"AutoencoderKLWan"});
}

void check_agreement(const DitConfig& dit, const VaeConfig& vae, const fs::path& directory) {
  if (dit.in_channels != vae.z_dim)
    fail(ErrorKind::input, "{}: the transformer works on {} channels, the VAE's latents have {}", directory.string(),
         dit.in_channels, vae.z_dim);
}

ModelSpec read(const fs::path& directory, const std::string& pipeline_class) {
  const std::string where = (directory / "model_index.json").string();
  const Json index = read_json_file(directory / "model_index.json");
  const JsonObject object(index, where);
  check_components(index, where);
  const DitConfig dit = dit_config(directory, "transformer");
  const VaeConfig vae = vae_config(directory);
  check_agreement(dit, vae, directory);

  ModelSpec spec{.family = "wan", .directory = directory, .pipeline_class = pipeline_class};
  spec.geometry = {.channels = vae.z_dim,
                   .temporal = vae.scale_factor_temporal,
                   .spatial = vae.scale_factor_spatial,
                   .patch = dit.patch_size,
                   .max_positions = dit.rope_max_seq_len};
  const Json scheduler = component_config(directory, "scheduler", "scheduler_config.json");
  spec.scheduler = diffusion::parse_scheduler_config(
      JsonObject(scheduler, (directory / "scheduler/scheduler_config.json").string()));
  // A boundary without a second expert is a mistake of the official converter and means nothing.
  const bool has_low_noise = has_component(index, "transformer_2");
  if (has_low_noise) {
    require_component(index, where, "transformer_2", {"WanTransformer3DModel"});
    check_agreement(dit_config(directory, "transformer_2"), vae, directory);
    spec.boundary_ratio = object.number("boundary_ratio");
    if (*spec.boundary_ratio < 0.0 || *spec.boundary_ratio > 1.0)
      fail(ErrorKind::input, "{}: boundary_ratio {} must lie in [0, 1]", where, *spec.boundary_ratio);
  }
  // With expand_timesteps every token has its own timestep; without an image all are equal, so text-to-video needs one.
  spec.facts = {{"pipeline", pipeline_class},
                {"expand_timesteps", object.boolean_or("expand_timesteps", false)},
                {"two_experts", has_low_noise},
                {"few_step", pipeline_class == kFewStepClass},
                {"transformer", component_config(directory, "transformer")},
                {"text_encoder", component_config(directory, "text_encoder")},
                {"vae", component_config(directory, "vae")},
                {"scheduler", scheduler}};
  return spec;
}

std::unique_ptr<text::TextEncoder> load_text_encoder(const ModelSpec& spec, const nn::Target& target, bool stream) {
  auto encoder = std::make_unique<text::T5Encoder>(spec.directory / "text_encoder", target, stream);
  const DitConfig dit = dit_config(spec.directory, "transformer");
  if (encoder->width() != dit.text_dim)
    fail(ErrorKind::input, "{}: the text encoder makes {} numbers a token, the transformer takes {}",
         spec.directory.string(), encoder->width(), dit.text_dim);
  return encoder;
}

std::string component_of(diffusion::Expert expert) {
  return expert == diffusion::Expert::high_noise ? "transformer" : "transformer_2";
}

void merge(const std::vector<Adapter>& adapters, weights::WeightStore& store) {
  for (const Adapter& adapter : adapters)
    weights::add_lora(store, weights::read_lora(adapter.file), adapter.strength, original_name);
}

void check_adapters(const ModelSpec& spec, diffusion::Expert expert, const std::vector<Adapter>& adapters) {
  weights::WeightStore store(spec.directory / component_of(expert), {"diffusion_pytorch_model"});
  merge(adapters, store);
}

std::unique_ptr<diffusion::Denoiser> load_denoiser(const ModelSpec& spec, diffusion::Expert expert,
                                                   const std::vector<Adapter>& adapters, const nn::Target& target,
                                                   const nn::Residency& residency, const LoadProgress& progress) {
  const std::string component = component_of(expert);
  const DitConfig config = dit_config(spec.directory, component);
  const auto store = std::make_shared<weights::WeightStore>(spec.directory / component,
                                                            std::vector<std::string>{"diffusion_pytorch_model"});
  store->ignore_prefix("norm_added_q");  // the reference ignores it too
  merge(adapters, *store);
  const nn::Target outside_blocks = {target.dtype, target.device};
  auto dit = std::make_unique<Dit>(nn::Scope(*store), config, spec.text_tokens, outside_blocks,
                                   block_source(store, config, residency, target, progress));
  store->check_all_used();
  return dit;
}

std::unique_ptr<FrameDecoder> load_decoder(const ModelSpec& spec, const nn::Target& target,
                                           const LoadProgress& progress) {
  weights::WeightStore store(spec.directory / "vae", {"diffusion_pytorch_model"});
  store.ignore_prefix("encoder.");  // text-to-video only decodes
  store.ignore_prefix("quant_conv.");
  auto decoder = std::make_unique<VaeDecoder>(nn::Scope(store), vae_config(spec.directory), target, progress);
  store.check_all_used();
  return decoder;
}

StageCost denoise_cost(const ModelSpec& spec, const nn::Target& target, const FilmSize& film) {
  return dit_cost(dit_config(spec.directory, "transformer"), target,
                  spec.geometry.tokens(film.width, film.height, film.frames), spec.text_tokens);
}

StageCost decode_cost(const ModelSpec& spec, const nn::Target& target, const FilmSize& film,
                      const DecodeOptions& options) {
  return decoder_cost(vae_config(spec.directory), target, film, options);
}

}  // namespace

const Family kFamily = {
    .name = "wan",
    .pipeline_classes = kPipelineClasses,
    .read = read,
    .load_text_encoder = load_text_encoder,
    .check_adapters = check_adapters,
    .load_denoiser = load_denoiser,
    .load_decoder = load_decoder,
    .denoise_cost = denoise_cost,
    .decode_cost = decode_cost,
};

}  // namespace soragen::families::wan
