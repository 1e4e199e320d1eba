#include "services/common/api/order_by.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/api/testing/everything.pb.h"

namespace caravan::api {
namespace {

using ::caravan::api::testing::Everything;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(OrderByTest, Parses) {
  const auto parse = [](std::string_view text) {
    auto terms = ParseOrderBy(text, Everything::descriptor());
    EXPECT_TRUE(terms.ok()) << terms.status();
    return *std::move(terms);
  };
  EXPECT_THAT(parse(""), IsEmpty());
  EXPECT_THAT(parse("  "), IsEmpty());
  EXPECT_THAT(parse("name"), ElementsAre(OrderTerm{"name", false}));
  EXPECT_THAT(parse("  small   desc,child.child.number , time desc,date asc"),
              ElementsAre(OrderTerm{"small", true}, OrderTerm{"child.child.number", false},
                          OrderTerm{"time", true}, OrderTerm{"date", false}));
  EXPECT_THAT(parse("wrapped_number,duration,color,data,date.year"), ::testing::SizeIs(5));
}

TEST(OrderByTest, ErrorsSayWhatIsWrong) {
  std::string many = "name";
  for (int i = 0; i < 20; ++i) many += ",name";
  const std::pair<std::string, const char*> cases[] = {
      {"nmae", "no field 'nmae'; near it is name"},
      {"child.x", "Child has no field 'x'"},
      {"name.x", "name is a string"},
      {"texts", "leads to a list"},
      {"children.text", "leads to a list"},
      {"labels.env", "leads to a list"},
      {"child", "is a message"},
      {"name,,small", "missing beside a comma"},
      {"name,", "missing beside a comma"},
      {",", "missing beside a comma"},
      {"name down", "'name down' is not a field"},
      {"name DESC", "not a field, or a field and 'desc'"},
      {"name desc desc", "'name desc desc'"},
      {"name, small, name desc", "'name' comes twice"},
      {many, "twice"},
      {".", "no field ''"},
      {"child..text", "no field ''"},
      {"\xFF", "no field"},
  };
  for (const auto& [text, part] : cases) {
    const auto terms = ParseOrderBy(text, Everything::descriptor());
    ASSERT_FALSE(terms.ok()) << text;
    EXPECT_EQ(terms.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(terms.status()), "INVALID_ORDER_BY");
    EXPECT_THAT(FieldsOf(terms.status()), ElementsAre("order_by"));
    EXPECT_THAT(std::string(terms.status().message()), HasSubstr(part)) << text;
  }
}

}  // namespace
}  // namespace caravan::api
