#include "pipeline/fingerprint.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace soragen::pipeline {
namespace {

std::string large(char at_the_end) {
  std::string bytes(3'000'000, 'x');
  bytes.back() = at_the_end;
  return bytes;
}

TEST(Fingerprint, TellsModelsApart) {
  const test::TempDir a, b;
  for (const test::TempDir* folder : {&a, &b}) {
    folder->write("transformer/config.json", "{}");
    folder->write("transformer/model.safetensors", large('x'));
  }
  const std::string first = model_fingerprint(a.path());
  EXPECT_EQ(first.substr(0, 15), "sampled-sha256:");
  EXPECT_EQ(first.size(), 15u + 64);
  EXPECT_EQ(model_fingerprint(b.path()), first);  // wherever the folder is
  b.write("README.md", "words");
  EXPECT_EQ(model_fingerprint(b.path()), first);
  b.write("transformer/model.safetensors", large('y'));
  EXPECT_NE(model_fingerprint(b.path()), first);
  b.write("transformer/model.safetensors", large('x') + "x");
  EXPECT_NE(model_fingerprint(b.path()), first);
  b.write("transformer/model.safetensors", large('x'));
  b.write("transformer/config.json", "{ }");
  EXPECT_NE(model_fingerprint(b.path()), first);
  b.write("transformer/config.json", "{}");
  EXPECT_EQ(model_fingerprint(b.path()), first);
  b.write("vae/config.json", "{}");
  EXPECT_NE(model_fingerprint(b.path()), first);
}

// A change between the samples is not seen: the price of not reading everything, stated in the header.
TEST(Fingerprint, SamplesLargeFiles) {
  const test::TempDir folder;
  folder.write("model.safetensors", large('x'));
  const std::string first = model_fingerprint(folder.path());
  std::string changed = large('x');
  changed[70'000] = 'y';
  folder.write("model.safetensors", changed);
  EXPECT_EQ(model_fingerprint(folder.path()), first);
  changed[60'000] = 'y';
  folder.write("model.safetensors", changed);
  EXPECT_NE(model_fingerprint(folder.path()), first);
}

}  // namespace
}  // namespace soragen::pipeline
