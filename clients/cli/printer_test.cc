#include "clients/cli/printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "caravan/zones/v1/policies.pb.h"
#include "clients/cli/flags.h"
#include "clients/cli/test_support.h"

namespace caravan::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Catalog& Zones() {
  static const Catalog& catalog = *ZonesCatalog().release();
  return catalog;
}

// A message of generated code as one of the catalog's.
std::unique_ptr<google::protobuf::Message> Dynamic(const google::protobuf::Message& message) {
  google::protobuf::DynamicMessageFactory factory;
  for (const auto* method : Zones().Methods()) {
    for (const auto* type : {method->input_type(), method->output_type()}) {
      if (type->full_name() != message.GetDescriptor()->full_name()) continue;
      auto copy = Zones().New(*type);
      copy->ParseFromString(message.SerializeAsString());
      return copy;
    }
  }
  return nullptr;
}

std::unique_ptr<google::protobuf::Message> Hangzhou() {
  auto zone = FakeServer::Zone("hangzhou", 1);
  zone.set_display_name("Hangzhou");
  zone.set_local_name("杭州市");
  return Dynamic(zone);
}

std::string Print(Format format, bool many,
                  const std::vector<const google::protobuf::Message*>& messages) {
  std::ostringstream out;
  const auto printer =
      NewPrinter(format, Zones(), *Zones().OfType("caravan.dev/PilotZone"), many, true, out);
  for (const auto* message : messages) EXPECT_TRUE(printer->Print(*message).ok());
  printer->Finish();
  return out.str();
}

TEST(TableTest, LinesUpWideCharacters) {
  std::ostringstream out;
  Table table({"NAME", "LOCAL", "N"}, out);
  table.Add({"hangzhou", "杭州市", "1"});
  table.Add({"x", "", "22"});
  table.Flush();
  EXPECT_EQ(out.str(),
            "NAME       LOCAL    N\n"
            "hangzhou   杭州市   1\n"
            "x          -        22\n");
}

TEST(TableTest, LaterRowsKeepTheColumns) {
  std::ostringstream out;
  Table table({"A", "B", "C"}, out);
  table.Add({"aa", "b", "c"});
  table.Flush();
  table.Add({"aaaaa", "b", "c"});
  table.Flush();
  EXPECT_EQ(out.str(),
            "A    B   C\n"
            "aa   b   c\n"
            "aaaaa   b   c\n");
}

TEST(TableTest, NothingHasNoHeading) {
  std::ostringstream out;
  Table table({"A"}, out);
  table.Flush();
  EXPECT_EQ(out.str(), "");
}

TEST(PrinterTest, TableHasTheDeclaredColumns) {
  const auto zone = Hangzhou();
  EXPECT_EQ(
      Print(Format::kTable, true, {zone.get()}),
      "NAME       DISPLAY-NAME   LOCAL-NAME   BATCH   PROVINCE   APPROVAL-DATE   STATE\n"
      "hangzhou   Hangzhou       杭州市       1       CN-ZJ      2015-03         OPERATING\n");
}

TEST(PrinterTest, WideHasTheOthersToo) {
  const auto zone = Hangzhou();
  const std::string text = Print(Format::kWide, true, {zone.get()});
  EXPECT_THAT(text, HasSubstr("STATE       OFFICIAL-NAME"));
  EXPECT_THAT(text, HasSubstr("SUCCESSOR"));
  EXPECT_THAT(text, Not(HasSubstr("ETAG")));
  EXPECT_THAT(text, Not(HasSubstr("OFFICE")));
}

TEST(PrinterTest, JsonIsAnArrayOrOneObject) {
  const auto zone = Hangzhou();
  EXPECT_EQ(Print(Format::kJson, true, {}), "[]\n");
  const std::string two = Print(Format::kJson, true, {zone.get(), zone.get()});
  EXPECT_THAT(two, HasSubstr("[\n {\n  \"name\": \"pilotZones/hangzhou\","));
  EXPECT_THAT(two, HasSubstr("\n },\n {\n"));
  EXPECT_EQ(Print(Format::kJson, false, {zone.get()}).front(), '{');
}

TEST(PrinterTest, YamlHasATypeAndDocuments) {
  const auto zone = Hangzhou();
  const std::string text = Print(Format::kYaml, true, {zone.get(), zone.get()});
  EXPECT_THAT(text, HasSubstr("type: caravan.dev/PilotZone\nname: pilotZones/hangzhou\n"));
  EXPECT_THAT(text, HasSubstr("approvalDate: \"2015-03\"\n"));
  EXPECT_THAT(text, HasSubstr("\n---\ntype: caravan.dev/PilotZone\n"));
}

TEST(PrinterTest, NamesAreALineEach) {
  const auto zone = Hangzhou();
  EXPECT_EQ(Print(Format::kName, true, {zone.get(), zone.get()}),
            "pilotZones/hangzhou\npilotZones/hangzhou\n");
}

TEST(PrinterTest, DataCannotSteerTheTerminal) {
  auto zone = FakeServer::Zone("x", 1);
  zone.set_display_name("a\x1b[2J\nb");
  const auto message = Dynamic(zone);
  EXPECT_THAT(Print(Format::kTable, true, {message.get()}), HasSubstr("a\\u001b[2J\\nb"));
}

TEST(PrinterTest, DescribesMessagesWithinMessages) {
  zones::v1::CheckEligibilityResponse response;
  response.mutable_effective_date()->set_year(2024);
  auto* finding = response.add_policies();
  finding->set_policy("policies/a");
  finding->set_outcome(zones::v1::FAILED);
  finding->add_clauses()->set_clause("c1");
  finding->add_clauses()->set_clause("c2");
  const auto message = Dynamic(response);
  std::ostringstream out;
  DescribeMessage(Zones(), *message, 0, out);
  EXPECT_EQ(out.str(),
            "Effective date:  2024\n"
            "Policies:\n"
            "    Policy:   policies/a\n"
            "    Outcome:  FAILED\n"
            "    Clauses:\n"
            "        Clause:  c1\n"
            "\n"
            "        Clause:  c2\n");
}

TEST(PrinterTest, KnowsItsFormats) {
  EXPECT_EQ(*ParseFormat("wide"), Format::kWide);
  EXPECT_TRUE(IsUsageError(ParseFormat("xml").status()));
}

}  // namespace
}  // namespace caravan::cli
