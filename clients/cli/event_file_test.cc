#include "clients/cli/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags.h"

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Each row as a line: `2 LX1 EMI 2024-08-02T10:15:00Z`, or `3 BAD_CSV has 2 columns...`.
std::vector<std::string> Rows(EventReader& reader) {
  std::vector<std::string> rows;
  for (EventRow row; reader.Next(&row);) {
    rows.push_back(row.reason.empty()
                       ? absl::StrCat(row.line, " ", row.event.tracking_number(), " ",
                                      row.event.code(), " ", row.event.event_time())
                       : absl::StrCat(row.line, " ", row.reason, " ", row.problem));
  }
  return rows;
}

std::vector<std::string> OfCsv(const std::string& text,
                               const std::map<std::string, std::string>& mapped = {},
                               const std::vector<std::string>& ignored = {}) {
  std::istringstream in(text);
  const auto reader = EventReader::OfCsv(in, mapped, ignored);
  if (!reader.ok()) {
    EXPECT_TRUE(IsUsageError(reader.status())) << reader.status();
    return {std::string(reader.status().message())};
  }
  return Rows(**reader);
}

std::vector<std::string> OfJson(const std::string& text) {
  std::istringstream in(text);
  return Rows(*EventReader::OfJsonLines(in));
}

constexpr char kHeader[] = "tracking_number,code,event_time\n";

TEST(EventFileTest, ReadsCsvWithMarkQuotesAndAnyLineEnds) {
  EXPECT_THAT(OfCsv("\xEF\xBB\xBFtrackingNumber,code,event-time\r\n"
                    "LX1,EMI,2024-08-02 10:15\r\n"
                    "\r\n"
                    "LX2,\"E,M \"\"I\"\"\",2024-08-02 10:16\n"
                    "LX3,\"two\nlines\",2024-08-02 10:17\n"
                    "LX4,EMI,2024-08-02 10:18"),
              ElementsAre("2 LX1 EMI 2024-08-02 10:15", "4 LX2 E,M \"I\" 2024-08-02 10:16",
                          "5 LX3 two\nlines 2024-08-02 10:17", "7 LX4 EMI 2024-08-02 10:18"));
}

TEST(EventFileTest, ReadsAllFieldsOfCsv) {
  std::istringstream in(
      "tracking_number,event_id,code,place,place_time_zone,event_time,receipt_time,reason,"
      "correction,withdrawn\n"
      "LX1,e1,EMH,Köln,Europe/Berlin,2024-08-02 10:15,2024-08-02T10:20:00.5+02:00,address,2,true\n"
      "LX2,,EMI,,,2024-08-02 10:15,,,,\n");
  const auto reader = EventReader::OfCsv(in, {}, {});
  ASSERT_TRUE(reader.ok());
  EventRow row;
  ASSERT_TRUE((*reader)->Next(&row));
  EXPECT_EQ(row.problem, "");
  EXPECT_EQ(row.event.event_id(), "e1");
  EXPECT_EQ(row.event.place(), "Köln");
  EXPECT_EQ(row.event.place_time_zone(), "Europe/Berlin");
  EXPECT_EQ(row.event.receipt_time().seconds(), 1722586800);
  EXPECT_EQ(row.event.receipt_time().nanos(), 500'000'000);
  EXPECT_EQ(row.event.reason(), logistics::v1::ADDRESS);
  EXPECT_EQ(row.event.correction(), 2);
  EXPECT_TRUE(row.event.withdrawn());
  ASSERT_TRUE((*reader)->Next(&row));
  EXPECT_FALSE(row.event.has_receipt_time());
  EXPECT_EQ(row.event.correction(), 0);
  EXPECT_FALSE((*reader)->Next(&row));
  EXPECT_EQ((*reader)->offset(), in.str().size());
}

TEST(EventFileTest, MapsAndIgnoresColumns) {
  EXPECT_THAT(OfCsv("parcel,Status,when,remarks\nLX1,EMI,now,hm\n",
                    {{"parcel", "tracking_number"}, {"Status", "code"}, {"when", "eventTime"}},
                    {"remarks"}),
              ElementsAre("2 LX1 EMI now"));
}

TEST(EventFileTest, SaysWhatIsWrongWithAHeader) {
  EXPECT_THAT(OfCsv(""), ElementsAre("the file is empty"));
  EXPECT_THAT(OfCsv("tracking_numbr,code,event_time\n"),
              ElementsAre(AllOf(HasSubstr("did you mean tracking_number?"),
                                HasSubstr("no column gives the tracking_number"))));
  EXPECT_THAT(OfCsv("tracking_number,code,event_time,Code\n", {{"Code", "code"}}),
              ElementsAre(HasSubstr("both set code")));
  EXPECT_THAT(OfCsv(kHeader, {{"cod", "code"}}),
              ElementsAre(HasSubstr("--map names the column \"cod\"")));
}

TEST(EventFileTest, BrokenRowsOfCsvDisturbNoOther) {
  EXPECT_THAT(OfCsv("tracking_number,code,event_time,correction,reason,withdrawn,receipt_time\n"
                    "LX1,EMI\n"
                    "LX2,EMI,t,,,,\n"
                    "LX3,E\xFFI,t,,,,\n"
                    "LX4,EMI,t,first,,,\n"
                    "LX5,EMI,t,,weather,,\n"
                    "LX6,EMI,t,,,perhaps,\n"
                    "LX7,EMI,t,,,,yesterday\n"
                    "LX8,EMI,t,-1,,,\n"
                    "LX9,EM\"I,t,,,,\n"
                    "LX10,EMI,t,,,,\n"),
              ElementsAre(HasSubstr("2 BAD_CSV has 2 columns"), "3 LX2 EMI t",
                          HasSubstr("4 BAD_CSV field 2 is not UTF-8"),
                          HasSubstr("5 BAD_VALUE correction: 'first' is no whole number"),
                          HasSubstr("6 BAD_VALUE reason: 'weather' is no reason"),
                          HasSubstr("7 BAD_VALUE withdrawn: 'perhaps'"),
                          HasSubstr("8 BAD_VALUE receipt_time: 'yesterday' is no time"),
                          HasSubstr("9 BAD_VALUE correction is below 0"),
                          HasSubstr("10 BAD_CSV line 10, column 7: a quote"), "11 LX10 EMI t"));
}

TEST(EventFileTest, BrokenLinesOfJsonDisturbNoOther) {
  const std::string good = R"({"trackingNumber": "LX1", "code": "EMI", "event_time": "t"})";
  const std::string long_line(LineReader::kMaxLine + 1, 'x');
  const std::string long_code = R"({"code": ")" + std::string(5000, 'c') + "\"}";
  EXPECT_THAT(OfJson(absl::StrCat("\xEF\xBB\xBF", good, "\r\n", good.substr(0, 30), "\n", "\n",
                                  good, "\n", "[1]\n", R"({"trackingNumbr": "LX1"})", "\n",
                                  "{\"code\": \"\xC3\"}\n", long_line, "\n", long_code, "\n",
                                  R"({"reason": 99})", "\n", R"({"correction": -3})", "\n", good)),
              ElementsAre("1 LX1 EMI t", HasSubstr("2 BAD_JSON is no JSON of TrackingEvent"),
                          "4 LX1 EMI t", "5 BAD_JSON is no JSON object", HasSubstr("6 BAD_JSON"),
                          "7 BAD_JSON is not UTF-8: byte 0xC3 at position 11",
                          HasSubstr("8 BAD_JSON the line is longer than"),
                          HasSubstr("9 BAD_VALUE code is longer than 4096"),
                          HasSubstr("10 BAD_VALUE reason"), "11 BAD_VALUE correction is below 0",
                          "12 LX1 EMI t"));
}

TEST(EventFileTest, KnowsHowFarItCame) {
  const std::string text = "{}\r\n{\n{}";
  std::istringstream in(text);
  const auto reader = EventReader::OfJsonLines(in);
  EventRow row;
  ASSERT_TRUE(reader->Next(&row));
  EXPECT_EQ(reader->offset(), 4);
  while (reader->Next(&row)) {
  }
  EXPECT_EQ(reader->offset(), text.size());
}

}  // namespace
}  // namespace caravan::cli
