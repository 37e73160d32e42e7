// The code, the check sums and the random numbers, each against a second implementation or a published number.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "provenance/watermark/convolutional_code.h"
#include "provenance/watermark/key.h"
#include "provenance/watermark/message.h"

namespace soragen::provenance::watermark {
namespace {

std::vector<uint8_t> random_bits(std::mt19937& random, int count) {
  std::vector<uint8_t> bits(count);
  for (uint8_t& bit : bits) bit = random() & 1;
  return bits;
}

std::vector<float> soft_of(const std::vector<uint8_t>& bits) {
  std::vector<float> soft;
  for (const uint8_t bit : bits) soft.push_back(bit ? 1.f : -1.f);
  return soft;
}

TEST(ConvolutionalCode, IsTheCircularConvolutionWithItsGenerators) {
  // 171 and 133 octal: 1 + D + D2 + D3 + D6 and 1 + D2 + D3 + D5 + D6 (CCSDS 131.0-B-4, 3.3).
  const std::vector<std::vector<int>> taps = {{0, 1, 2, 3, 6}, {0, 2, 3, 5, 6}};
  std::mt19937 random(1);
  for (const int count : {24, 48}) {
    const std::vector<uint8_t> bits = random_bits(random, count), coded = encode_tail_biting(bits);
    ASSERT_EQ(coded.size(), bits.size() * 2);
    for (int i = 0; i < count; ++i)
      for (int g = 0; g < 2; ++g) {
        int expected = 0;
        for (const int delay : taps[g]) expected ^= bits[(i - delay + count) % count];
        EXPECT_EQ(coded[2 * i + g], expected) << i << " " << g;
      }
  }
}

TEST(ConvolutionalCode, CorrectsEveryFourErrors) {
  // Free distance 10: up to 4 wrong bits leave the right word the nearest.
  std::mt19937 random(2);
  for (int trial = 0; trial < 60; ++trial) {
    const std::vector<uint8_t> bits = random_bits(random, 48);
    std::vector<float> soft = soft_of(encode_tail_biting(bits));
    for (int error = 0; error < 4; ++error) soft[(random() % 24) * 4 + error] *= -1;  // four different places
    EXPECT_EQ(decode_tail_biting(soft), bits) << trial;
  }
}

TEST(ConvolutionalCode, ReachesItsPublishedErrorRateOnSoftValues) {
  // Bit error rate 1e-3 at Eb/N0 = 3.0 dB (Heller & Jacobs 1971, figure 8, K = 7). Rate 1/2: Es = Eb / 2, and the noise
  // of a value of amplitude 1 has the variance 1 / (2 Es/N0). 14,400 bits: 14 errors expected; errors come in bursts of
  // about 5, so a standard deviation is about 9 and the bound is 4 of them.
  std::mt19937 random(3);
  std::normal_distribution<float> noise(0, std::sqrt(1 / std::pow(10.f, 0.3f)));
  int wrong = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const std::vector<uint8_t> bits = random_bits(random, 48);
    std::vector<float> soft = soft_of(encode_tail_biting(bits));
    for (float& value : soft) value += noise(random);
    const std::vector<uint8_t> decoded = decode_tail_biting(soft);
    for (size_t i = 0; i < bits.size(); ++i) wrong += decoded[i] != bits[i];
  }
  EXPECT_LE(wrong, 14 + 4 * 9);
}

// The usual byte-wise form of a check sum, most significant bit first.
uint32_t reference_crc(const std::string& bytes, int bits, uint32_t polynomial) {
  uint32_t crc = (1u << bits) - 1;
  for (const char byte : bytes) {
    crc ^= static_cast<uint32_t>(static_cast<uint8_t>(byte)) << (bits - 8);
    for (int i = 0; i < 8; ++i) crc = crc >> (bits - 1) & 1 ? crc << 1 ^ polynomial : crc << 1;
    crc &= (1u << bits) - 1;
  }
  return crc;
}

uint32_t to_number(const std::vector<uint8_t>& bits, size_t begin, size_t end) {
  uint32_t value = 0;
  for (size_t i = begin; i < end; ++i) value = value << 1 | bits[i];
  return value;
}

TEST(Message, CarriesTheIdAndItsCheckSum) {
  ASSERT_EQ(reference_crc("123456789", 16, 0x1021), 0x29B1u);     // CRC-16/IBM-3740 of the RevEng catalogue
  ASSERT_EQ(reference_crc("123456789", 8, 0x2F), 0xDFu ^ 0xFFu);  // CRC-8/AUTOSAR, without its last inversion
  const std::vector<uint8_t> standard = decode_tail_biting(soft_of(encode_message(Form::standard, 0xDEADBEEF)));
  EXPECT_EQ(to_number(standard, 0, 32), 0xDEADBEEFu);
  EXPECT_EQ(to_number(standard, 32, 48), reference_crc("\x01\x60\xDE\xAD\xBE\xEF", 16, 0x1021));
  const std::vector<uint8_t> small = decode_tail_biting(soft_of(encode_message(Form::small, 0xBEEF)));
  EXPECT_EQ(to_number(small, 0, 16), 0xBEEFu);
  EXPECT_EQ(to_number(small, 16, 24), reference_crc("\x01\x30\xBE\xEF", 8, 0x2F));
}

TEST(Message, CountsTheBitsItCorrects) {
  std::vector<float> soft = soft_of(encode_message(Form::standard, 7));
  for (float& value : soft) value *= 2;
  for (const int wrong : {3, 40, 77}) soft[wrong] *= -1;
  const auto message = decode_message(Form::standard, soft);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->id, 7u);
  EXPECT_EQ(message->bits_corrected, 3);
}

TEST(Message, AWrongCheckSumIsNoMessage) {
  for (int wrong = 0; wrong < 48; ++wrong) {
    std::vector<uint8_t> bits = decode_tail_biting(soft_of(encode_message(Form::standard, 7)));
    bits[wrong] ^= 1;
    std::vector<float> soft = soft_of(encode_tail_biting(bits));
    for (float& value : soft) value *= 3;
    EXPECT_FALSE(decode_message(Form::standard, soft)) << wrong;
  }
}

TEST(Message, NoiseHasNone) {
  // Of 1,000 a check of 8 bits alone would pass 4.
  std::mt19937 random(4);
  std::normal_distribution<float> noise;
  for (int trial = 0; trial < 1000; ++trial) {
    std::vector<float> soft(raw_bit_count(Form::small));
    for (float& value : soft) value = noise(random);
    EXPECT_FALSE(decode_message(Form::small, soft)) << trial;
  }
  EXPECT_FALSE(decode_message(Form::standard, std::vector<float>(96, 0.f)));
}

TEST(KeyStream, IsSha256InCounterMode) {
  KeyStream stream(Key{}, "label");  // printf '%064d/label/0' 0 | sha256sum, and /1
  EXPECT_EQ(stream.next(), 0x8ae6a375u);
  for (int i = 1; i < 8; ++i) stream.next();
  EXPECT_EQ(stream.next(), 0xb70aa6fau);
}

TEST(KeyStream, LimitsAreUniform) {
  KeyStream stream(public_key(), "limits");
  std::vector<int> counts(3);
  for (int i = 0; i < 3000; ++i) ++counts.at(stream.below(3));
  for (const int count : counts) EXPECT_NEAR(count, 1000, 4 * std::sqrt(3000 * (1. / 3) * (2. / 3)));
}

TEST(PublicKey, IsTheHashOfItsName) {
  // printf 'soragen watermark, scheme 1, public key' | sha256sum. Another key would not read older films.
  std::vector<uint8_t> bits;
  for (int i = 0; i < 32; ++i) bits.push_back(public_key()[i / 8] >> (7 - i % 8) & 1);
  EXPECT_EQ(to_number(bits, 0, 32), 0x31164a58u);
}

}  // namespace
}  // namespace soragen::provenance::watermark
