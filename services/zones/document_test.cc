#include "services/zones/document.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/codes/codes.h"

namespace caravan::zones {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using v1::Document;

// Of "abc", from FIPS 180-2.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(PrepareDocument, WorksOutTheDigest) {
  Document document;
  document.set_content("abc");
  ASSERT_EQ(PrepareDocument(nullptr, document), absl::OkStatus());
  EXPECT_EQ(document.sha256(), kAbc);
  EXPECT_EQ(codes::FormatProblem("sha256", document.sha256()), std::nullopt);
}

TEST(PrepareDocument, VerifiesADigestThatIsGiven) {
  Document document;
  document.set_content("abc");
  document.set_sha256(kAbc);
  EXPECT_EQ(PrepareDocument(nullptr, document), absl::OkStatus());
  document.set_content("abd");
  absl::Status status = PrepareDocument(nullptr, document);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("sha256"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not the digest of the content"));
  EXPECT_EQ(document.sha256(), kAbc);
}

TEST(PrepareDocument, FollowsAContentThatIsReplaced) {
  Document before;
  before.set_content("abc");
  ASSERT_EQ(PrepareDocument(nullptr, before), absl::OkStatus());
  Document after = before;
  after.set_content("abd");
  ASSERT_EQ(PrepareDocument(&before, after), absl::OkStatus());
  EXPECT_NE(after.sha256(), kAbc);
  // The same content with another digest is no replacement.
  Document forged = before;
  forged.set_sha256(after.sha256());
  EXPECT_THAT(api::FieldsOf(PrepareDocument(&before, forged)), ElementsAre("sha256"));
}

TEST(PrepareDocument, KeepsTheDigestOfAContentThatIsKeptElsewhere) {
  Document document;
  document.set_sha256(kAbc);
  ASSERT_EQ(PrepareDocument(nullptr, document), absl::OkStatus());
  EXPECT_EQ(document.sha256(), kAbc);
}

TEST(PrepareDocument, AsksForSomethingThatIdentifiesIt) {
  Document document;
  absl::Status status = PrepareDocument(nullptr, document);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("sha256"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("is required where neither"));
  document.set_number("财税〔2018〕103号");
  EXPECT_EQ(PrepareDocument(nullptr, document), absl::OkStatus());
}

}  // namespace
}  // namespace caravan::zones
