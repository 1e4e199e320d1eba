#include "clients/cli/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<CsvRecord> ReadAll(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(in);
  std::vector<CsvRecord> records;
  CsvRecord record;
  while (reader.Next(&record)) records.push_back(record);
  return records;
}

std::vector<std::vector<std::string>> Fields(const std::string& text) {
  std::vector<std::vector<std::string>> result;
  for (const auto& record : ReadAll(text)) {
    EXPECT_FALSE(record.error) << record.error->message;
    result.push_back(record.fields);
  }
  return result;
}

TEST(CsvTest, SplitsFieldsAndRecords) {
  EXPECT_THAT(Fields("a,b\n1,2\n"), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
}

TEST(CsvTest, TheLastLineNeedsNoEnd) {
  EXPECT_THAT(Fields("a,b\n1,"), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "")));
}

TEST(CsvTest, AcceptsCrlfAndKeepsALoneCarriageReturn) {
  EXPECT_THAT(Fields("a,b\r\n1,x\ry\r\n"),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "x\ry")));
}

TEST(CsvTest, QuotedFieldsHoldCommasQuotesAndLineEnds) {
  const auto records = ReadAll("a,\"x, \"\"y\"\"\r\nz\"\nb,c\n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].fields, ElementsAre("a", "x, \"y\"\r\nz"));
  EXPECT_EQ(records[0].line, 1);
  EXPECT_EQ(records[1].line, 3);
}

TEST(CsvTest, SkipsTheByteOrderMarkOnlyWhole) {
  EXPECT_THAT(Fields("\xEF\xBB\xBFid\n"), ElementsAre(ElementsAre("id")));
  const auto records = ReadAll("\xEF\xBBid\n");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].fields[0], "\xEF\xBBid");
  ASSERT_TRUE(records[0].error);
  EXPECT_TRUE(ReadAll("\xEF\xBB\xBF").empty());
}

TEST(CsvTest, SkipsBlankLinesButNotAQuotedEmptyField) {
  const auto records = ReadAll("a\n\n\r\n\"\"\n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[1].fields, ElementsAre(""));
  EXPECT_EQ(records[1].line, 4);
}

TEST(CsvTest, AnEmptyFileHasNoRecords) { EXPECT_TRUE(ReadAll("").empty()); }

TEST(CsvTest, TellsWhereAQuoteIsOutOfPlaceAndGoesOn) {
  const auto records = ReadAll("杭州,b\"c\n\"x\"y,1\nok,2\n");
  ASSERT_EQ(records.size(), 3u);
  ASSERT_TRUE(records[0].error);
  EXPECT_EQ(records[0].error->line, 1);
  EXPECT_EQ(records[0].error->column, 5);
  EXPECT_THAT(records[0].error->message, HasSubstr("does not begin with one"));
  ASSERT_TRUE(records[1].error);
  EXPECT_EQ(records[1].error->line, 2);
  EXPECT_EQ(records[1].error->column, 4);
  EXPECT_FALSE(records[2].error);
}

TEST(CsvTest, TellsWhereAnUnclosedQuoteWasOpened) {
  const auto records = ReadAll("a,b\n1,\"2\n3,4\n");
  ASSERT_EQ(records.size(), 2u);
  ASSERT_TRUE(records[1].error);
  EXPECT_EQ(records[1].error->line, 2);
  EXPECT_EQ(records[1].error->column, 3);
  EXPECT_THAT(records[1].error->message, HasSubstr("never closed"));
}

TEST(CsvTest, TellsWhichFieldIsNotUtf8) {
  const auto records = ReadAll("a,x\xFFy\nb,c\n");
  ASSERT_EQ(records.size(), 2u);
  ASSERT_TRUE(records[0].error);
  EXPECT_THAT(records[0].error->message,
              HasSubstr("field 2 is not UTF-8: byte 0xFF at position 2"));
  EXPECT_FALSE(records[1].error);
}

TEST(CsvTest, ARecordWithoutEndIsBounded) {
  const auto records =
      ReadAll("\"" + std::string(CsvReader::kMaxRecord + 10, 'x') + "\nnext,line\n");
  ASSERT_EQ(records.size(), 2u);
  ASSERT_TRUE(records[0].error);
  EXPECT_THAT(records[0].error->message, HasSubstr("longer than"));
  EXPECT_THAT(records[1].fields, ElementsAre("next", "line"));
}

// Whatever is written by the rules is read back as it was.
TEST(CsvPropertyTest, ReadsBackWhatWasWritten) {
  std::mt19937 random(20240802);
  const std::vector<std::string> pieces = {"a", ",", "\"", "\n", "\r\n", "\r", " ", "杭", "", "é"};
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::vector<std::string>> table(1 + random() % 4);
    const size_t columns = 1 + random() % 4;
    std::string text = random() % 2 ? "\xEF\xBB\xBF" : "";
    const std::string end = random() % 2 ? "\r\n" : "\n";
    for (auto& record : table) {
      for (size_t c = 0; c < columns; ++c) {
        std::string field;
        for (size_t i = random() % 5; i > 0; --i) field += pieces[random() % pieces.size()];
        record.push_back(field);
        // An empty field alone on its line would be a blank line.
        text += (c ? "," : "") + (field.empty() && columns == 1 ? "\"\"" : CsvQuote(field));
      }
      text += end;
    }
    ASSERT_EQ(Fields(text), table) << text;
  }
}

// Whatever bytes come, reading ends, lines go up, and what has no error is UTF-8.
TEST(CsvPropertyTest, TakesAnyBytes) {
  std::mt19937 random(7);
  const std::string alphabet = "a,\"\n\r\xEF\xBB\xBF\xFF\xE4";
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (size_t i = random() % 40; i > 0; --i) text += alphabet[random() % alphabet.size()];
    int64_t line = 0;
    for (const auto& record : ReadAll(text)) {
      ASSERT_GT(record.line, line);
      line = record.line;
      if (record.error) continue;
      for (const auto& field : record.fields) {
        ASSERT_EQ(FindInvalidUtf8(field), std::string::npos) << text;
      }
    }
  }
}

}  // namespace
}  // namespace caravan::cli
