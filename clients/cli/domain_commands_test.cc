// zones evaluate, policies check and pending, against the zones service with
// its reference data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "clients/cli/test_support.h"
#include "services/common/testing/test_server.h"
#include "services/zones/zones.h"

namespace caravan::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class DomainCommandsTest : public ::testing::Test {
 protected:
  DomainCommandsTest() { ServeTo("users/admin"); }

  // Serves what there is; from now on this is who calls.
  void ServeTo(const std::string& principal) {
    server_.reset();  // lets go of the store
    server_ =
        testing::TestServer::Start({.definition = zones::ZonesDefinition(),
                                    .access = testing::PolicyOf({{principal, "*"}}),
                                    .store = "sqlite:" + folder_.Path("store.db"),
                                    .adjust = [principal](settings::ServerSettings& settings) {
                                      settings.set_insecure_principal(principal);
                                    }});
  }
  Outcome Run(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.end(), {"--address", server_->address(), "--insecure"});
    return RunCli(words, {.input = input});
  }
  std::string Must(std::vector<std::string> words, const std::string& input = "") {
    const Outcome outcome = Run(std::move(words), input);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  }
  static std::string Data(const std::string& name) {
    return absl::StrCat(CARAVAN_REFERENCE_DATA, "/", name);
  }

  const TemporaryFolder folder_;
  std::unique_ptr<testing::TestServer> server_;
};

TEST_F(DomainCommandsTest, ChecksPoliciesForPeopleAndScripts) {
  Must({"apply", "-f", Data("documents.yaml"), "-f", Data("supervision_modes.yaml")});
  Must({"import", Data("pilot_zones.csv"), "--collection", "pilotZones", "--load"});
  Must({"apply", "--load", "-f", Data("policies.yaml")});
  Must({"apply", "-f", absl::StrCat(CARAVAN_REFERENCE_DATA, "/../local/demo.yaml")});
  const auto check = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"policies",
                                      "check",
                                      "--enterprise",
                                      "91330108madem0001a",
                                      "--supervision-mode",
                                      "9610",
                                      "--evidence.purchase-invoice=false",
                                      "--evidence.platform-registration-zone",
                                      "hangzhou",
                                      "--evidence.goods-logged"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  };
  const Outcome met = check({"--goods.hs-code", "620411", "--evidence.declaration-zone", "hangzhou",
                             "--evidence.declared-as-ecommerce-export"});
  EXPECT_EQ(met.code, 0) << met.err;
  EXPECT_THAT(met.out, StartsWith("Zone: pilotZones/hangzhou\n"
                                  "MET            policies/retail-export-exemption\n"
                                  "  MET            clause exemption\n"
                                  "    MET            no-purchase-invoice: "));
  const Outcome open = check({"--goods.hs-code", "620411"});
  EXPECT_EQ(open.code, 11);
  EXPECT_THAT(open.out, HasSubstr("\n    NOT_EVIDENCED  declared-at-zone-customs: "));
  const Outcome failed = check({"--goods.hs-code", "760410"});
  EXPECT_EQ(failed.code, 10);
  EXPECT_THAT(failed.out, HasSubstr("\n    FAILED         not-excluded: "));
  const Outcome before = check({"--goods.hs-code", "620411", "--effective-date", "2016-01-01"});
  EXPECT_EQ(before.code, 12);
  EXPECT_THAT(before.err, HasSubstr("No policy covers the day and the mode."));
  EXPECT_EQ(check({"--goods.hs-code", "620411", "-o", "name"}).out, "");
  EXPECT_THAT(check({"--goods.hs-code", "620411", "-o", "json"}).out,
              HasSubstr("\"outcome\": \"NOT_EVIDENCED\""));
  EXPECT_EQ(check({"--goods.hs-code", "x"}).code, 1);
  EXPECT_EQ(Run({"policies", "chekc"}).code, 2);
}

constexpr char kZones[] =
    "name: pilotZones/a\ndisplayName: A\nbatch: 1\napprovalDate: 2015-03-07\nprovince: CN-ZJ\n"
    "state: OPERATING\n---\n"
    "name: pilotZones/b\ndisplayName: B\nbatch: 2\napprovalDate: 2016-01-12\nprovince: CN-GD\n"
    "state: OPERATING\n---\n"
    "name: pilotZones/c\ndisplayName: C\nbatch: 2\napprovalDate: 2016-01-12\nprovince: CN-SC\n"
    "state: OPERATING\n";
constexpr char kEvaluation[] =
    "name: evaluations/2022\ntitle: The year 2022\nyear: 2022\nreferenceDate: 2022-12-31\n"
    "indicators: [{id: volume, title: Volume, direction: HIGHER_IS_BETTER,\n"
    "  normalisation: MIN_MAX, weight: '1'}]\n"
    "tierRule: COUNT\ntiers: [{id: one, title: Tier one, bound: '1'}, {id: two}]\n";

TEST_F(DomainCommandsTest, BringsAnEvaluationOn) {
  Must({"apply", "--load", "-f", "-"}, kZones);
  Must({"apply", "-f", "-"}, kEvaluation);
  EXPECT_EQ(Must({"zones", "evaluate", "2022"}),
            "evaluations/2022: The year 2022\nState: COLLECTING\nSubmissions: none called for\n");
  const Outcome called = Run({"zones", "evaluate", "2022", "--call-for-submissions", "2099-03-31"});
  EXPECT_THAT(called.err, HasSubstr("Submissions are called for until 2099-03-31."));
  EXPECT_THAT(called.out, HasSubstr("Submissions: 3 (3 DRAFT)\nMissing (DRAFT): a, b, c\n"));
  // Every one of them waits for somebody.
  const std::string pending = Must({"pending"});
  EXPECT_THAT(pending, HasSubstr("2099-03-31"));
  EXPECT_THAT(pending, HasSubstr("evaluations/2022/submissions/a"));
  EXPECT_THAT(pending, HasSubstr("submit"));
  EXPECT_EQ(Must({"pending", "-o", "name", "--filter", "state = \"DRAFT\""}),
            "evaluations/2022/submissions/a\nevaluations/2022/submissions/b\n"
            "evaluations/2022/submissions/c\n");
  EXPECT_EQ(Run({"pending", "--overdue"}).err, "Nothing waits for you.\n");
  EXPECT_THAT(Must({"pending", "-o", "json"}), HasSubstr("\"state\":\"DRAFT\""));

  for (const std::string zone : {"a", "b"}) {
    const std::string name = "evaluations/2022/submissions/" + zone;
    Must({"apply", "-f", "-"},
         absl::StrCat("name: ", name, "\nvalues: [{indicator: volume, value: '",
                      zone == "a" ? "10" : "30", "'}]\n"));
    Must({"submit", name});
  }
  const Outcome early = Run({"zones", "evaluate", "2022", "--score"});
  EXPECT_EQ(early.code, 6);
  EXPECT_THAT(early.err, HasSubstr("SUBMISSIONS_NOT_VERIFIED"));
  EXPECT_THAT(Must({"zones", "evaluate", "2022"}),
              HasSubstr("Missing (DRAFT): c\nNot verified (SUBMITTED): a, b\n"));
  for (const std::string zone : {"a", "b"}) {
    const Outcome verified = Run({"verify", "evaluations/2022/submissions/" + zone});
    ASSERT_EQ(verified.code, 0) << verified.err;
  }
  const Outcome scored = Run({"zones", "evaluate", "2022", "--score"});
  EXPECT_EQ(scored.code, 0) << scored.err;
  EXPECT_THAT(scored.err, HasSubstr("Scored: evaluations/2022/results/1"));
  EXPECT_THAT(scored.out, HasSubstr("\nRANK   ZONE   SCORE   TIER\n"
                                    "1      b      1       Tier one\n"
                                    "2      a      0       two\n"
                                    "missing  c (DRAFT)\nDigest: "));
  EXPECT_EQ(Must({"zones", "evaluate", "2022", "-o", "name"}), "pilotZones/b\npilotZones/a\n");
  EXPECT_THAT(Must({"zones", "evaluate", "2022", "-o", "yaml"}), HasSubstr("standings:"));
  const std::string explained = Must({"zones", "evaluate", "2022", "--explain", "a"});
  EXPECT_THAT(explained, HasSubstr("volume      10      10 .. 30"));
  EXPECT_THAT(explained, HasSubstr("Rank 2 of 2, score 0, tier two\n"));
  EXPECT_THAT(explained, HasSubstr("To tier one: "));
  // Who has scored does not publish; another person does.
  const Outcome own = Run({"zones", "evaluate", "2022", "--publish"});
  EXPECT_EQ(own.code, 6);
  EXPECT_THAT(own.err, HasSubstr("[FOUR_EYES]"));
  ServeTo("users/ben");
  const Outcome published = Run({"zones", "evaluate", "2022", "--publish"});
  EXPECT_EQ(published.code, 0) << published.err;
  EXPECT_EQ(published.err, "Published by users/ben.\n");
  EXPECT_THAT(published.out, StartsWith("evaluations/2022: The year 2022\nState: PUBLISHED\n"));
  EXPECT_THAT(published.out, HasSubstr("1      b      1       Tier one\n"));
}

TEST_F(DomainCommandsTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Run({"zones"}).code, 2);
  EXPECT_EQ(Run({"zones", "rank", "2022"}).code, 2);
  EXPECT_EQ(Run({"zones", "evaluate", "2022"}).code, 3);
  Must({"apply", "-f", "-"}, kEvaluation);
  const Outcome json = Run({"zones", "evaluate", "2022", "-o", "json"});
  EXPECT_EQ(json.code, 2);
  EXPECT_THAT(json.err, HasSubstr("has no ranking yet"));
  EXPECT_EQ(Run({"zones", "evaluate", "2022", "--call-for-submissions", "soon"}).code, 2);
  EXPECT_EQ(Run({"pending", "x"}).code, 2);
}

}  // namespace
}  // namespace caravan::cli
