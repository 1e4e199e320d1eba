#include "services/fairs/digest.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/testing/made_up_section.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using testing::Parse;

// SHA-256 in one go; a commitment is that of the secret alone.
std::string Sha256(std::string_view text) { return LotteryCommitment(text); }

std::string TextOf(const v1::SectionInputs& inputs) {
  std::string text;
  EXPECT_TRUE(WriteInputs(inputs, [&](std::string_view piece) { text.append(piece); }).ok());
  return text;
}

const char kInputs[] = R"pb(
  name: "fairs/136/snapshots/1/sectionInputs/lamps"
  phase: "1"
  stage: GENERAL
  waiting_list: true
  brand_booths: 1
  general_booths: 20
  newcomer_booths: 3
  brand_minimum: 4
  firm_cap: 10
  base: "30.5"
  general_firms: 7
  newcomer_firms: 1
  quotas { delegation: "guangdong" booths: 12 }
  quotas { delegation: "zhejiang" booths: 8 }
  applications {
    pseudonym: "a1"
    kind: GENERAL
    delegation: "guangdong"
    score: "62.125"
    minimum_booths: 1
    maximum_booths: 3
    booths: 2
    stand_type: CUSTOM_BUILT
    product_group: "bulbs"
  }
  applications { pseudonym: "b2" newcomer: true exclusion: "STANDING_NOT_GOOD" }
  runs {
    hall: "11.2"
    row: "b"
    first_number: 11
    number_step: 2
    cells: 4
    corner_numbers: [ 11, 17 ]
  }
  digest: "not of itself"
  etag: "nor of this"
)pb";

TEST(DigestOfInputs, IsOfTheLinesThatTheContractDefines) {
  const auto inputs = Parse<v1::SectionInputs>(kInputs);
  const std::string text =
      "section\tlamps\t1\tGENERAL\t1\t1\t20\t3\t4\t10\t30500\t7\t1\n"
      "quota\tguangdong\t12\n"
      "quota\tzhejiang\t8\n"
      "application\ta1\tGENERAL\tguangdong\t62125\t1\t3\t0\t2\tCUSTOM_BUILT\tbulbs\t\n"
      "application\tb2\tKIND_UNSPECIFIED\t\t\t0\t0\t1\t0\tSTAND_TYPE_UNSPECIFIED\t\t"
      "STANDING_NOT_GOOD\n"
      "run\t11.2\tb\t11\t2\t4\t11,17\n";
  EXPECT_EQ(TextOf(inputs), text);
  EXPECT_EQ(DigestOfInputs(inputs).value(), Sha256(text));
}

TEST(DigestOfInputs, IsOfLongTextsToo) {
  testing::Random random(1);
  const auto inputs = testing::MakeUpSection({.applications = 2000}, "lamps", random);
  std::string text;
  size_t largest = 0;
  ASSERT_TRUE(WriteInputs(inputs, [&](std::string_view piece) {
                largest = std::max(largest, piece.size());
                text.append(piece);
              }).ok());
  EXPECT_GT(text.size(), 100'000);
  EXPECT_LT(largest, 10'000);
  EXPECT_EQ(DigestOfInputs(inputs).value(), Sha256(text));
}

TEST(DigestOfInputs, NoTextLooksLikeFieldsOrLines) {
  auto inputs = Parse<v1::SectionInputs>(kInputs);
  inputs.mutable_applications(0)->set_exclusion("x\napplication\tc\\3");
  EXPECT_NE(TextOf(inputs).find("\tx\\napplication\\tc\\\\3\n"), std::string::npos);
}

TEST(DigestOfInputs, KnowsUnsetPointsFromNone) {
  auto inputs = Parse<v1::SectionInputs>(kInputs);
  inputs.set_base("0");
  const std::string zero = DigestOfInputs(inputs).value();
  inputs.clear_base();
  EXPECT_NE(DigestOfInputs(inputs).value(), zero);
}

TEST(DigestOfInputs, RefusesWhatAreNoPoints) {
  auto inputs = Parse<v1::SectionInputs>(kInputs);
  inputs.mutable_applications(1)->set_score("many");
  EXPECT_THAT(DigestOfInputs(inputs), FailsAt(absl::StatusCode::kInvalidArgument, "POINTS_INVALID",
                                              Fields({"applications[1].score"})));
}

TEST(DigestOfRules, IsOfTheLinesThatTheContractDefines) {
  const auto rules = Parse<v1::Rules>(R"pb(
    brand_criteria { id: "exports" title: "Exports" maximum: "35" rule: "by\ttable" }
    general_criteria { id: "own-ip" title: "Own IP" maximum: "7.5" }
    brand_quantity { method: RANKED }
    general_quantity { method: SCORE_STEP base: "50" }
    quota_method: SAINTE_LAGUE
    producer_exports_usd: 750000
    distributor_exports_usd: 1500000
    newcomer_divisor: 4
    newcomer_maximum: 1
    firm_cap: 10
    host_booths: 3
    host_partners: 2
    tiers: "80"
    tiers: "60.5"
    sanctions { violation: TRANSFER section_editions: 4 brand_editions: 15 }
    confirmation_days: 14
    objection_days: 7
    report_days: 90
  )pb");
  const std::string text =
      "rules\tSAINTE_LAGUE\t750000\t1500000\t4\t1\t10\t3\t2\t14\t7\t90\n"
      "criterion\tbrand\texports\tExports\t35000\tby\\ttable\n"
      "criterion\tgeneral\town-ip\tOwn IP\t7500\t\n"
      "quantity\tbrand\tRANKED\t\n"
      "quantity\tgeneral\tSCORE_STEP\t50000\n"
      "tier\t80000\n"
      "tier\t60500\n"
      "sanction\tTRANSFER\t4\t15\n";
  EXPECT_EQ(DigestOfRules(rules).value(), Sha256(text));
}

TEST(DigestOfRules, RefusesWhatAreNoPoints) {
  v1::Rules rules = testing::KnownRules();
  rules.mutable_general_criteria(1)->set_maximum("1.2345");
  EXPECT_THAT(DigestOfRules(rules), FailsAt(absl::StatusCode::kInvalidArgument, "POINTS_INVALID",
                                            Fields({"general_criteria[1].maximum"})));
}

const char kResult[] = R"pb(
  name: "fairs/136/allocations/1/sectionResults/lamps"
  pools { pool: QUOTA delegation: "guangdong" booths: 12 left: 1 step: "1250/3" applications: 9 }
  decisions { pseudonym: "a1" pool: QUOTA rank: 2 booths: 3 reason: "MAXIMUM_REACHED" }
  decisions { pseudonym: "b2" rank: 1 booths: 4 hall: "11.2" row: "b" first_number: 11 }
  bounds { stand_class: CUSTOM_BUILT_STAND booths: 4 bound: 5 demand: 6 }
  firms: 2
  booths: 7
  left_booths: 1
)pb";

TEST(DigestOfResult, IsOfTheLinesThatTheContractDefines) {
  EXPECT_EQ(DigestOfResult("lamps", Parse<v1::SectionResult>(kResult)),
            Sha256("section\tlamps\t2\t7\t1\n"
                   "pool\tQUOTA\tguangdong\t12\t1\t1250/3\t9\n"
                   "decision\ta1\tQUOTA\t2\t3\tMAXIMUM_REACHED\t\t\t0\n"
                   "decision\tb2\tPOOL_UNSPECIFIED\t1\t4\t\t11.2\tb\t11\n"
                   "bound\tCUSTOM_BUILT_STAND\t4\t5\t6\n"));
}

TEST(DigestOfSnapshot, IsOfTheDigestsOfItsSections) {
  EXPECT_EQ(DigestOfSnapshot({}), Sha256(""));
  EXPECT_EQ(DigestOfSnapshot({"ab", "cd"}), Sha256("ab\ncd\n"));
}

TEST(DigestOfAllocation, IsOfAllThatARunComesFromAndOfItsResults) {
  EXPECT_EQ(DigestOfAllocation("snapshot", "rules", "seed", {"ab", "cd"}),
            Sha256("snapshot\nrules\nseed\nab\ncd\n"));
}

TEST(LastSegment, IsTheLastSegment) {
  EXPECT_EQ(LastSegment("fairs/136/snapshots/1/sectionInputs/lamps"), "lamps");
  EXPECT_EQ(LastSegment("lamps"), "lamps");
  EXPECT_EQ(LastSegment(""), "");
}

// Changes one field, of a message or of an item of it.
void Change(Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  const bool many = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      many ? reflection.AddInt32(&message, field, 99) : reflection.SetInt32(&message, field, 99);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(&message, field, 99);
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection.SetBool(&message, field, !reflection.GetBool(message, field));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      reflection.SetEnumValue(&message, field, 99);  // which no enum has
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      // What points can be, too.
      many ? reflection.AddString(&message, field, "77")
           : reflection.SetString(&message, field, "77");
      break;
    default:
      FAIL() << field->full_name();
  }
}

// Expects that each field counts, of the message and of those in it.
template <class Root, class Digest>
void ExpectAllCount(const Root& root, Message* within, Root& changed, Digest digest,
                    const std::set<std::string>& ignored, int& fields) {
  const auto* descriptor = within->GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    const Reflection& reflection = *within->GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* item = nullptr;
      if (field->is_repeated()) {
        ASSERT_GT(reflection.FieldSize(*within, field), 0) << field->full_name();
        item = reflection.MutableRepeatedMessage(within, field, 0);
      } else {
        item = reflection.MutableMessage(within, field);
      }
      ExpectAllCount(root, item, changed, digest, ignored, fields);
      continue;
    }
    const std::unique_ptr<Message> before(within->New());
    before->CopyFrom(*within);
    Change(*within, field);
    ++fields;
    if (ignored.contains(field->full_name())) {
      EXPECT_EQ(digest(changed), digest(root)) << field->full_name();
    } else {
      EXPECT_NE(digest(changed), digest(root)) << field->full_name();
    }
    within->CopyFrom(*before);
  }
}

TEST(Digests, EveryFieldCountsButWhatHasNoBearing) {
  int fields = 0;
  const auto inputs = Parse<v1::SectionInputs>(kInputs);
  v1::SectionInputs inputs_changed = inputs;
  ExpectAllCount(
      inputs, &inputs_changed, inputs_changed,
      [](const v1::SectionInputs& m) { return DigestOfInputs(m).value(); },
      {"caravan.fairs.v1.SectionInputs.digest", "caravan.fairs.v1.SectionInputs.etag"}, fields);
  const auto result = Parse<v1::SectionResult>(kResult);
  v1::SectionResult result_changed = result;
  ExpectAllCount(
      result, &result_changed, result_changed,
      [](const v1::SectionResult& m) { return DigestOfResult("lamps", m); },
      {"caravan.fairs.v1.SectionResult.name", "caravan.fairs.v1.SectionResult.digest",
       "caravan.fairs.v1.SectionResult.etag"},
      fields);
  const v1::Rules rules = testing::KnownRules();
  v1::Rules rules_changed = rules;
  ExpectAllCount(
      rules, &rules_changed, rules_changed,
      [](const v1::Rules& m) { return DigestOfRules(m).value(); }, {}, fields);
  EXPECT_GT(fields, 70);
}

}  // namespace
}  // namespace caravan::fairs
