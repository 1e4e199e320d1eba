#include "services/common/api/filter.h"

#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/api/testing/everything.pb.h"

namespace caravan::api {
namespace {

using ::caravan::api::testing::Everything;
using ::google::protobuf::TextFormat;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kMessage[] = R"pb(
  name: "things/one"
  etag: "abc123"
  text: "Hangzhou \"West\" Lake"
  data: "\x00\xff"
  flag: true
  small: -5
  large: 9000000000
  natural: 4000000000
  huge: 18000000000000000000
  single: 0.1
  real: 2.5
  color: GREEN
  maybe_number: 0
  time { seconds: 1722592800 nanos: 500 }
  duration { seconds: 90 nanos: 500000000 }
  date { year: 2024 month: 8 }
  wrapped_text { value: "inner" }
  child {
    text: "daughter"
    number: 7
    child { text: "grandchild" }
    tags: "x"
    tags: "y"
    children { text: "n1" number: 1 }
    counts { key: "a" value: 3 }
  }
  texts: "alpha"
  texts: "beta.gamma"
  numbers: 3
  numbers: 5
  colors: RED
  children { text: "first" number: 1 flag: false }
  children { text: "second" number: 2 tags: "deep" }
  dates { year: 2025 month: 4 day: 1 }
  wrapped_texts { value: "w1" }
  labels { key: "env" value: "prod" }
  labels { key: "a.b" value: "dotted" }
  by_number { key: -3 value: "minus three" }
  by_flag { key: true value: BLUE }
  by_name {
    key: "k"
    value { text: "in a map" }
  }
  right: 0
)pb";

Everything Message() {
  Everything message;
  EXPECT_TRUE(TextFormat::ParseFromString(kMessage, &message));
  return message;
}

Filter Parsed(std::string_view text) {
  auto filter = Filter::Parse(text, Everything::descriptor());
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() ? *filter : Filter();
}

// Evaluates on a generated and on a dynamic message, and in the canonical form.
Truth Evaluated(std::string_view text, const Everything& message) {
  const Truth truth = Parsed(text).Evaluate(message);
  EXPECT_EQ(Parsed(Parsed(text).ToString()).Evaluate(message), truth)
      << text << " is printed as " << Parsed(text).ToString();
  static auto& factory = *new google::protobuf::DynamicMessageFactory;
  const std::unique_ptr<google::protobuf::Message> dynamic(
      factory.GetPrototype(Everything::descriptor())->New());
  EXPECT_TRUE(dynamic->ParseFromString(message.SerializeAsString()));
  EXPECT_EQ(Parsed(text).Evaluate(*dynamic), truth) << text << " on a dynamic message";
  EXPECT_EQ(Parsed(text).Explain(message).truth, truth) << text;
  return truth;
}

std::string ErrorOf(std::string_view text) {
  const auto filter = Filter::Parse(text, Everything::descriptor());
  if (filter.ok()) return "no error";
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_EQ(ReasonOf(filter.status()), "INVALID_FILTER") << text;
  EXPECT_THAT(FieldsOf(filter.status()), ElementsAre("filter")) << text;
  return std::string(filter.status().message());
}

TEST(FilterTest, Holds) {
  for (const char* text : {
           "",
           "  \n",
           "name = \"things/one\"",
           "name = things/one",
           "name=things/one",
           "name:things/one",
           "NOT name = x",
           "-name=x",
           "name != x",
           // Strings, escapes, wildcards.
           R"(text = "Hangzhou \"West\" Lake")",
           R"(text = 'Hangzhou "West" Lake')",
           "text = Hang*",
           "text = \"*Lake\"",
           "text = '*West*'",
           "text = \"H*z*L*\"",
           "text = *",
           "text != 'Lake*'",
           R"(text != "Hang\*")",
           "text > Hang",
           "text >= A",
           "text < I",
           "name = \"things/*\"",
           // Other scalars.
           "data = \"AP8=\"",
           "data = AP8",
           "data != \"AP8A\"",
           "data < \"AQ==\"",
           "flag = true",
           "flag != false",
           "flag:true",
           "small = -5",
           "small < -4",
           "small >= -5",
           "small = \"-5\"",
           "large > 8999999999",
           "natural = 4000000000",
           "huge > 17999999999999999999",
           "single = 0.1",
           "real = 2.5",
           "real < 2.997e9",
           "real > 2.5e-1",
           "real >= -1.5",
           "color = GREEN",
           "color != RED",
           "color = \"GREEN\"",
           // Times, durations, dates.
           "time = \"2024-08-02T10:00:00.0000005Z\"",
           "time > \"2024-08-02T18:00:00+08:00\"",
           "time < '2024-08-02T10:00:01Z'",
           "duration = 90.5s",
           "duration > 1.5s",
           "duration > -1s",
           "date = 2024-08",
           "date = 2024-08-01",
           "date > 2024",
           "date < \"2024-08-02\"",
           "date.year = 2024",
           "date.day = 0",
           // Wrappers, optional fields, oneofs.
           "wrapped_text = inner",
           "wrapped_text = in*",
           "wrapped_text.value = inner",
           "maybe_number = 0",
           "maybe_number < 1",
           "right = 0",
           "right != 1",
           // Fields without presence have their default.
           "child.child.number = 0",
           "child.child.text != x",
           // Traversal.
           "child.number > 6",
           "child.child.text = grandchild",
           "labels.env = prod",
           "labels.'a.b' = dotted",
           "labels.\"env\":p*",
           "by_number.\"-3\" = minus*",
           "by_flag.true = BLUE",
           "by_name.k.text = 'in a map'",
           "child.counts.a >= 3",
           // Lists and maps.
           "texts:alpha",
           "texts:beta.gamma",
           "texts:\"b*\"",
           "texts:*",
           "numbers:5",
           "colors:RED",
           "children.text:second",
           "children.number:2",
           "children.tags:deep",
           "children.flag:false",
           "child.tags:y",
           "child.children.number:1",
           "dates:2025-04-01",
           "wrapped_texts:w1",
           "labels:env",
           "labels:\"a.b\"",
           "labels:'e*'",
           "labels:*",
           "labels.env:*",
           "by_number:-3",
           "by_flag:true",
           "by_name.k:text",
           "by_name.k:*",
           "-texts:delta",
           "-labels:none",
           // Presence.
           "name:*",
           "child:*",
           "child:text",
           "time:*",
           "maybe_number:*",
           "wrapped_text:*",
           "right:*",
           "-left:*",
           "-maybe_text:*",
           "-maybe_flag:*",
           "-middle:*",
           "-middle.text:*",
           "-wrapped_number:*",
           "-child.child.number:*",
           "-labels.none:*",
           "children.flag:*",
           // Searches.
           "hangzhou",
           "LAKE",
           "\"west\\\" lake\"",
           "grandchild",
           "prod",
           "env",
           "deep",
           "inner",
           "things/one",
           "beta.gamma",
           "h*lake",
           "-abc123",
           "-nowhere",
           "hangzhou prod",
           // Logic.
           "flag = true AND small = -5",
           "flag = true small = -5",
           "flag = false OR small = -5",
           "flag = true AND (small = 1 OR small = -5)",
           "NOT (flag = false AND small = -5)",
           "-(flag = false OR small = 5)",
           "NOT(flag = false)",
           "(((flag = true)))",
           "small = 1 OR small = -5 AND flag = true",
           "flag = true OR flag = false small = -5",
           // Spread right sides.
           "color = (RED OR GREEN)",
           "texts:(alpha AND beta.*)",
           "color = (NOT RED)",
           "small = (1 OR \"-5\")",
           "numbers:(3 5)",
           "color = (RED OR (GREEN OR BLUE))",
       }) {
    EXPECT_EQ(Evaluated(text, Message()), Truth::kTrue) << text;
  }
}

TEST(FilterTest, DoesNotHold) {
  for (const char* text : {
           "name = Things/one",
           "text = hang*",
           "text = \"Hang\\*\"",
           "text = Lake",
           "small = 5",
           "small > -5",
           "flag = false",
           "color = COLOR_UNSPECIFIED",
           "date = 2024-08-02",
           "date > 2024-08-01",
           "duration < 90.5s",
           "time <= \"2024-08-02T10:00:00Z\"",
           "texts:gamma",
           "numbers:4",
           "labels:prod",
           "labels.env = test",
           "labels.env != prod",
           "children.number:3",
           "-texts:alpha",
           "left:*",
           "maybe_text:*",
           "labels.none:*",
           "children.tags:none",
           "nowhere",
           "abc123",
           "hangzhou nowhere",
           "lake*hang",
           // OR binds tighter than AND: (a OR b) AND c.
           "flag = true OR flag = true AND small = 0",
           "flag = true OR flag = true small = 0",
           "maybe_number != 0",
           "right = 1",
           "child.child.text = x",
           "color = (RED OR BLUE)",
           "texts:(alpha AND delta)",
       }) {
    EXPECT_EQ(Evaluated(text, Message()), Truth::kFalse) << text;
  }
}

TEST(FilterTest, IsUnknownWhereAFieldIsNotSet) {
  for (const char* text : {
           "maybe_text = x",
           "maybe_text != x",
           "NOT maybe_text = x",
           "maybe_flag = true",
           "maybe_flag = false",
           "left = x",
           "left != x",
           "middle.text = x",
           "wrapped_number = 0",
           "wrapped_number > 1",
           "labels.none = x",
           "labels.none != x",
           "child.child.child.number = 0",
           "middle.tags:x",
           "-middle.tags:x",
           "middle.counts:x",
           "by_name.none.text = x",
           "child.flag = true",
           "maybe_flag = true AND flag = true",
           "maybe_flag = true OR flag = false",
           // One entry has no flag, the other has another.
           "children.flag:true",
           "NOT children.flag:true",
       }) {
    EXPECT_EQ(Evaluated(text, Message()), Truth::kUnknown) << text;
    EXPECT_FALSE(Parsed(text).Matches(Message())) << text;
  }
  // Kleene: what is known decides where it can.
  EXPECT_EQ(Evaluated("maybe_flag = true OR flag = true", Message()), Truth::kTrue);
  EXPECT_EQ(Evaluated("maybe_flag = true AND flag = false", Message()), Truth::kFalse);
  EXPECT_EQ(Evaluated("time > \"2024-01-01T00:00:00Z\"", Everything()), Truth::kUnknown);
  EXPECT_EQ(Evaluated("date > 2024", Everything()), Truth::kUnknown);
  // Lists and maps of the message itself are there, if empty.
  EXPECT_EQ(Evaluated("texts:x", Everything()), Truth::kFalse);
  EXPECT_EQ(Evaluated("labels:x", Everything()), Truth::kFalse);
}

TEST(FilterTest, ErrorsSayWhereAndWhatIsRight) {
  const std::pair<const char*, std::vector<const char*>> cases[] = {
      {"nmae = x", {"filter: at character 1:", "Everything has no field 'nmae'", "name"}},
      {"flag = true AND child.txet = x", {"at character 23:", "'txet'", "text"}},
      {"zzzzzzzz = 1", {"it has name, etag, text"}},
      {"杭州 x:y", {"at character 4:"}},
      {"1 > 0", {"no field '1'"}},
      {"name.x = 1", {"at character 6:", "name is a string", "'x'"}},
      {"labels.env.x = 1", {"labels.env is a string"}},
      {"small = abc", {"at character 9:", "'abc' is not a whole number"}},
      {"small = 5.5", {"'5.5' is not a whole number"}},
      {"small = 3000000000", {"between -2147483648 and 2147483647"}},
      {"natural = -1", {"at character 11:", "between 0 and 4294967295"}},
      {"huge = -1", {"between 0 and 18446744073709551615"}},
      {"huge = 18446744073709551616", {"between 0"}},
      {"large = 9223372036854775808", {"between -9223372036854775808"}},
      {"real = x", {"'x' is not a number"}},
      {"real = inf", {"is not a number"}},
      {"real = 1e999", {"range"}},
      {"single = 1e39", {"range"}},
      {"flag = yes", {"'yes' is not true or false"}},
      {"flag > false", {"a boolean", "use = or !="}},
      {"color = PURPLE", {"'PURPLE'", "COLOR_UNSPECIFIED, RED, GREEN, BLUE"}},
      {"color = green", {"RED, GREEN, BLUE"}},
      {"color >= RED", {"an enum", "no order"}},
      {"time > 2024-08-02", {"2024-08-02T10:00:00Z"}},
      {"time > \"infinite-future\"", {"is not a time"}},
      {"time > \"2024-13-02T10:00:00Z\"", {"is not a time"}},
      {"duration > 5", {"1.5s"}},
      {"duration > 5m", {"1.5s"}},
      {"duration > 999999999999s", {"at most"}},
      {"date = 2024-02-30", {"2024-08-02"}},
      {"date = 02/08/2024", {"2024-08-02"}},
      {"date = 2024-00", {"2024-08-02"}},
      {"data = \"?\"", {"base64"}},
      {"child = x", {"child is a message", "':*'"}},
      {"children:x", {"children is a message"}},
      {"child:nothing", {"Child has no field 'nothing'"}},
      {"texts = alpha", {"only ':'", "not '='"}},
      {"children.text = first", {"only ':'"}},
      {"labels = x", {"only ':'"}},
      {"labels.e* = x", {"no wildcards"}},
      {"by_number.x = y", {"a key of by_number", "whole number"}},
      {"name = ", {"at character 8:", "expected a value or '('", "found the end"}},
      {"name = = x", {"at character 8:", "found '='"}},
      {"= x", {"at character 1:", "expected a field"}},
      {"name = x AND", {"at character 13:", "expected a field"}},
      {"AND name = x", {"found 'AND'"}},
      {"name = x OR OR name = y", {"found 'OR'"}},
      {"name = AND", {"in quotes"}},
      {"NOT NOT name = x", {"found 'NOT'"}},
      {"--name = x", {"found '-'"}},
      {"- name = x", {"directly behind"}},
      {"small = - 5", {"directly behind '-'"}},
      {"(name = x", {"at character 10:", "expected ')'"}},
      {"name = x)", {"at character 9:", "found ')'"}},
      {"()", {"at character 2:"}},
      {"name = (x", {"expected ')'"}},
      {"name = (small = 1)", {"at character 9:", "stand values"}},
      {"name = x,y", {"found ','"}},
      {"name. = x", {"directly behind '.'"}},
      {"child .text = x", {"found '.'"}},
      {"name = \"x", {"at character 8:", "no closing \""}},
      {"name = 'x", {"no closing '"}},
      {"name = \"x\\", {"no closing"}},
      {"name = \"\\q\"", {"at character 9:"}},
      {"name = \x01", {"control character"}},
      {"name = \xFF", {"UTF-8"}},
      {"cohort(request.user) = 1", {"at character 1:", "no function 'cohort'"}},
      {"name = lower(x)", {"at character 8:", "no function 'lower'"}},
      {"math.mem('30mb')", {"no function 'math.mem'"}},
  };
  for (const auto& [text, parts] : cases) {
    for (const char* part : parts) EXPECT_THAT(ErrorOf(text), HasSubstr(part)) << text;
  }
  const auto other = Filter::Parse("x", Everything::descriptor(), "expression");
  EXPECT_TRUE(other.ok());
  const auto bad = Filter::Parse("x = 1", Everything::descriptor(), "clauses[1].expression");
  EXPECT_THAT(FieldsOf(bad.status()), ElementsAre("clauses[1].expression"));
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("clauses[1].expression: "));
}

TEST(FilterTest, IsLimited) {
  const auto nested = [](int depth) {
    return std::string(depth, '(') + "name = x" + std::string(depth, ')');
  };
  EXPECT_EQ(ErrorOf(nested(kMaxFilterDepth)), "no error");
  EXPECT_THAT(ErrorOf(nested(kMaxFilterDepth + 1)), HasSubstr("deeper than 32"));
  EXPECT_THAT(ErrorOf("name = " + std::string(3000, '(')), HasSubstr("deeper than 32"));
  EXPECT_EQ(ErrorOf(std::string(kMaxFilterLength, 'x')), "no error");
  EXPECT_THAT(ErrorOf(std::string(kMaxFilterLength + 1, 'x')), HasSubstr("8193 bytes"));
}

TEST(FilterTest, ToStringIsCanonical) {
  const std::pair<const char*, const char*> cases[] = {
      {"  ", ""},
      {"a   b", "\"a\" AND \"b\""},
      {"flag=true OR small=1 text=x", "flag = true OR small = 1 AND text = \"x\""},
      {"(flag=true small=1)OR text=x", "(flag = true AND small = 1) OR text = \"x\""},
      {"-(flag=true)", "NOT flag = true"},
      {"NOT (a b)", "NOT (\"a\" AND \"b\")"},
      {"text:'a\"b\\*c*'", "text = \"a\\\"b\\*c*\""},
      {"labels.env:x labels.'a b' = y labels:z",
       "labels.env = \"x\" AND labels.\"a b\" = \"y\" AND labels:\"z\""},
      {"color=(RED OR BLUE)", "color = RED OR color = BLUE"},
      {"time>'2024-08-02T18:00:00.50+08:00'", "time > \"2024-08-02T10:00:00.5Z\""},
      {"duration > -1.50s", "duration > -1.5s"},
      {"date > 2024", "date > 2024-01-01"},
      {"child:text", "child.text:*"},
      {"data = AP8", "data = \"AP8=\""},
      {"real = 1e3", "real = 1000"},
  };
  for (const auto& [text, canonical] : cases) {
    EXPECT_EQ(Parsed(text).ToString(), canonical);
    EXPECT_EQ(Parsed(canonical).ToString(), canonical);
  }
}

TEST(FilterTest, PushesDownWhatIndexesCanTell) {
  using Op = Pushdown::Op;
  const auto pushed = [](std::string_view text) { return Parsed(text).pushdown(); };
  EXPECT_THAT(
      pushed("color = RED AND small >= 3 child.text = x"),
      ElementsAre(Pushdown{"color", Op::kEqual, {1}}, Pushdown{"small", Op::kGreaterOrEqual, {3}},
                  Pushdown{"child.text", Op::kEqual, {"x"}}));
  EXPECT_THAT(pushed("flag = true (small < 3 AND natural <= 7)"),
              ElementsAre(Pushdown{"flag", Op::kEqual, {1}}, Pushdown{"small", Op::kLess, {3}},
                          Pushdown{"natural", Op::kLessOrEqual, {7}}));
  EXPECT_THAT(pushed("color = (RED OR BLUE)"), ElementsAre(Pushdown{"color", Op::kIn, {1, 3}}));
  EXPECT_THAT(pushed("name = \"things/*\""),
              ElementsAre(Pushdown{"name", Op::kGreaterOrEqual, {"things/"}},
                          Pushdown{"name", Op::kLess, {"things0"}}));
  EXPECT_THAT(pushed("text = \"\xF4\x8F\xBF\xBF*\""),
              ElementsAre(Pushdown{"text", Op::kGreaterOrEqual, {"\xF4\x8F\xBF\xBF"}}));
  EXPECT_THAT(pushed("text = \"\xED\x9F\xBF*\"")[1],
              (Pushdown{"text", Op::kLess, {"\xEE\x80\x80"}}));
  EXPECT_THAT(pushed("date < 2024-08"), ElementsAre(Pushdown{"date", Op::kLess, {20240801}}));
  constexpr int64_t kMicros = 1722592800'000000;
  EXPECT_THAT(pushed("time >= \"2024-08-02T10:00:00Z\" time < \"2024-08-02T10:00:00Z\""),
              ElementsAre(Pushdown{"time", Op::kGreaterOrEqual, {kMicros}},
                          Pushdown{"time", Op::kLess, {kMicros}}));
  // Columns hold whole microseconds, rounded down: the bounds are widened.
  EXPECT_THAT(pushed("time > \"2024-08-02T10:00:00Z\" time < \"2024-08-02T10:00:00.0000005Z\""),
              ElementsAre(Pushdown{"time", Op::kGreaterOrEqual, {kMicros}},
                          Pushdown{"time", Op::kLessOrEqual, {kMicros}}));
  for (const char* text :
       {"", "name", "NOT name = x", "name != x", "name = \"*x\"", "color = RED OR small = 1",
        "small > 1 OR small < 0", "texts:x", "labels.env = x", "children.text:x", "name:*",
        "real = 1", "huge = 1", "duration = 1s", "data = AA"}) {
    EXPECT_THAT(pushed(text), IsEmpty()) << text;
  }
  EXPECT_THAT(pushed(std::string("text = \"a\0b\"", 12)), IsEmpty());
}

TEST(FilterTest, ExplainsWhatDecided) {
  const auto seen = [](std::string_view text) { return Parsed(text).Explain(Message()).seen; };
  const auto field = [](std::string path, std::optional<std::string> value) {
    return Seen{std::move(path), std::move(value)};
  };
  // FALSE: what made it false, with the value.
  EXPECT_THAT(seen("flag = true AND small = 3"), ElementsAre(field("small", "-5")));
  EXPECT_THAT(seen("small = 3 AND maybe_flag = true AND color = RED"),
              ElementsAre(field("small", "-5"), field("color", "GREEN")));
  EXPECT_THAT(seen("small = 3 OR small = 4 OR color = RED"),
              ElementsAre(field("small", "-5"), field("color", "GREEN")));
  EXPECT_THAT(seen("NOT flag = true"), ElementsAre(field("flag", "true")));
  EXPECT_THAT(seen("texts:x"), ElementsAre(field("texts", "\"alpha\", \"beta.gamma\"")));
  EXPECT_THAT(seen("children.text:x"),
              ElementsAre(field("children.text", "\"first\", \"second\"")));
  EXPECT_THAT(seen("middle:*"), ElementsAre(field("middle", std::nullopt)));
  EXPECT_THAT(seen("nowhere"), ElementsAre(field("*", std::nullopt)));
  EXPECT_THAT(seen("time < \"2000-01-01T00:00:00Z\""),
              ElementsAre(field("time", "\"2024-08-02T10:00:00.0000005Z\"")));
  // UNKNOWN: what is missing.
  EXPECT_THAT(seen("flag = true AND maybe_flag = true AND labels.none = x"),
              ElementsAre(field("maybe_flag", std::nullopt), field("labels.none", std::nullopt)));
  EXPECT_THAT(seen("flag = false OR middle.text = x"),
              ElementsAre(field("middle.text", std::nullopt)));
  // TRUE: what made it true.
  EXPECT_THAT(seen("flag = false OR small < 0"), ElementsAre(field("small", "-5")));
  EXPECT_THAT(seen(""), IsEmpty());

  Everything many;
  for (int i = 0; i < 12; ++i) many.add_numbers(i);
  EXPECT_THAT(Parsed("numbers:99").Explain(many).seen,
              ElementsAre(field("numbers", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...")));
}

TEST(FilterTest, IsCopiedAndOutlivesItsText) {
  Filter copy;
  EXPECT_TRUE(copy.empty());
  {
    auto text = std::make_unique<std::string>("labels.env = prod AND texts:\"al*\"");
    const Filter filter = Parsed(*text);
    text.reset();
    copy = filter;
  }
  EXPECT_FALSE(copy.empty());
  EXPECT_TRUE(copy.Matches(Message()));
}

TEST(FilterTest, IsQuick) {
  const Filter filter = Parsed("color = GREEN AND child.number > 100");
  const Everything message = Message();
  constexpr int kRounds = 20'000;
  const std::clock_t start = std::clock();
  int matched = 0;
  for (int i = 0; i < kRounds; ++i) matched += filter.Matches(message);
  const double nanoseconds = 1e9 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_EQ(matched, 0);
  RecordProperty("nanoseconds", static_cast<int>(nanoseconds / kRounds));
  // Far above what it takes (some hundred), as builds may be sanitized.
  EXPECT_LT(nanoseconds / kRounds, 20'000);
}

}  // namespace
}  // namespace caravan::api
