// soragen doctor: what this program is made of on this machine, and whether it computes what it should.
#include <filesystem>
#include <fstream>
#include <set>

#include "cli/commands.h"
#include "cli/quantities.h"
#include "cli/results.h"
#include "cli/self_test.h"
#include "core/fail.h"
#include "core/version.h"
#include "media/film_format.h"
#include "media/film_writer.h"
#include "pipeline/card_report.h"
#include "pipeline/hardware.h"
#include "pipeline/libtorch.h"

namespace soragen::cli {
namespace fs = std::filesystem;

namespace {

// Whose library is in the process, not whose was meant: another one of the same name, found first, wins in silence. The
// resolved file names carry the versions.
Json loaded_libraries() {
  constexpr std::string_view kOfInterest[] = {"libtorch",  "libc10", "libsoragen", "libgomp",          "libcud",
                                              "libcublas", "libav",  "libsw",      "libx264",          "libx265",
                                              "libSvtAv1", "libvpx", "libc2pa",    "libsentencepiece", "libicu",
                                              "libcrypto", "libfmt", "libspdlog",  "libstdc++"};
  std::set<std::string> paths;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const fs::path path = line.substr(slash);
    for (const std::string_view name : kOfInterest)
      if (path.filename().string().starts_with(name)) paths.insert(path.string());
  }
  return paths;
}

Json encoders() {
  Json found = Json::object();
  for (const media::Container& container : media::containers())
    for (const std::string_view codec : container.codecs) {
      if (found.contains(codec) || container.extension == "-") continue;
      const std::string name =
          container.muxer.empty() ? "%d" + std::string(container.extension) : "x" + std::string(container.extension);
      try {
        media::probe_encoder(media::choose_format(
            {.path = name, .codec = std::string(codec), .width = 64, .height = 64, .fps = {24, 1}}));
        found[std::string(codec)] = "works";
      } catch (const Error& error) {
        found[std::string(codec)] = error.what();
      }
    }
  return found;
}

Json examine() {
  const pipeline::Hardware hardware = pipeline::detect_hardware();
  const Json card = pipeline::examine_card();  // before LibTorch is asked: it would settle that it has no CUDA
  const pipeline::LibTorch libtorch = pipeline::describe_libtorch();
  Json tests = Json::array();
  for (const SelfTest& test : run_self_tests())
    tests.push_back({{"name", test.name}, {"passed", test.passed()}, {"error_of_allowed", test.error}});
  return {{"version", version()},
          {"libtorch", libtorch.version},
          {"cpu", hardware.cpu},
          {"cpu_capability", libtorch.cpu_capability},
          {"dtype", hardware.has_fast_bf16 ? "bf16" : "fp32"},
          {"dtype_reason", hardware.bf16_reason},
          {"threads", hardware.threads},
          {"memory", hardware.memory},
          {"card", card},
          {"encoders", encoders()},
          {"self_tests", tests},
          {"libraries", loaded_libraries()}};
}

std::string describe_card(const Json& card) {
  if (!card.contains("name")) return fmt::format("card        none: {}\n", card["problem"].get<std::string>());
  std::string text =
      fmt::format("card        {} ({}), {} free of {}\ndriver      CUDA {}, {}\n", card["name"].get<std::string>(),
                  card["capability"].get<std::string>(), format_bytes(card["free_memory"]),
                  format_bytes(card["memory"]), card["driver"].get<std::string>(), card["plugin"].get<std::string>());
  if (card.contains("problem")) text += fmt::format("LibTorch    {}\n", card["problem"].get<std::string>());
  for (const Json& test : card["self_tests"])
    text += fmt::format("CUDA kernel {:<20} {}: {}\n", test["name"].get<std::string>(),
                        test["passed"] == true ? "passed" : "FAILED, does not serve",
                        test.contains("problem")
                            ? test["problem"].get<std::string>()
                            : fmt::format("{:.2f} of the allowed error", test["error_of_allowed"].get<double>()));
  return text;
}

std::string describe(const Json& found) {
  const auto text_of = [&](const char* key) { return found[key].get<std::string>(); };
  std::string text = fmt::format("soragen {}, LibTorch {}\n", text_of("version"), text_of("libtorch"));
  text += fmt::format("processor   {} ({})\n", text_of("cpu"), text_of("cpu_capability"));
  text += fmt::format("precision   {}: {}\n", text_of("dtype"), text_of("dtype_reason"));
  text += fmt::format("threads     {}\nmemory      {} free\n", found["threads"].get<int64_t>(),
                      format_bytes(found["memory"]));
  text += describe_card(found["card"]);
  for (const auto& [codec, state] : found["encoders"].items())
    text += fmt::format("encoder     {:<6} {}\n", codec, state.get<std::string>());
  for (const Json& test : found["self_tests"])
    text += fmt::format("self-test   {:<16} {}: {:.2f} of the allowed error\n", test["name"].get<std::string>(),
                        test["passed"] == true ? "passed" : "FAILED", test["error_of_allowed"].get<double>());
  for (const Json& library : found["libraries"]) text += fmt::format("library     {}\n", library.get<std::string>());
  return text;
}

}  // namespace

int doctor(const Invocation& invocation) {
  const Json found = examine();
  if (invocation.json)
    print_json(found, 2);
  else
    print_text(describe(found));
  for (const Json& test : found["self_tests"])
    if (test["passed"] == false)
      fail(ErrorKind::internal, "self-test {} failed on this machine; its films cannot be trusted",
           test["name"].get<std::string>());
  return 0;
}

}  // namespace soragen::cli
