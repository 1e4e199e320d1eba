// Properties of filters, checked on random filters and messages.
#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/testing/everything.pb.h"

namespace caravan::api {
namespace {

using ::caravan::api::testing::Everything;

constexpr int kRounds = 3000;
const char* const kWords[] = {"a", "ab", "b", "ba", "abc"};

class Random {
 public:
  explicit Random(int seed) : engine_(seed) {}

  int Below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(engine_); }
  bool Chance() { return Below(2) == 0; }
  std::string Word() { return kWords[Below(std::size(kWords))]; }

  Everything::Child Child(int depth) {
    Everything::Child child;
    child.set_text(Word());
    child.set_number(Below(4));
    if (Chance()) child.set_flag(Chance());
    for (int i = Below(3); i > 0; --i) child.add_tags(Word());
    if (depth > 0 && Chance()) *child.mutable_child() = Child(depth - 1);
    return child;
  }

  Everything Message() {
    Everything message;
    message.set_text(Chance() ? Word() : "");
    message.set_small(Below(5) - 2);
    message.set_flag(Chance());
    message.set_color(static_cast<Everything::Color>(Below(4)));
    if (Chance()) message.set_maybe_number(Below(3));
    if (Chance()) message.set_maybe_text(Word());
    if (Chance()) {
      message.mutable_time()->set_seconds(Below(3));
      message.mutable_time()->set_nanos(Below(4) * 500);
    }
    if (Chance()) {
      message.mutable_date()->set_year(2024);
      message.mutable_date()->set_month(Below(3));
      message.mutable_date()->set_day(message.date().month() > 0 ? Below(3) : 0);
    }
    if (Chance()) *message.mutable_child() = Child(2);
    for (int i = Below(3); i > 0; --i) message.add_texts(Word());
    for (int i = Below(3); i > 0; --i) message.add_numbers(Below(3));
    for (int i = Below(3); i > 0; --i) *message.add_children() = Child(0);
    for (int i = Below(3); i > 0; --i) (*message.mutable_labels())[Word()] = Word();
    return message;
  }

 private:
  std::mt19937 engine_;
};

// A filter as text, and what it means, written down independently.
struct Model {
  std::string text;
  std::function<Truth(const Everything&)> meaning;
};

Truth Known(bool value) { return value ? Truth::kTrue : Truth::kFalse; }

template <typename T>
bool Compares(const std::string& op, const T& a, const T& b) {
  if (op == "=" || op == ":") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  return a >= b;
}

Model RandomTerm(Random& random) {
  static const char* const kOps[] = {"=", "!=", "<", "<=", ">", ">=", ":"};
  const std::string op = kOps[random.Below(7)];
  const std::string equality = kOps[random.Below(2)];
  const std::string space = random.Chance() ? " " : "";
  const std::string word = random.Word();
  const int number = random.Below(4) - 1;
  const auto text = [&](std::string_view path, const std::string& o, std::string_view value) {
    return absl::StrCat(path, space, o, space, value);
  };
  const std::string quoted =
      random.Chance() ? word : absl::StrCat(random.Chance() ? "'" : "\"", word);
  const std::string value = quoted == word ? word : quoted + quoted[0];
  switch (random.Below(14)) {
    case 0:
      return {text("text", op, value),
              [=](const Everything& m) { return Known(Compares(op, m.text(), word)); }};
    case 1:
      return {text("small", op, absl::StrCat(number)),
              [=](const Everything& m) { return Known(Compares(op, m.small(), number)); }};
    case 2: {
      const auto color = static_cast<Everything::Color>(random.Below(4));
      return {text("color", equality, Everything::Color_Name(color)),
              [=](const Everything& m) { return Known(Compares(equality, m.color(), color)); }};
    }
    case 3:
      return {text("maybe_number", op, absl::StrCat(number)), [=](const Everything& m) {
                return m.has_maybe_number() ? Known(Compares(op, m.maybe_number(), number))
                                            : Truth::kUnknown;
              }};
    case 4:
      return {text("texts", ":", value), [=](const Everything& m) {
                return Known(std::count(m.texts().begin(), m.texts().end(), word) > 0);
              }};
    case 5:
      return {text("children.text", ":", value), [=](const Everything& m) {
                return Known(std::any_of(m.children().begin(), m.children().end(),
                                         [&](const auto& child) { return child.text() == word; }));
              }};
    case 6:
      return {absl::StrCat("labels.", value, space, op, space, "b"), [=](const Everything& m) {
                const auto label = m.labels().find(word);
                return label == m.labels().end()
                           ? Truth::kUnknown
                           : Known(Compares<std::string>(op, label->second, "b"));
              }};
    case 7:
      return {text("labels", ":", value),
              [=](const Everything& m) { return Known(m.labels().contains(word)); }};
    case 8:
      return {text("text", equality, absl::StrCat("\"", word, "*\"")), [=](const Everything& m) {
                return Known((m.text().rfind(word, 0) == 0) == (equality == "="));
              }};
    case 9:
      return {text("child.child.number", op, absl::StrCat(number)), [=](const Everything& m) {
                return m.child().has_child()
                           ? Known(Compares(op, m.child().child().number(), number))
                           : Truth::kUnknown;
              }};
    case 10: {
      static const std::pair<const char*, bool (*)(const Everything&)> kPresence[] = {
          {"maybe_text:*", [](const Everything& m) { return m.has_maybe_text(); }},
          {"child.child:*", [](const Everything& m) { return m.child().has_child(); }},
          {"child:flag", [](const Everything& m) { return m.child().has_flag(); }},
          {"text:*", [](const Everything& m) { return !m.text().empty(); }},
          {"child.tags:*", [](const Everything& m) { return m.child().tags_size() > 0; }},
      };
      const auto [presence, holds] = kPresence[random.Below(std::size(kPresence))];
      return {presence, [holds = holds](const Everything& m) { return Known(holds(m)); }};
    }
    case 11: {
      const int second = random.Below(3);
      const int micros = random.Below(3);
      return {text("time", op, absl::StrFormat("\"1970-01-01T00:00:0%d.%06dZ\"", second, micros)),
              [=](const Everything& m) {
                const int64_t nanos = m.time().seconds() * 1'000'000'000 + m.time().nanos();
                return m.has_time() ? Known(Compares<int64_t>(
                                          op, nanos, second * 1'000'000'000LL + micros * 1000))
                                    : Truth::kUnknown;
              }};
    }
    case 12: {
      const int month = random.Below(3);
      const int day = month > 0 ? random.Below(3) : 0;
      std::string date = "2024";
      if (month > 0) absl::StrAppendFormat(&date, "-%02d", month);
      if (day > 0) absl::StrAppendFormat(&date, "-%02d", day);
      return {text("date", op, date), [=](const Everything& m) {
                const int seen = std::max(m.date().month(), 1) * 100 + std::max(m.date().day(), 1);
                return m.has_date()
                           ? Known(Compares(op, seen, std::max(month, 1) * 100 + std::max(day, 1)))
                           : Truth::kUnknown;
              }};
    }
    default:
      return {text("children.flag", ":", "true"), [](const Everything& m) {
                Truth truth = Truth::kFalse;
                for (const auto& child : m.children()) {
                  truth = std::max(truth, child.has_flag() ? Known(child.flag()) : Truth::kUnknown);
                }
                return truth;
              }};
  }
}

Model RandomModel(Random& random, int depth);

// What may stand beside OR and behind NOT.
Model RandomSimple(Random& random, int depth) {
  if (depth == 0 || random.Below(3) == 0) return RandomTerm(random);
  Model model = RandomModel(random, depth - 1);
  model.text = absl::StrCat("(", model.text, random.Chance() ? " " : "", ")");
  return model;
}

Model RandomNegation(Random& random, int depth) {
  Model model = RandomSimple(random, depth);
  if (random.Below(3) != 0) return model;
  return {absl::StrCat(random.Chance() ? "-" : "NOT ", model.text),
          [meaning = model.meaning](const Everything& m) {
            return static_cast<Truth>(2 - static_cast<int>(meaning(m)));
          }};
}

// `parts` joined by a word, or by a blank.
Model Combined(Random& random, int depth, const char* joint, bool blank,
               Model (*part)(Random&, int), bool all) {
  Model model = part(random, depth);
  std::vector<std::function<Truth(const Everything&)>> meanings = {model.meaning};
  for (int i = random.Below(3); i > 0; --i) {
    const Model next = part(random, depth);
    absl::StrAppend(&model.text, blank && random.Chance() ? " " : joint, next.text);
    meanings.push_back(next.meaning);
  }
  model.meaning = [meanings, all](const Everything& m) {
    Truth truth = all ? Truth::kTrue : Truth::kFalse;
    for (const auto& meaning : meanings) {
      truth = all ? std::min(truth, meaning(m)) : std::max(truth, meaning(m));
    }
    return truth;
  };
  return model;
}

Model RandomFactor(Random& random, int depth) {
  return Combined(random, depth, " OR ", false, RandomNegation, false);
}

Model RandomModel(Random& random, int depth) {
  return Combined(random, depth, " AND ", true, RandomFactor, true);
}

bool Satisfied(const Pushdown& pushdown, const std::variant<int64_t, std::string>& column) {
  using Op = Pushdown::Op;
  const auto& value = pushdown.values[0];
  switch (pushdown.op) {
    case Op::kEqual:
      return column == value;
    case Op::kLess:
      return column < value;
    case Op::kLessOrEqual:
      return column <= value;
    case Op::kGreater:
      return column > value;
    case Op::kGreaterOrEqual:
      return column >= value;
    case Op::kIn:
      break;
  }
  return std::count(pushdown.values.begin(), pushdown.values.end(), column) > 0;
}

// As the store has it.
std::variant<int64_t, std::string> Column(const Everything& m, const std::string& path) {
  constexpr int64_t kUnset = std::numeric_limits<int64_t>::min();
  if (path == "text") return m.text();
  if (path == "small") return m.small();
  if (path == "color") return m.color();
  if (path == "maybe_number") return m.has_maybe_number() ? m.maybe_number() : kUnset;
  if (path == "child.child.number") {
    return m.child().has_child() ? m.child().child().number() : kUnset;
  }
  if (path == "time") {
    return m.has_time() ? m.time().seconds() * 1'000'000 + m.time().nanos() / 1000 : kUnset;
  }
  if (path == "date") {
    return m.has_date() ? m.date().year() * 10000 + std::max(m.date().month(), 1) * 100 +
                              std::max(m.date().day(), 1)
                        : kUnset;
  }
  ADD_FAILURE() << "no column for " << path;
  return kUnset;
}

TEST(FilterPropertyTest, MeansWhatTheModelMeans) {
  Random random(1);
  int counts[3] = {};
  for (int i = 0; i < kRounds; ++i) {
    const Model model = RandomModel(random, 1 + i % 2);
    const auto filter = Filter::Parse(model.text, Everything::descriptor());
    ASSERT_TRUE(filter.ok()) << model.text << ": " << filter.status();
    const auto printed = Filter::Parse(filter->ToString(), Everything::descriptor());
    ASSERT_TRUE(printed.ok()) << filter->ToString() << ": " << printed.status();
    EXPECT_EQ(printed->ToString(), filter->ToString());
    for (int j = 0; j < 5; ++j) {
      const Everything message = random.Message();
      const Truth truth = model.meaning(message);
      ++counts[static_cast<int>(truth)];
      ASSERT_EQ(filter->Evaluate(message), truth)
          << model.text << " on " << message.ShortDebugString();
      ASSERT_EQ(printed->Evaluate(message), truth) << filter->ToString();
      ASSERT_EQ(filter->Explain(message).truth, truth) << model.text;
      if (truth != Truth::kTrue) continue;
      for (const Pushdown& pushdown : filter->pushdown()) {
        ASSERT_TRUE(Satisfied(pushdown, Column(message, pushdown.path)))
            << model.text << " on " << message.ShortDebugString() << ": " << pushdown.path;
      }
    }
  }
  // All three come up often enough to mean something.
  for (const int count : counts) EXPECT_GT(count, kRounds / 10);
}

// Any text is a filter with a canonical form, or an error that says where.
void CheckAnyText(const std::string& text, const Everything& message) {
  const auto filter = Filter::Parse(text, Everything::descriptor());
  if (!filter.ok()) {
    ASSERT_EQ(ReasonOf(filter.status()), "INVALID_FILTER") << filter.status();
    return;
  }
  const auto printed = Filter::Parse(filter->ToString(), Everything::descriptor());
  ASSERT_TRUE(printed.ok()) << text << " -> " << filter->ToString() << ": " << printed.status();
  ASSERT_EQ(printed->ToString(), filter->ToString());
  ASSERT_EQ(printed->Evaluate(message), filter->Evaluate(message)) << text;
  ASSERT_EQ(filter->Explain(message).truth, filter->Evaluate(message)) << text;
}

TEST(FilterPropertyTest, AnyTokensAreAFilterOrAnError) {
  static const char* const kTokens[] = {"text",
                                        "small",
                                        "child",
                                        "children",
                                        "labels",
                                        "texts",
                                        "maybe_number",
                                        "time",
                                        "date",
                                        "wrapped_text",
                                        "by_number",
                                        ".",
                                        ".",
                                        ":",
                                        "=",
                                        "!=",
                                        "<",
                                        ">=",
                                        "(",
                                        ")",
                                        "-",
                                        "*",
                                        "\"a*\"",
                                        "'b c'",
                                        "1",
                                        "1.5s",
                                        "-7",
                                        "true",
                                        "AND",
                                        "OR",
                                        "NOT",
                                        " ",
                                        " ",
                                        " ",
                                        "\xE6\x9D\xAD",
                                        ","};
  Random random(2);
  for (int i = 0; i < 10 * kRounds; ++i) {
    std::string text;
    for (int j = random.Below(12); j >= 0; --j) text += kTokens[random.Below(std::size(kTokens))];
    CheckAnyText(text, random.Message());
  }
}

TEST(FilterPropertyTest, AnyBytesAreAFilterOrAnError) {
  Random random(3);
  for (int i = 0; i < 10 * kRounds; ++i) {
    std::string text(random.Below(40), ' ');
    for (char& c : text) c = static_cast<char>(random.Below(random.Chance() ? 128 : 256));
    CheckAnyText(text, random.Message());
  }
}

}  // namespace
}  // namespace caravan::api
