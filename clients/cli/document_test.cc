#include "clients/cli/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "clients/cli/flags.h"
#include "clients/cli/test_support.h"
#include "clients/cli/value.h"

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Catalog& Zones() {
  static const Catalog& catalog = *ZonesCatalog().release();
  return catalog;
}

const google::protobuf::Descriptor& Type(const std::string& collection) {
  return *(*Zones().Find(collection))->message;
}

struct Read {
  std::string json;
  std::vector<std::string> paths;
  std::vector<std::string> wrong;
  std::string message;
};

Read ReadYaml(const std::string& collection, const std::string& text) {
  const auto documents = ReadDocuments(text, "x.yaml");
  EXPECT_EQ(documents.size(), 1u);
  auto message = Zones().New(Type(collection));
  Read read;
  api::Violations violations;
  EXPECT_TRUE(documents[0].content.ok()) << documents[0].content.status();
  DocumentReader(Zones()).Read(*documents[0].content, message.get(), &read.paths, &violations);
  read.json = *ToJson(*message, false);
  const auto status = violations.ToStatus();
  read.wrong = api::FieldsOf(status);
  read.message = std::string(status.message());
  return read;
}

TEST(DocumentTest, ReadsFieldsAsDeclaredAndAsInJson) {
  const Read read = ReadYaml("pilotZones",
                             "display_name: Hangzhou\nlocalName: 杭州市\nplace: 330100\n"
                             "batch: 1\nstate: operating\noffice: {email: a@b.c}\n");
  EXPECT_THAT(read.wrong, IsEmpty()) << read.message;
  EXPECT_EQ(read.json,
            R"({"displayName":"Hangzhou","localName":"杭州市","batch":1,"place":"330100",)"
            R"("office":{"email":"a@b.c"},"state":"OPERATING"})");
  EXPECT_THAT(read.paths,
              ElementsAre("display_name", "local_name", "place", "batch", "state", "office.email"));
}

TEST(DocumentTest, ReadsDatesAndTimes) {
  const Read read = ReadYaml("pilotZones",
                             "approvalDate: 2015-03-07\nendDate: 2025-04\n"
                             "createTime: 2024-08-02T09:30:00.5+08:00\n");
  EXPECT_THAT(read.wrong, IsEmpty()) << read.message;
  EXPECT_EQ(read.json,
            R"({"approvalDate":{"year":2015,"month":3,"day":7},"endDate":{"year":2025,"month":4},)"
            R"("createTime":"2024-08-02T01:30:00.500Z"})");
  EXPECT_EQ(ReadYaml("pilotZones", "approvalDate: {year: 2015, month: 3}").json,
            R"({"approvalDate":{"year":2015,"month":3}})");
  EXPECT_EQ(ReadYaml("pilotZones", "createTime: 1969-12-31T23:59:59.25Z").json,
            R"({"createTime":"1969-12-31T23:59:59.250Z"})");
}

TEST(DocumentTest, RefusesDatesThatAreNone) {
  for (const char* date : {"2023-02-29", "2023-13", "2023-00-01", "23-01-01", "2023-1-1", "today",
                           "2023-01-01-01", "-2023", "2023-"}) {
    const Read read = ReadYaml("pilotZones", absl::StrCat("approval_date: \"", date, "\""));
    EXPECT_THAT(read.wrong, ElementsAre("approval_date")) << date;
  }
}

TEST(DocumentTest, ReadsListsMapsAndReferences) {
  const Read read =
      ReadYaml("enterprises",
               "roles: [seller, Line-Haul-Company]\nlabels: {sector: textiles, n: 5}\n"
               "pilotZone: hangzhou\n");
  EXPECT_THAT(read.wrong, IsEmpty()) << read.message;
  EXPECT_THAT(read.json, HasSubstr(R"("roles":["SELLER","LINE_HAUL_COMPANY"])"));
  EXPECT_THAT(read.json, HasSubstr(R"("pilotZone":"pilotZones/hangzhou")"));
  EXPECT_THAT(read.json, HasSubstr(R"("sector":"textiles")"));
  EXPECT_THAT(read.json, HasSubstr(R"("n":"5")"));
  EXPECT_THAT(read.paths, ElementsAre("roles", "labels", "pilot_zone"));
}

TEST(DocumentTest, ANullClears) {
  const Read read = ReadYaml("pilotZones", "place: ~\noffice: null\n");
  EXPECT_EQ(read.json, "{}");
  EXPECT_THAT(read.paths, ElementsAre("place", "office"));
}

TEST(DocumentTest, ReportsAllThatIsWrongWithPaths) {
  const Read read =
      ReadYaml("policies",
               "titel: x\nstate: REPEALD\nclauses:\n- id: a\n  conditions: one\n"
               "- startDate: [2]\n  id: {a: 1}\ngoodsLists: {}\ntitle: a\nTitle: b\n");
  EXPECT_THAT(read.wrong,
              ElementsAre("titel", "state", "clauses[0].conditions", "clauses[1].start_date",
                          "clauses[1].id", "goods_lists", "Title"));
  EXPECT_THAT(read.message, HasSubstr("Policy has no field \"titel\"; did you mean title?"));
}

TEST(DocumentTest, TellsWhatWouldBeRight) {
  EXPECT_THAT(ReadYaml("pilotZones", "batch: many").message, HasSubstr("a whole number from"));
  EXPECT_THAT(ReadYaml("pilotZones", "batch: 99999999999").message, HasSubstr("to 2147483647"));
  EXPECT_THAT(ReadYaml("pilotZones", "state: GONE").message,
              HasSubstr("one of APPROVED, OPERATING, RECTIFYING, MERGED, EXITED"));
}

TEST(DocumentTest, SplitsDocumentsAndKeepsTheGoodOnes) {
  const auto documents =
      ReadDocuments("# zones\n---\na: 1\n---\nb: [\n---\n# nothing\n--- \nc: 2\n", "zones.yaml");
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_TRUE(documents[0].content.ok());
  EXPECT_EQ(documents[0].Where(), "zones.yaml, document 1 (line 2)");
  ASSERT_FALSE(documents[1].content.ok());
  EXPECT_THAT(std::string(documents[1].content.status().message()), HasSubstr("is not YAML: line"));
  EXPECT_TRUE(documents[2].content.ok());
  EXPECT_EQ(documents[2].number, 3);
}

TEST(DocumentTest, AMarkerWithinTextIsText) {
  const auto documents = ReadDocuments("a: |\n  x\n  ---\n  y\nb: \"--- z\"\n", "x.yaml");
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ((*documents[0].content)["a"].Scalar(), "x\n---\ny\n");
}

TEST(DocumentTest, ReadsJsonWithAllItsEscapes) {
  const auto documents = ReadDocuments(
      "[\n\t{\"a\": \"\\ud83d\\ude00\\/\", \"b\": 5, \"c\": 1.5, \"d\": true, \"e\": null},\n\t{}]",
      "-");
  ASSERT_EQ(documents.size(), 2u);
  const YAML::Node node = *documents[0].content;
  EXPECT_EQ(node["a"].Scalar(), "😀/");
  EXPECT_EQ(node["b"].Scalar(), "5");
  EXPECT_EQ(node["c"].Scalar(), "1.5");
  EXPECT_EQ(node["d"].Scalar(), "true");
  EXPECT_TRUE(node["e"].IsNull());
  EXPECT_FALSE(ReadDocuments("{\"a\":", "x.json")[0].content.ok());
}

TEST(DocumentTest, RefusesWhatWouldNeverEnd) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += absl::StrCat("a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) bomb += absl::StrCat(j ? "," : "", "*a", i - 1);
    bomb += "]\n";
  }
  EXPECT_FALSE(ReadDocuments(bomb, "x.yaml")[0].content.ok());
  EXPECT_FALSE(ReadDocuments(std::string(200, '['), "x.yaml")[0].content.ok());
  EXPECT_FALSE(
      ReadDocuments(std::string(200, '[') + std::string(200, ']'), "x.yaml")[0].content.ok());
}

TEST(DocumentTest, ReadsWhatItWrites) {
  auto message = Zones().New(Type("policies"));
  api::Violations violations;
  std::vector<std::string> paths;
  const auto documents = ReadDocuments(
      "name: policies/x\ntitle: \"yes\"\nsummary: \"a: b\\n- c \\\"d\\\" #e\"\n"
      "documents: [documents/1, documents/2]\neffectiveDate: 2018-10\nstate: IN_FORCE\n"
      "createTime: 2024-01-01T00:00:00Z\n"
      "clauses: [{id: \"0123\", title: ~, conditions: [{id: a, expression: \"x = '1'\"}]}]\n",
      "x.yaml");
  DocumentReader(Zones()).Read(*documents[0].content, message.get(), &paths, &violations);
  ASSERT_TRUE(violations.empty()) << violations.ToStatus();
  const std::string yaml = ToYaml(Zones(), *message, "caravan.dev/Policy");
  EXPECT_THAT(yaml, HasSubstr("type: caravan.dev/Policy\nname: policies/x\ntitle: \"yes\"\n"));
  EXPECT_THAT(yaml, HasSubstr("effectiveDate: \"2018-10\"\n"));
  auto again = ReadDocuments(yaml, "y.yaml");
  ASSERT_EQ(again.size(), 1u);
  again[0].content->remove("type");
  auto copy = Zones().New(Type("policies"));
  DocumentReader(Zones()).Read(*again[0].content, copy.get(), &paths, &violations);
  EXPECT_TRUE(violations.empty()) << violations.ToStatus();
  EXPECT_EQ(*ToJson(*copy, false), *ToJson(*message, false));
}

TEST(DocumentTest, ReadsFoldersByNameAndStandardInput) {
  const TemporaryFolder folder;
  folder.Write("b.yaml", "n: 2\n");
  folder.Write("a.json", "{\"n\": 1}");
  folder.Write("notes.txt", "n: 3\n");
  std::istringstream input("n: 4\n");
  const auto documents = ReadDocumentFiles({folder.Path(""), "-"}, input);
  ASSERT_TRUE(documents.ok()) << documents.status();
  std::vector<std::string> values;
  for (const auto& document : *documents) values.push_back((*document.content)["n"].Scalar());
  EXPECT_THAT(values, ElementsAre("1", "2", "4"));
  EXPECT_TRUE(IsUsageError(ReadDocumentFiles({folder.Path("none.yaml")}, input).status()));
}

TEST(ValueTest, ResolvesPaths) {
  const auto path = ResolvePath(Type("pilotZones"), "office.email");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->path, "office.email");
  EXPECT_EQ(ResolvePath(Type("pilotZones"), "approval-date")->path, "approval_date");
  const auto label = ResolvePath(Type("enterprises"), "labels.a.b");
  ASSERT_TRUE(label.ok());
  EXPECT_EQ(label->map_key, "a.b");
  for (const char* bad : {"", "batch.x", "offic", "office.", "office.mail.x"}) {
    EXPECT_TRUE(IsUsageError(ResolvePath(Type("pilotZones"), bad).status())) << bad;
  }
  EXPECT_TRUE(IsUsageError(ResolvePath(Type("policies"), "clauses.id").status()));
}

TEST(ValueTest, FormatsAsItReads) {
  const std::vector<std::pair<std::string, std::string>> values = {
      {"approval_date", "2015-03-07"},
      {"end_date", "2025-04"},
      {"create_time", "2024-08-02T09:30:00Z"},
      {"update_time", "1969-12-31T23:59:59.25Z"},
      {"batch", "-5"},
      {"state", "MERGED"},
      {"display_name", "杭州 \"x\""}};
  auto message = Zones().New(Type("pilotZones"));
  for (const auto& [name, text] : values) {
    const auto& field = *Type("pilotZones").FindFieldByName(name);
    ASSERT_TRUE(ValueReader(Zones()).Set(message.get(), field, text).ok()) << name;
    EXPECT_EQ(FormatValue(*message, field), text);
  }
}

TEST(ValueTest, RefusesTextThatIsNotUtf8) {
  auto message = Zones().New(Type("pilotZones"));
  const auto status = ValueReader(Zones()).Set(
      message.get(), *Type("pilotZones").FindFieldByName("display_name"), "a\xFF");
  EXPECT_THAT(std::string(status.message()), HasSubstr("must be UTF-8"));
}

}  // namespace
}  // namespace caravan::cli
