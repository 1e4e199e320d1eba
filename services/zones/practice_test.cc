#include "services/zones/practice.h"

#include <string>

#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using v1::Practice;
using zones::testing::Parse;

Practice In(const std::string& state, const std::string& more = "") {
  return Parse<Practice>(
      "name: 'practices/p' submission_date { year: 2023 month: 5 } state: " + state + " " + more);
}

TEST(CheckPractice, DatesFitTheState) {
  EXPECT_THAT(CheckPractice(In("SUBMITTED")), IsOk());
  EXPECT_THAT(CheckPractice(In("SUBMITTED", "selection_date { year: 2024 }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"selection_date"})));
  EXPECT_THAT(
      CheckPractice(In("PUBLISHED", "selection_date { year: 2024 }")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"publication_date"})));
  // When it was selected need not be known.
  EXPECT_THAT(CheckPractice(In("PUBLISHED", "publication_date { year: 2024 }")), IsOk());
  EXPECT_THAT(CheckPractice(In("RETIRED", "retirement_date { year: 2024 }")), IsOk());
  EXPECT_THAT(CheckPractice(In("SELECTED", "selection_date { year: 2023 month: 4 }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"selection_date"})));
}

TEST(CheckPractice, APublicationHasADay) {
  EXPECT_THAT(
      CheckPractice(In("SUBMITTED", "publication_document: 'documents/d'")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"publication_document"})));
}

TEST(CheckPracticeOpen, WhatWasPublishedStaysAsItWas) {
  EXPECT_THAT(CheckPracticeOpen(In("SUBMITTED")), IsOk());
  EXPECT_THAT(CheckPracticeOpen(In("SELECTED")), IsOk());
  EXPECT_THAT(CheckPracticeOpen(In("PUBLISHED")),
              Fails(StatusCode::kFailedPrecondition, "PRACTICE_FIXED"));
  EXPECT_THAT(CheckPracticeOpen(In("RETIRED")),
              Fails(StatusCode::kFailedPrecondition, "PRACTICE_FIXED"));
}

}  // namespace
}  // namespace caravan::zones
