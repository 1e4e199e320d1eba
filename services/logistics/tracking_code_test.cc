#include "services/logistics/tracking_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

using ::testing::HasSubstr;

constexpr char kHeader[] = "vocabulary,code,status,reason,note\n";

std::string ReadData(const std::string& file) {
  std::ifstream in(absl::StrCat(CARAVAN_REFERENCE_DATA, "/", file), std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in) << file;
  return text.str();
}

TEST(TrackingCodeTest, ReferenceDataIsRead) {
  TrackingCodes codes;
  ASSERT_TRUE(codes.AddCodes(ReadData("tracking_codes.csv")).ok());
  ASSERT_TRUE(codes.AddVocabularies(ReadData("tracking_vocabularies.csv")).ok());
  EXPECT_EQ(codes.size(), 57u);

  const TrackingMeaning delivered = codes.Find("upu", "EMI");
  EXPECT_TRUE(delivered.known);
  EXPECT_EQ(delivered.status, TrackingStatus::kDelivered);
  EXPECT_EQ(delivered.reason, TrackingReason::kNone);

  const TrackingMeaning refused = codes.Find("17track", "DeliveryFailure_Rejected");
  EXPECT_EQ(refused.status, TrackingStatus::kDeliveryFailed);
  EXPECT_EQ(refused.reason, TrackingReason::kRefused);

  // Presented to customs, but not retained.
  EXPECT_EQ(codes.Find("upu", "EME").reason, TrackingReason::kNone);
  EXPECT_EQ(codes.Find("17track", "InTransit_CustomsRequiringInformation").reason,
            TrackingReason::kCustoms);

  // Known to say that nothing is known.
  EXPECT_TRUE(codes.Find("aftership", "Expired").known);
  EXPECT_EQ(codes.Find("aftership", "Expired").status, TrackingStatus::kUnknown);

  for (const char* vocabulary : {"easypost", "aftership", "17track", "upu"}) {
    EXPECT_NE(codes.FindTimeRule(vocabulary), nullptr) << vocabulary;
  }
  EXPECT_EQ(codes.FindTimeRule("nobody"), nullptr);
}

TEST(TrackingCodeTest, WhatIsNotKnownIsNotGuessed) {
  TrackingCodes codes;
  ASSERT_TRUE(codes.AddCodes(absl::StrCat(kHeader, "a,Delivered,DELIVERED,,\n")).ok());
  for (const auto& [vocabulary, code] :
       {std::pair("a", "delivered"), std::pair("a", ""), std::pair("b", "Delivered")}) {
    const TrackingMeaning meaning = codes.Find(vocabulary, code);
    EXPECT_FALSE(meaning.known) << vocabulary << " " << code;
    EXPECT_EQ(meaning.status, TrackingStatus::kUnknown);
  }
}

TEST(TrackingCodeTest, LaterTablesAddAndReplace) {
  TrackingCodes codes;
  ASSERT_TRUE(codes.AddCodes(absl::StrCat(kHeader, "a,x,IN_TRANSIT,,\r\na,y,LOST,,note\n")).ok());
  ASSERT_TRUE(
      codes.AddCodes(absl::StrCat(kHeader, "a,x,EXCEPTION,FORCE_MAJEURE,\nb,x,LOST,,")).ok());
  EXPECT_EQ(codes.size(), 3u);
  EXPECT_EQ(codes.Find("a", "x").status, TrackingStatus::kException);
  EXPECT_EQ(codes.Find("a", "x").reason, TrackingReason::kForceMajeure);
  EXPECT_EQ(codes.Find("a", "y").status, TrackingStatus::kLost);
}

TEST(TrackingCodeTest, MalformedTablesAddNothing) {
  const auto refused = [](const std::string& csv, const std::string& problem) {
    TrackingCodes codes;
    const absl::Status status = codes.AddCodes(csv);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(api::ReasonOf(status), "TRACKING_TABLE_MALFORMED");
    EXPECT_THAT(std::string(status.message()), HasSubstr(problem));
    EXPECT_EQ(codes.size(), 0u);
  };
  refused("", "line 1: '' would be the header");
  refused("vocabulary,code\n", "line 1");
  refused(absl::StrCat(kHeader, "a,x,LOST,,\na,y,LOST,\n"), "line 3: has 4 cells, not 5");
  refused(absl::StrCat(kHeader, "a,x,LOST,,\n,y,LOST,,\n"), "line 3: has no vocabulary");
  refused(absl::StrCat(kHeader, "a,,LOST,,\n"), "line 2: has no code");
  refused(absl::StrCat(kHeader, "a,x,GONE,,\n"), "'GONE' is no canonical status");
  refused(absl::StrCat(kHeader, "a,x,LOST,RAIN,\n"), "'RAIN' is no reason");
  refused(absl::StrCat(kHeader, "a,x,LOST,,\na,x,LOST,,\n"), "line 3: 'x' is there twice");

  TrackingCodes codes;
  const absl::Status status = codes.AddVocabularies("vocabulary,times,note\na,Mars,\n");
  EXPECT_EQ(api::ReasonOf(status), "TRACKING_TABLE_MALFORMED");
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 2: 'Mars' is no rule"));
  EXPECT_EQ(codes.FindTimeRule("a"), nullptr);
}

TEST(TrackingCodeTest, NamesAreReadBack) {
  for (int i = 0; i < kTrackingStatuses; ++i) {
    const auto status = static_cast<TrackingStatus>(i);
    EXPECT_EQ(ParseTrackingStatus(NameOf(status)), status);
  }
  for (int i = 0; i < kTrackingReasons; ++i) {
    const auto reason = static_cast<TrackingReason>(i);
    EXPECT_EQ(ParseTrackingReason(NameOf(reason)), reason);
  }
  EXPECT_EQ(ParseTrackingStatus("delivered"), std::nullopt);
}

TEST(UnknownCodesTest, CountsTheMostFrequentFirst) {
  UnknownCodes unknown;
  for (const char* code : {"x", "y", "x", "w"}) unknown.Count("a", code);
  const auto rows = unknown.Rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].code, "x");
  EXPECT_EQ(rows[0].count, 2);
  EXPECT_EQ(rows[1].code, "w");
  EXPECT_EQ(unknown.other(), 0);
}

TEST(UnknownCodesTest, IsBounded) {
  UnknownCodes unknown;
  for (size_t i = 0; i < UnknownCodes::kMaxCodes + 5; ++i) unknown.Count("a", absl::StrCat(i));
  unknown.Count("a", "0");
  EXPECT_EQ(unknown.Rows().size(), UnknownCodes::kMaxCodes);
  EXPECT_EQ(unknown.Rows()[0].count, 2);
  EXPECT_EQ(unknown.other(), 5);
}

}  // namespace
}  // namespace caravan::logistics
