#include "services/common/store/transaction.h"

#include <time.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/common/store/store_test_util.h"

namespace caravan::store {
namespace {

// Has no rows; counts how many were asked for.
class EmptyReader : public Reader {
 public:
  int64_t revision() const override { return 0; }
  absl::StatusOr<std::optional<Row>> Get(TableId, std::string_view) override {
    ++reads;
    return std::nullopt;
  }
  absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId, absl::Span<const std::string> keys) override {
    reads += static_cast<int>(keys.size());
    return std::vector<std::optional<Row>>(keys.size());
  }
  absl::Status Scan(const ScanSpec&, absl::FunctionRef<bool(Row& row)>) override {
    return absl::OkStatus();
  }
  absl::Status ScanChanges(const ChangeScan&, absl::FunctionRef<bool(Change& change)>) override {
    return absl::OkStatus();
  }

  int reads = 0;
};

class TransactionTest : public testing::Test {
 protected:
  TransactionTest()
      : catalog_(*Catalog::Create(Catalog::Dialect::kPostgres,
                                  {PlainTable("first"), PlainTable("second")})),
        tx_(catalog_.get(), &base_, nullptr) {}

  void Put(TableId table, std::string key, std::string data) {
    tx_.Put(table, std::move(key), std::move(data), {});
  }

  // What the transaction reads: the data, or "none".
  std::string Read(TableId table, std::string_view key) {
    absl::StatusOr<std::optional<Row>> row = tx_.Get(table, key);
    EXPECT_OK(row);
    return row.ok() && row->has_value() ? (*row)->data : "none";
  }

  std::unique_ptr<Catalog> catalog_;
  EmptyReader base_;
  BufferedTransaction tx_;
};

TEST_F(TransactionTest, ReadsTheLastOfItsWritesHoweverManyThereAre) {
  constexpr int kRows = 40;
  for (int i = 0; i < kRows; ++i) {
    const std::string key = absl::StrCat("k", i);
    Put(0, key, "old");
    Put(1, key, "other");
    EXPECT_TRUE(tx_.Puts(0, key));
    Put(0, key, absl::StrCat("new", i));
    if (i % 3 == 0) tx_.Delete(0, key);
    for (int j = 0; j <= i; ++j) {
      const std::string earlier = absl::StrCat("k", j);
      EXPECT_EQ(Read(0, earlier), j % 3 == 0 ? "none" : absl::StrCat("new", j));
      EXPECT_EQ(Read(1, earlier), "other");
      EXPECT_EQ(tx_.Puts(0, earlier), j % 3 != 0);
    }
  }
  EXPECT_EQ(base_.reads, 0);
  EXPECT_EQ(Read(0, "k40"), "none");
  EXPECT_FALSE(tx_.Puts(0, "k40"));
  EXPECT_EQ(base_.reads, 1);
}

double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Looked through one by one, these would be five billion comparisons.
TEST_F(TransactionTest, ManyWritesTakeNoLongerEach) {
  constexpr int kRows = 100'000;
  const double begin = CpuSeconds();
  for (int i = 0; i < kRows; ++i) {
    const std::string key = absl::StrCat("enterprises/", i);
    ASSERT_EQ(Read(0, key), "none");
    Put(0, key, "data");
  }
  EXPECT_LT(CpuSeconds() - begin, 5);
  EXPECT_EQ(base_.reads, kRows);
}

}  // namespace
}  // namespace caravan::store
