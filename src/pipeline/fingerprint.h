// Which model files made a film, without reading all of them: 17 GB of weights would take longer to hash than to load.
#pragma once

#include <filesystem>
#include <string>

namespace soragen::pipeline {

// "sampled-sha256:" and 64 hexadecimal digits, over every .json, .safetensors and .model file below the directory, by
// name: its relative path, its size, and its bytes; of one above 1 MiB the first and the last 64 KiB (with them the
// header, where every tensor's name, shape and place stand) and 16 blocks of 4 KiB, evenly spread. Two models that
// differ only between the samples have the same fingerprint: it tells models apart, it does not prove anything.
// Throws Error{input} for a file that cannot be read.
std::string model_fingerprint(const std::filesystem::path& directory);

}  // namespace soragen::pipeline
