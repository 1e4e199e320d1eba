// What both engines promise of scans: terms, orders, pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/store/store.h"
#include "services/common/store/store_test_util.h"
#include "services/common/store/testing.h"

namespace caravan::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kNumber = 0, kColour = 1;

// Rows whose data is `number colour`.
Table Things() {
  return {"things",
          {{"number", Column::Type::kInteger}, {"colour", Column::Type::kText}},
          [](std::string_view data) -> absl::StatusOr<std::vector<Value>> {
            const std::vector<std::string> parts = absl::StrSplit(data, ' ');
            return std::vector<Value>{int64_t{std::stoll(parts[0])}, parts[1]};
          }};
}

struct Thing {
  std::string key;
  int64_t number;
  std::string colour;
};

class StoreScanTest : public testing::TestWithParam<TestStore> {
 protected:
  StoreScanTest() : database_(GetParam().Create()), store_(database_->OpenOrDie({Things()})) {}

  void Put(const std::vector<Thing>& things) {
    for (size_t begin = 0; begin < things.size(); begin += 500) {
      ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
        for (size_t i = begin; i < std::min(begin + 500, things.size()); ++i) {
          const Thing& thing = things[i];
          tx.Put(0, thing.key, absl::StrCat(thing.number, " ", thing.colour),
                 {thing.number, thing.colour});
        }
        return absl::OkStatus();
      }));
    }
  }

  std::vector<std::string> Keys(ScanSpec spec) { return ScanKeys(*store_, spec); }

  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Engines, StoreScanTest, testing::ValuesIn(TestStores()), TestStoreName);

bool Matches(const Value& value, const Term& term) {
  auto compare = [&](auto op) { return op(value, term.values[0]); };
  switch (term.op) {
    case Term::Op::kEqual:
      return value == term.values[0];
    case Term::Op::kLess:
      return compare(std::less<Value>());
    case Term::Op::kLessOrEqual:
      return compare(std::less_equal<Value>());
    case Term::Op::kGreater:
      return compare(std::greater<Value>());
    case Term::Op::kGreaterOrEqual:
      return compare(std::greater_equal<Value>());
    case Term::Op::kIn:
      return std::find(term.values.begin(), term.values.end(), value) != term.values.end();
  }
  return false;
}

Value ValueOf(const Thing& thing, int column) {
  return column == kNumber ? Value(thing.number) : Value(thing.colour);
}

// What a scan is to give, worked out without a database.
std::vector<std::string> Expected(std::vector<Thing> things, const ScanSpec& spec) {
  std::erase_if(things, [&](const Thing& thing) {
    if (thing.key < spec.begin_key) return true;
    if (!spec.end_key.empty() && thing.key >= spec.end_key) return true;
    return !std::all_of(spec.terms.begin(), spec.terms.end(), [&](const Term& term) {
      return Matches(ValueOf(thing, term.column), term);
    });
  });
  const bool key_descending =
      spec.order.empty() ? spec.key_descending : spec.order.back().descending;
  std::sort(things.begin(), things.end(), [&](const Thing& a, const Thing& b) {
    for (const Order& order : spec.order) {
      const Value x = ValueOf(a, order.column), y = ValueOf(b, order.column);
      if (x != y) return order.descending ? y < x : x < y;
    }
    return key_descending ? b.key < a.key : a.key < b.key;
  });
  std::vector<std::string> keys;
  for (const Thing& thing : things) keys.push_back(thing.key);
  return keys;
}

std::vector<Thing> RandomThings(int count) {
  std::mt19937 random(7);
  const std::vector<std::string> colours = {"", "blue", "green", "red", "rot", "\xe7\xba\xa2"};
  std::vector<Thing> things;
  for (int i = 0; i < count; ++i) {
    things.push_back({absl::StrCat("k", random() % 100000, "-", i),
                      static_cast<int64_t>(random() % 20) - 10,
                      colours[random() % colours.size()]});
  }
  things[0].number = kUnset;
  things[1].number = std::numeric_limits<int64_t>::max();
  return things;
}

TEST_P(StoreScanTest, EveryTermOrderAndPageGivesWhatItShould) {
  const std::vector<Thing> things = RandomThings(300);
  Put(things);
  const std::vector<std::vector<Term>> terms = {
      {},
      {{kNumber, Term::Op::kEqual, {int64_t{3}}}},
      {{kNumber, Term::Op::kLess, {int64_t{0}}}},
      {{kNumber, Term::Op::kLessOrEqual, {int64_t{0}}}},
      {{kNumber, Term::Op::kGreater, {int64_t{4}}}},
      {{kNumber, Term::Op::kGreaterOrEqual, {int64_t{4}}}},
      {{kNumber, Term::Op::kIn, {int64_t{1}, int64_t{-5}, int64_t{99}}}},
      {{kNumber, Term::Op::kIn, {}}},
      {{kColour, Term::Op::kEqual, {"red"}}},
      {{kColour, Term::Op::kEqual, {""}}},
      {{kColour, Term::Op::kGreater, {"green"}}},
      {{kColour, Term::Op::kIn, {"red", "blue", "\xe7\xba\xa2"}}},
      {{kColour, Term::Op::kEqual, {"red"}}, {kNumber, Term::Op::kGreater, {int64_t{0}}}},
      {{kNumber, Term::Op::kEqual, {kUnset}}},
  };
  std::vector<std::vector<Order>> orders = {{}};
  for (bool descending : {false, true}) {
    for (int column : {kNumber, kColour}) {
      orders.push_back({{column, descending}});
      for (bool second : {false, true}) {
        orders.push_back({{column, descending}, {1 - column, second}});
      }
    }
  }
  for (const auto& term : terms) {
    for (const auto& order : orders) {
      for (bool bounded : {false, true}) {
        ScanSpec spec{.terms = term, .order = order, .key_descending = bounded};
        if (bounded) {
          spec.begin_key = "k2";
          spec.end_key = "k8";
        }
        const std::vector<std::string> expected = Expected(things, spec);
        ASSERT_EQ(Keys(spec), expected);
        // The same in pages of 7.
        std::vector<std::string> paged;
        spec.limit = 7;
        while (true) {
          const std::vector<std::string> page = Keys(spec);
          paged.insert(paged.end(), page.begin(), page.end());
          if (page.size() < 7) break;
          const auto last = std::find_if(things.begin(), things.end(), [&](const Thing& thing) {
            return thing.key == page.back();
          });
          spec.after = ScanSpec::Position{.key = last->key};
          for (const Order& by : order) spec.after->values.push_back(ValueOf(*last, by.column));
        }
        ASSERT_EQ(paged, expected);
      }
    }
  }
}

TEST_P(StoreScanTest, LongScansAreWhole) {
  std::vector<Thing> things;
  for (int i = 0; i < 5000; ++i) {
    things.push_back({absl::StrCat("k", 10000 + i), i % 3, i % 2 == 0 ? "even" : "odd"});
  }
  Put(things);
  EXPECT_EQ(Keys({.order = {{kNumber}}}), Expected(things, {.order = {{kNumber}}}));
  EXPECT_EQ(Keys({.order = {{kNumber, true}, {kColour}}, .limit = 4321}).size(), 4321);
  int64_t visited = 0;
  EXPECT_OK(store_->Read(
      [&](Reader& reader) { return reader.Scan({}, [&](Row&) { return ++visited < 100; }); }));
  EXPECT_EQ(visited, 100);
}

TEST_P(StoreScanTest, RowsMoveAndGoWithTheirColumns) {
  Put({{"a", 1, "red"}, {"b", 1, "red"}, {"c", 2, "blue"}});
  Put({{"a", 2, "red"}});
  EXPECT_THAT(Keys({.terms = {{kNumber, Term::Op::kEqual, {int64_t{1}}}}}), ElementsAre("b"));
  EXPECT_THAT(Keys({.terms = {{kNumber, Term::Op::kEqual, {int64_t{2}}}}}), ElementsAre("a", "c"));
  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) {
    tx.Delete(0, "a");
    return absl::OkStatus();
  }));
  EXPECT_THAT(Keys({.terms = {{kColour, Term::Op::kEqual, {"red"}}}}), ElementsAre("b"));
}

TEST_P(StoreScanTest, PagesNeitherSkipNorRepeatStableRows) {
  std::vector<Thing> stable;
  for (int i = 0; i < 200; ++i) stable.push_back({absl::StrCat("s", i), i % 5, "stable"});
  Put(stable);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    std::mt19937 random(1);
    while (!stop) {
      const std::string key = absl::StrCat("x", random() % 50);
      const int64_t number = random() % 5;
      ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
        if (number == 0) {
          tx.Delete(0, key);
        } else {
          tx.Put(0, key, absl::StrCat(number, " moving"), {number, "moving"});
        }
        return absl::OkStatus();
      }));
    }
  });
  for (int round = 0; round < 5; ++round) {
    for (bool descending : {false, true}) {
      ScanSpec spec{.order = {{kNumber, descending}}, .limit = 9};
      std::vector<std::string> seen;
      for (int64_t rows = spec.limit; rows == spec.limit;) {
        rows = 0;
        ASSERT_OK(store_->Read([&](Reader& reader) {
          return reader.Scan(spec, [&](Row& row) {
            ++rows;
            const std::vector<std::string> parts = absl::StrSplit(row.data, ' ');
            spec.after = {{int64_t{std::stoll(parts[0])}}, row.key};
            if (parts[1] == "stable") seen.push_back(row.key);
            return true;
          });
        }));
      }
      EXPECT_EQ(seen, Expected(stable, {.order = {{kNumber, descending}}}));
    }
  }
  stop = true;
  writer.join();
}

TEST_P(StoreScanTest, ATransactionScansWhatIsCommitted) {
  Put({{"a", 1, "red"}});
  ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
    tx.Put(0, "b", "1 red", {int64_t{1}, "red"});
    std::vector<std::string> keys;
    absl::Status status = tx.Scan({.terms = {{kColour, Term::Op::kEqual, {"red"}}}}, [&](Row& row) {
      keys.push_back(row.key);
      return true;
    });
    if (status.ok()) {
      EXPECT_THAT(keys, ElementsAre("a"));
    }
    return status;
  }));
}

TEST_P(StoreScanTest, MisuseIsRefused) {
  auto scan = [&](ScanSpec spec) {
    return api::ReasonOf(
        store_->Read([&](Reader& reader) { return reader.Scan(spec, [](Row&) { return true; }); }));
  };
  EXPECT_EQ(scan({.table = 5}), "STORE_MISUSE");
  EXPECT_EQ(scan({.terms = {{7, Term::Op::kEqual, {int64_t{1}}}}}), "STORE_MISUSE");
  EXPECT_EQ(scan({.terms = {{kNumber, Term::Op::kEqual, {"text"}}}}), "STORE_MISUSE");
  EXPECT_EQ(scan({.terms = {{kNumber, Term::Op::kEqual, {}}}}), "STORE_MISUSE");
  EXPECT_EQ(scan({.order = {{2}}}), "STORE_MISUSE");
  EXPECT_EQ(scan({.order = {{kNumber}}, .after = ScanSpec::Position{{}, "a"}}), "STORE_MISUSE");
}

TEST_P(StoreScanTest, IndexedTextHasALimit) {
  auto put = [&](size_t size) {
    const std::string text(size, 't');
    return store_
        ->WriteAndWait([&](Transaction& tx) {
          tx.Put(0, std::string(1000, 'k'), absl::StrCat("1 ", text), {int64_t{1}, text});
          return absl::OkStatus();
        })
        .status();
  };
  EXPECT_EQ(api::ReasonOf(put(1501)), "INDEXED_TEXT_TOO_LONG");
  EXPECT_OK(put(1500));
}

}  // namespace
}  // namespace caravan::store
