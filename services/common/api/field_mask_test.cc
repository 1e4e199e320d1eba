#include "services/common/api/field_mask.h"

#include <memory>
#include <random>

#include "gmock/gmock.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/api/testing/everything.pb.h"

namespace caravan::api {
namespace {

using ::caravan::api::testing::Everything;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FieldMask;
using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Everything Text(const std::string& text) {
  Everything message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

absl::StatusOr<UpdateMask> Parse(const std::vector<std::string>& paths) {
  FieldMask mask;
  for (const std::string& path : paths) mask.add_paths(path);
  return UpdateMask::Parse(mask, Everything::descriptor());
}

bool None(const FieldDescriptor&) { return false; }

// What `to` becomes, as a generated and as a dynamic message.
Everything Applied(const UpdateMask& mask, const std::string& from, const std::string& to,
                   IsIgnored ignored = None) {
  Everything result = Text(to);
  mask.Apply(Text(from), result, ignored);

  google::protobuf::DynamicMessageFactory factory;
  const auto* prototype = factory.GetPrototype(Everything::descriptor());
  const std::unique_ptr<google::protobuf::Message> source(prototype->New());
  const std::unique_ptr<google::protobuf::Message> target(prototype->New());
  EXPECT_TRUE(source->ParseFromString(Text(from).SerializeAsString()));
  EXPECT_TRUE(target->ParseFromString(Text(to).SerializeAsString()));
  mask.Apply(*source, *target, ignored);
  Everything dynamic;
  EXPECT_TRUE(dynamic.ParseFromString(target->SerializeAsString()));
  EXPECT_TRUE(MessageDifferencer::Equals(dynamic, result)) << dynamic.ShortDebugString();
  return result;
}

void ExpectApplied(const std::vector<std::string>& paths, const std::string& from,
                   const std::string& to, const std::string& expected, IsIgnored ignored = None) {
  const auto mask = Parse(paths);
  ASSERT_TRUE(mask.ok()) << mask.status();
  const Everything result = Applied(*mask, from, to, ignored);
  EXPECT_TRUE(MessageDifferencer::Equals(result, Text(expected))) << result.ShortDebugString();
}

TEST(UpdateMaskTest, ReplacesAndClears) {
  ExpectApplied({"text"}, "text: 'new' small: 9", "text: 'old' flag: true",
                "text: 'new' flag: true");
  ExpectApplied({"text", "small"}, "text: ''", "text: 'old' small: 3 flag: true", "flag: true");
  ExpectApplied({}, "text: 'new'", "text: 'old'", "text: 'old'");
  ExpectApplied({"maybe_number", "maybe_text"}, "maybe_number: 0", "maybe_text: 'x'",
                "maybe_number: 0");
  ExpectApplied({"texts", "numbers", "colors"}, "texts: ['a', 'b'] colors: [RED]",
                "texts: ['x'] numbers: [1, 2]", "texts: ['a', 'b'] colors: [RED]");
  ExpectApplied({"date"}, "date { year: 2024 }", "date { year: 2023 month: 5 day: 6 }",
                "date { year: 2024 }");
  ExpectApplied({"time", "wrapped_text"}, "wrapped_text { value: '' }", "time { seconds: 1 }",
                "wrapped_text {}");
  ExpectApplied({"data", "large", "natural", "huge", "single", "real", "color", "flag"},
                "data: '\\xff' large: 1 natural: 2 huge: 3 single: 0.5 real: 0.25 color: BLUE "
                "flag: true",
                "small: 1",
                "small: 1 data: '\\xff' large: 1 natural: 2 huge: 3 single: 0.5 real: 0.25 "
                "color: BLUE flag: true");
  ExpectApplied({"left"}, "left: 'x'", "right: 3", "left: 'x'");
  ExpectApplied({"right"}, "left: 'x'", "right: 3", "");
  ExpectApplied({"left"}, "right: 4", "right: 3", "right: 3");
}

TEST(UpdateMaskTest, ReachesIntoMessages) {
  ExpectApplied({"child.text"}, "child { text: 'new' number: 9 }",
                "child { text: 'old' number: 1 }", "child { text: 'new' number: 1 }");
  ExpectApplied({"child.text"}, "", "child { text: 'old' number: 1 }", "child { number: 1 }");
  ExpectApplied({"child.text"}, "", "text: 'x'", "text: 'x'");
  ExpectApplied({"child.child.flag"}, "child { child { flag: false } }", "",
                "child { child { flag: false } }");
  ExpectApplied({"child"}, "child { text: 'new' }", "child { text: 'old' number: 1 }",
                "child { text: 'new' }");
  ExpectApplied({"child"}, "", "child { text: 'old' }", "");
  ExpectApplied({"child"}, "child {}", "", "child {}");
  ExpectApplied({"children"}, "children { text: 'a' }", "children { number: 1 } children {}",
                "children { text: 'a' }");
  ExpectApplied({"date.day"}, "date { day: 3 }", "date { year: 2024 month: 5 day: 6 }",
                "date { year: 2024 month: 5 day: 3 }");
}

TEST(UpdateMaskTest, ReachesIntoMaps) {
  const std::string old = "labels { key: 'a' value: '1' } labels { key: 'b.c' value: '2' }";
  ExpectApplied({"labels.a"}, "labels { key: 'a' value: '9' } labels { key: 'z' value: '8' }", old,
                "labels { key: 'a' value: '9' } labels { key: 'b.c' value: '2' }");
  ExpectApplied({"labels.`b.c`"}, "", old, "labels { key: 'a' value: '1' }");
  ExpectApplied({"labels.z"}, "labels { key: 'z' value: '' }", "", "labels { key: 'z' value: '' }");
  ExpectApplied({"labels.none"}, "", old, old);
  ExpectApplied({"labels"}, "labels { key: 'z' value: '8' }", old,
                "labels { key: 'z' value: '8' }");
  ExpectApplied({"by_number.-3", "by_flag.true"},
                "by_number { key: -3 value: 'x' } by_flag { key: true value: RED }",
                "by_number { key: -3 value: 'y' }",
                "by_number { key: -3 value: 'x' } by_flag { key: true value: RED }");
  ExpectApplied({"by_name.k.text"}, "by_name { key: 'k' value { text: 'new' number: 9 } }",
                "by_name { key: 'k' value { text: 'old' number: 1 } }",
                "by_name { key: 'k' value { text: 'new' number: 1 } }");
  ExpectApplied({"by_name.k.text"}, "by_name { key: 'k' value { text: 'new' number: 9 } }", "",
                "by_name { key: 'k' value { text: 'new' } }");
  ExpectApplied({"by_name.k.text"}, "", "by_name { key: 'k' value { text: 'old' number: 1 } }",
                "by_name { key: 'k' value { number: 1 } }");
  ExpectApplied({"by_name.k.text"}, "", "", "");
}

TEST(UpdateMaskTest, StarReplacesEverything) {
  ExpectApplied({"*"}, "text: 'new' child { number: 1 }",
                "text: 'old' small: 3 labels { key: 'a' }", "text: 'new' child { number: 1 }");
  ExpectApplied({"text", "*"}, "", "text: 'old' small: 3", "");
}

TEST(UpdateMaskTest, LeavesWhatIsIgnored) {
  const auto ignored = [](const FieldDescriptor& field) {
    return field.name() == "number" || field.name() == "etag";
  };
  ExpectApplied({"etag", "text"}, "etag: 'new' text: 'new'", "etag: 'old'",
                "etag: 'old' text: 'new'", ignored);
  ExpectApplied({"*"}, "etag: 'new' text: 'new'", "etag: 'old' small: 1", "etag: 'old' text: 'new'",
                ignored);
  ExpectApplied({"child"}, "child { text: 'new' number: 9 child { number: 9 tags: 'n' } }",
                "child { text: 'old' number: 1 tags: 'o' child { number: 2 } }",
                "child { text: 'new' number: 1 child { number: 2 tags: 'n' } }", ignored);
  ExpectApplied({"child.number"}, "child { number: 9 }", "child { number: 1 }",
                "child { number: 1 }", ignored);
  // Nobody can say which entry was which: what is ignored is not taken over.
  ExpectApplied({"children", "by_name.k"},
                "children { text: 'new' number: 9 children { number: 9 } } "
                "by_name { key: 'k' value { text: 'new' number: 9 } }",
                "children { number: 1 }",
                "children { text: 'new' children {} } by_name { key: 'k' value { text: 'new' } }",
                ignored);
}

TEST(UpdateMaskTest, OfSetFieldsNamesWhatIsSet) {
  const auto paths = [](const std::string& text) {
    return UpdateMask::OfSetFields(Text(text)).paths();
  };
  EXPECT_THAT(paths(""), IsEmpty());
  EXPECT_TRUE(UpdateMask::OfSetFields(Everything()).empty());
  EXPECT_THAT(paths("text: 'x' small: 0 maybe_number: 0 child { text: 'y' child { flag: false } } "
                    "date { year: 2024 } texts: 'a' labels { key: 'k' } right: 0 children {}"),
              UnorderedElementsAre("text", "maybe_number", "child.text", "child.child.flag", "date",
                                   "texts", "labels", "right", "children"));
  EXPECT_THAT(paths("child {}"), ElementsAre("child"));
  const UpdateMask mask = UpdateMask::OfSetFields(Text("child { text: 'new' }"));
  const Everything result = Applied(mask, "child { text: 'new' }", "child { text: 'o' number: 1 }");
  EXPECT_TRUE(MessageDifferencer::Equals(result, Text("child { text: 'new' number: 1 }")));
}

TEST(UpdateMaskTest, SaysWhatItTouches) {
  const auto mask = Parse({"child.text", "labels.a", "labels.`b.c`", "by_number.5"});
  ASSERT_TRUE(mask.ok());
  EXPECT_FALSE(mask->empty());
  EXPECT_THAT(mask->paths(), ElementsAre("child.text", "labels.a", "labels.`b.c`", "by_number.5"));
  EXPECT_TRUE(mask->Touches(*Everything::descriptor()->FindFieldByName("child")));
  EXPECT_FALSE(mask->Touches(*Everything::descriptor()->FindFieldByName("text")));
}

TEST(UpdateMaskTest, ErrorsNameThePath) {
  const std::pair<const char*, const char*> cases[] = {
      {"nmae", "'nmae' leads nowhere: Everything has no field 'nmae'; near it is name"},
      {"child.x", "Child has no field 'x'"},
      {"text.x", "leads beyond text, which is no message"},
      {"texts.x", "a list, and is replaced as a whole"},
      {"children.text", "a list, and is replaced as a whole"},
      {"labels.a.b", "leads beyond labels, which is no message"},
      {"by_number.x", "wrong key for by_number: 'x' is not a whole number"},
      {"by_name.k.x", "Child has no field 'x'"},
      {"", "is not a path"},
      {".", "is not a path"},
      {"child.", "is not a path"},
      {"child..text", "is not a path"},
      {"labels.`a", "is not a path"},
      {"labels.`a`b", "is not a path"},
      {"child.*", "no field '*'"},
      {"\xFF", "leads nowhere"},
  };
  for (const auto& [path, part] : cases) {
    const auto mask = Parse({"text", path});
    ASSERT_FALSE(mask.ok()) << path;
    EXPECT_EQ(mask.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(mask.status()), "INVALID_UPDATE_MASK");
    EXPECT_THAT(FieldsOf(mask.status()), ElementsAre("update_mask"));
    EXPECT_THAT(std::string(mask.status().message()), HasSubstr(part));
  }
  EXPECT_THAT(FieldsOf(Parse({"a", "text", "b"}).status()),
              ElementsAre("update_mask", "update_mask"));
}

TEST(UpdateMaskTest, AnyPathIsOneOrAnError) {
  static const char* const kParts[] = {"child", "labels", "by_number", "by_name", "text", "texts",
                                       "*",     ".",      ".",         "`",       "-3",   "k",
                                       "\xFF",  "",       "date",      "left"};
  std::mt19937 random(1);
  const Everything from = Text(
      "child { text: 'a' } labels { key: 'k' value: 'v' } by_name { key: 'k' value { text: 'x' } "
      "}");
  for (int i = 0; i < 20'000; ++i) {
    std::string path;
    for (int j = random() % 6; j >= 0; --j) path += kParts[random() % std::size(kParts)];
    const auto mask = Parse({path});
    if (!mask.ok()) continue;
    Everything once = Text("left: 'l' child { number: 3 }");
    mask->Apply(from, once, None);
    Everything twice = once;
    mask->Apply(from, twice, None);
    EXPECT_TRUE(MessageDifferencer::Equals(once, twice)) << path;
    if (path == "*") continue;
    const auto again = Parse(mask->paths());
    ASSERT_TRUE(again.ok()) << path;
    EXPECT_EQ(again->paths(), mask->paths());
  }
}

}  // namespace
}  // namespace caravan::api
