// A sketch of a distribution: percentiles within 1 % of the exact ones, from some
// hundred bytes however many values there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace caravan::logistics {

// A histogram over buckets that grow with the values, such that one number stands
// for every value of a bucket within 1 %. (Masson, Rim and Lee, "DDSketch", 2019,
// is where it comes from.) Buckets are of whole numbers and made with whole numbers
// alone: [l, floor(101 l / 99)], beginning with 0, [1, 1], [2, 2]. So a sketch is the
// same to the byte on every machine, below 50 it is exact, and counts always are.
//
// Sketches are added and subtracted bucket by bucket: what was added can be taken
// away again, in any order. One that says what changes in another has negative
// counts; percentiles are of sketches that have none.
class Sketch {
 public:
  // Greater values, of more than 30,000 years in seconds, are taken for this one.
  static constexpr int64_t kMaxValue = 1'000'000'000'000;

  // The bucket of a value; below 0 there are none, and 0 stands for them.
  static int BucketOf(int64_t value);
  // The number that stands for the values of a bucket: no further than 1 % of it
  // from each of them.
  static double ValueOf(int bucket);
  // How many buckets there are.
  static int Buckets();

  // Adds a value so many times; a negative number takes it away.
  void Add(int64_t value, int64_t times = 1) { AddToBucket(BucketOf(value), times); }
  void AddToBucket(int bucket, int64_t times);
  void Merge(const Sketch& other);
  // Takes away instead of adding, and the other way round.
  void Negate();

  // How many values there are.
  int64_t count() const;
  bool empty() const { return counts_.empty(); }

  // The value at rank ceil(percent / 100 x count) of the ascending values, within
  // 1 %; 1 <= percent <= 100, and 0 where there are no values.
  double Percentile(int percent) const;
  // Those of ascending percents, at once.
  template <size_t n>
  std::array<double, n> Percentiles(const std::array<int, n>& percents) const {
    std::array<double, n> values = {};
    const int64_t all = count();
    int64_t passed = 0;
    size_t next = 0;
    for (const auto& [bucket, times] : counts_) {
      passed += times;
      while (next < n && passed >= (all * percents[next] + 99) / 100)
        values[next++] = ValueOf(bucket);
    }
    return values;
  }

  // The same bytes for the same values, whatever was merged when: some two bytes a
  // bucket that is not empty.
  std::string Serialize() const;
  // DATA_LOSS with reason SKETCH_MALFORMED where bytes are none of Serialize().
  static absl::StatusOr<Sketch> Parse(std::string_view bytes);

  friend bool operator==(const Sketch&, const Sketch&) = default;

 private:
  friend class SketchSum;

  // Buckets that are not 0, ascending.
  std::vector<std::pair<int, int64_t>> counts_;
};

// The sum of many sketches. Each takes as long as its buckets are many, however many
// the sum has, and needs no memory of its own where it comes as bytes.
class SketchSum {
 public:
  void Add(const Sketch& sketch);
  // Of Sketch::Serialize(). False where bytes are none of it; the sum is then of no use.
  bool AddSerialized(std::string_view bytes);
  // The sum, which begins anew.
  Sketch Take();

 private:
  void Add(int bucket, int64_t times);

  std::vector<int64_t> counts_;  // by bucket; empty where nothing was ever added
  int first_ = 0, end_ = 0;      // what is not 0 lies in [first_, end_)
};

}  // namespace caravan::logistics
