#include "services/logistics/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

TEST(SketchTest, OneNumberStandsForABucketWithinOnePercent) {
  EXPECT_EQ(Sketch::BucketOf(-5), 0);
  EXPECT_EQ(Sketch::ValueOf(0), 0);
  int64_t low = 1;
  for (int bucket = 1; bucket < Sketch::Buckets(); ++bucket) {
    ASSERT_EQ(Sketch::BucketOf(low), bucket);
    int64_t high = low;
    // The last value of the bucket, by bisection.
    for (int64_t step = low; step > 0; step /= 2) {
      while (Sketch::BucketOf(high + step) == bucket && high + step <= Sketch::kMaxValue) {
        high += step;
      }
    }
    // But for what a double rounds.
    const double value = Sketch::ValueOf(bucket);
    ASSERT_LE(value, 1.01 * static_cast<double>(low) * (1 + 1e-12));
    ASSERT_GE(value, 0.99 * static_cast<double>(high) * (1 - 1e-12));
    low = high + 1;
  }
  EXPECT_EQ(low, Sketch::kMaxValue + 1);
  EXPECT_EQ(Sketch::BucketOf(Sketch::kMaxValue), Sketch::Buckets() - 1);
  EXPECT_EQ(Sketch::BucketOf(std::numeric_limits<int64_t>::max()), Sketch::Buckets() - 1);
}

TEST(SketchTest, SmallValuesAreExact) {
  for (int64_t value = 0; value < 50; ++value) {
    Sketch sketch;
    sketch.Add(value);
    EXPECT_EQ(sketch.Percentile(50), static_cast<double>(value));
  }
}

TEST(SketchTest, RankIsTheCeiling) {
  Sketch sketch;
  for (const int64_t value : {10, 20, 30, 40}) sketch.Add(value);
  EXPECT_EQ(sketch.count(), 4);
  EXPECT_EQ(sketch.Percentile(1), 10);
  EXPECT_EQ(sketch.Percentile(25), 10);
  EXPECT_EQ(sketch.Percentile(26), 20);
  EXPECT_EQ(sketch.Percentile(50), 20);
  EXPECT_EQ(sketch.Percentile(75), 30);
  EXPECT_EQ(sketch.Percentile(76), 40);
  EXPECT_EQ(sketch.Percentile(100), 40);
  EXPECT_EQ(Sketch().Percentile(50), 0);
}

TEST(SketchTest, WhatWasAddedCanBeTakenAway) {
  Sketch sketch;
  sketch.Add(100, 3);
  sketch.Add(7);
  Sketch change;
  change.Add(100, -3);
  change.Add(200, 2);
  sketch.Merge(change);
  Sketch expected;
  expected.Add(7);
  expected.Add(200);
  expected.Add(200);
  EXPECT_EQ(sketch, expected);
  EXPECT_EQ(sketch.Serialize(), expected.Serialize());
  change.Merge(change);
  EXPECT_EQ(change.count(), -2);
}

TEST(SketchTest, BytesAreReadBackAndCompact) {
  Sketch sketch;
  EXPECT_EQ(sketch.Serialize(), "");
  EXPECT_EQ(*Sketch::Parse(""), sketch);
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> hours(std::log(40.0), 0.35);
  for (int i = 0; i < 5000; ++i) sketch.Add(static_cast<int64_t>(3600 * hours(random)));
  sketch.Add(Sketch::kMaxValue, -4);
  const std::string bytes = sketch.Serialize();
  EXPECT_LT(bytes.size(), 300u);
  const auto parsed = Sketch::Parse(bytes);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, sketch);
}

TEST(SketchTest, DamagedBytesAreRefused) {
  const auto refused = [](const std::string& bytes) {
    const auto sketch = Sketch::Parse(bytes);
    EXPECT_EQ(sketch.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(api::ReasonOf(sketch.status()), "SKETCH_MALFORMED");
  };
  refused("\x80");                      // a number that does not end
  refused(std::string("\x02", 1));      // a bucket without its count
  refused(std::string("\x02\x00", 2));  // a count of 0
  refused("\x02\x02");                  // a count of 1 that is written
  refused("\xff\xff\x03");              // a bucket that there is not
  refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  refused("\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  // Whatever bytes: they are refused, or written back so that they mean the same.
  std::mt19937_64 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 8);
    const auto sketch = Sketch::Parse(bytes);
    if (sketch.ok()) {
      ASSERT_EQ(*Sketch::Parse(sketch->Serialize()), *sketch);
    }
  }
}

// Percentiles of all sorts of distributions, in parts that are merged in any order.
TEST(SketchPropertyTest, WithinOnePercentOfExact) {
  std::mt19937_64 random(20241123);
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<size_t>(1 + random() % 3000);
    const double sigma = 0.05 + static_cast<double>(random() % 100) / 40;
    std::lognormal_distribution<double> lognormal(
        std::log(1 + static_cast<double>(random() % 500'000)), sigma);
    std::vector<int64_t> values;
    for (size_t i = 0; i < n; ++i) {
      const double value = round % 3 == 0 ? static_cast<double>(random() % (1 + random() % 100'000))
                                          : lognormal(random);
      values.push_back(static_cast<int64_t>(std::min(value, 1e11)));
    }
    std::vector<Sketch> parts(1 + random() % 20);
    for (const int64_t value : values) parts[random() % parts.size()].Add(value);
    Sketch merged, backwards;
    for (const Sketch& part : parts) merged.Merge(part);
    std::shuffle(parts.begin(), parts.end(), random);
    for (const Sketch& part : parts) backwards.Merge(part);
    ASSERT_EQ(merged.Serialize(), backwards.Serialize());
    ASSERT_EQ(merged.count(), static_cast<int64_t>(n));
    std::sort(values.begin(), values.end());
    for (const int percent : {1, 10, 50, 90, 95, 99, 100}) {
      const size_t rank = (n * static_cast<size_t>(percent) + 99) / 100;
      const auto exact = static_cast<double>(values[rank - 1]);
      ASSERT_NEAR(merged.Percentile(percent), exact, 0.01 * exact * (1 + 1e-9))
          << "round " << round << " p" << percent;
    }
  }
}

}  // namespace
}  // namespace caravan::logistics
