// fair allocate, publish, explain, simulate, compare, bundle, verify and draw, against the fairs
// service with zones beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cli/test_support.h"
#include "google/protobuf/util/json_util.h"
#include "services/common/testing/test_server.h"
#include "services/fairs/fairs.h"
#include "services/fairs/lottery.h"
#include "services/fairs/testing/edition.h"
#include "services/zones/zones.h"

namespace caravan::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kFair[] = "fairs/canton-136";

class FairCommandsTest : public ::testing::Test {
 protected:
  FairCommandsTest() {
    fairs::testing::EditionOptions options;
    options.sections = 2;
    options.booths = 60;
    options.applications = 60;
    options.delegations = 2;
    edition_ = fairs::testing::MakeEdition(options);
    testing::TestServer::Options zones;
    zones.definition = zones::ZonesDefinition();
    zones.access = testing::PolicyOf({{"users/admin", "*"}, {"services/*", "*"}});
    zones.clock = clock_.AsFunction();
    zones.adjust = [](settings::ServerSettings& settings) {
      settings.set_insecure_principal("users/admin");
    };
    zones_ = testing::TestServer::Start(std::move(zones));
    ServeTo("users/admin");
    const Outcome loaded =
        RunCli({"apply", "--load", "-f", "-", "--address", zones_->address(), "--insecure"},
               {.input = Documents(edition_.documents) + Documents(edition_.enterprises)});
    EXPECT_EQ(loaded.code, 0) << loaded.err;
  }

  // From now on this is who calls.
  void ServeTo(const std::string& principal) {
    fairs_.reset();  // lets go of the store
    testing::TestServer::Options options;
    options.definition = fairs::FairsDefinition();
    options.access = testing::PolicyOf({{principal, "*"}});
    options.clock = clock_.AsFunction();
    options.store = "sqlite:" + folder_.Path("store.db");
    options.adjust = [this, principal](settings::ServerSettings& settings) {
      settings.set_insecure_principal(principal);
      settings.add_peer(absl::StrCat("zones=", zones_->address()));
    };
    fairs_ = testing::TestServer::Start(std::move(options));
  }

  template <class Messages>
  static std::string Documents(const Messages& messages) {
    std::string documents;
    for (const auto& message : messages) {
      std::string json;
      EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
      absl::StrAppend(&documents, "---\n", json, "\n");
    }
    return documents;
  }

  Outcome Run(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.end(), {"--address", fairs_->address(), "--insecure"});
    return RunCli(words, {.input = input});
  }
  std::string Must(std::vector<std::string> words, const std::string& input = "") {
    const std::string what = absl::StrJoin(words, " ");
    const Outcome outcome = Run(std::move(words), input);
    EXPECT_EQ(outcome.code, 0) << what << ": " << outcome.err;
    return outcome.out;
  }

  static std::string Secret(const std::string& stage) { return "the secret of stage " + stage; }

  // The edition, up to applications that are scored.
  void Open() {
    Must({"apply", "-f", "-"},
         absl::StrCat(Documents(edition_.delegations), Documents(std::vector{edition_.fair}),
                      Documents(edition_.sections), Documents(edition_.quotas),
                      Documents(edition_.halls), Documents(edition_.floor_plans)));
    for (const std::string stage : {"brand", "general", "placement"}) {
      Must({"commit-lottery", kFair, "--stage", stage, "--commitment",
            fairs::LotteryCommitment(Secret(stage))});
    }
    Must({"open", kFair});
    Must({"apply", "--load", "-f", "-"}, Documents(edition_.applications));
    Must({"close-applications", kFair});
    for (const auto& section : edition_.sections) Must({"divide-quotas", section.name()});
  }

  // Freezes, draws and runs the first stage; what `fair allocate` shows.
  std::string Allocate(const std::string& stage) {
    const Outcome frozen = Run({"fair", "allocate", kFair, "--stage", stage, "--freeze"});
    EXPECT_EQ(frozen.code, 0) << frozen.err;
    EXPECT_THAT(frozen.err, HasSubstr("Frozen: fairs/canton-136/snapshots/"));
    const std::string snapshot = std::string(kFair) + "/snapshots/1";
    clock_.Advance(absl::Hours(1));
    Must({"reveal-lottery", kFair, "--stage", stage, "--secret", Secret(stage), "--public-value",
          "4 0 7", "--public-source", "a public draw", "--public-time",
          absl::FormatTime(clock_.Now(), absl::UTCTimeZone())});
    return Must({"fair", "allocate", kFair, "--stage", stage, "--snapshot", snapshot});
  }

  std::string FirstIn(const std::string& state) {
    const std::string names = Must({"get", "applications", "--parent", kFair, "--filter",
                                    absl::StrCat("state = \"", state, "\""), "-o", "name"});
    return std::vector<std::string>(absl::StrSplit(names, '\n'))[0];
  }

  const TemporaryFolder folder_;
  testing::TestClock clock_{absl::FromUnixSeconds(1'717'200'000)};  // 2024-06-01
  fairs::testing::Edition edition_;
  std::unique_ptr<testing::TestServer> zones_;
  std::unique_ptr<testing::TestServer> fairs_;
};

TEST_F(FairCommandsTest, BringsAnAllocationOnAndChecksIt) {
  Open();
  const std::string shown = Allocate("general");
  EXPECT_THAT(shown, StartsWith("fairs/canton-136/allocations/2\nStage: GENERAL\n"
                                "State: PROPOSED\nApplications: "));
  const std::string run = std::string(kFair) + "/allocations/2";
  EXPECT_THAT(Must({"fair", "allocate", kFair, "--stage", "general", "--snapshot",
                    std::string(kFair) + "/snapshots/1", "--dry-run"}),
              AllOf(StartsWith("Stage: GENERAL\n"), Not(HasSubstr("State: "))));

  const Outcome own = Run({"fair", "publish", run});
  EXPECT_EQ(own.code, 6);
  EXPECT_THAT(own.err, HasSubstr("[FOUR_EYES]"));
  ServeTo("users/ben");
  EXPECT_THAT(Must({"fair", "publish", run}), HasSubstr("State: PUBLISHED\n"));

  const std::string winner = FirstIn("ALLOTTED");
  EXPECT_THAT(Must({"fair", "explain", winner}), AllOf(HasSubstr("rank"), HasSubstr("CRITERION"),
                                                       HasSubstr("documents/certificates-2024")));
  EXPECT_THAT(Must({"fair", "explain", FirstIn("WAITLISTED"), "-o", "json"}),
              AllOf(HasSubstr("\"reason\""), Not(HasSubstr("\"booths\""))));

  const std::string bundles = Must({"fair", "bundle", run});
  EXPECT_THAT(bundles, StartsWith("[\n{"));
  EXPECT_THAT(Must({"fair", "verify", run}),
              HasSubstr("Verified: fairs/canton-136/allocations/2, 2 sections, "));
  const std::string file = folder_.Path("bundles.json");
  std::ofstream(file) << bundles;
  // Without a server.
  EXPECT_EQ(RunCli({"fair", "verify", "--file", file}).code, 0);
  std::ofstream(file) << absl::StrReplaceAll(bundles, {{"4 0 7", "4 0 8"}});
  const Outcome forged = RunCli({"fair", "verify", "--file", file});
  EXPECT_EQ(forged.code, 10);
  EXPECT_THAT(forged.out, HasSubstr("draw.seed: "));
  std::ofstream(file) << "no bundle";
  EXPECT_EQ(RunCli({"fair", "verify", "--file", file}).code, 2);
  EXPECT_EQ(RunCli({"fair", "verify", "--file", folder_.Path("missing")}).code, 2);
}

TEST_F(FairCommandsTest, ComparesRulesAndDrawsFloors) {
  Open();
  Allocate("general");
  const std::string run = std::string(kFair) + "/allocations/2";
  std::string rules = Documents(std::vector{edition_.fair.rules()}).substr(4);
  rules = absl::StrReplaceAll(rules, {{R"("SCORE_STEP","base":"15")", R"("RANKED")"}});
  EXPECT_THAT(Must({"fair", "simulate", run, "-f", "-"}, absl::StrCat("{\"rules\": ", rules, "}")),
              StartsWith("fairs/canton-136/allocations/3\nStage: GENERAL\n"));
  const std::string simulation = std::string(kFair) + "/allocations/3";
  const std::string compared = Must({"fair", "compare", run, simulation});
  EXPECT_THAT(compared, StartsWith("SECTION"));
  EXPECT_THAT(compared, HasSubstr("Applications that fare differently: "));

  const std::string plan = edition_.floor_plans.front().name();
  EXPECT_THAT(Must({"fair", "draw", plan, "--color-by", "product-group"}), HasSubstr("<svg "));
  EXPECT_THAT(Must({"fair", "draw", plan, "--format", "geojson"}),
              HasSubstr("\"FeatureCollection\""));
}

TEST_F(FairCommandsTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Run({"fair"}).code, 2);
  EXPECT_EQ(Run({"fair", "alocate", kFair}).code, 2);
  EXPECT_EQ(Run({"fair", "compare", "fairs/canton-136/allocations/1"}).code, 2);
  EXPECT_EQ(Run({"fair", "simulate", "fairs/canton-136/allocations/1", "-f", "missing"}).code, 2);
  const Outcome stage = Run({"fair", "allocate", kFair, "--stage", "special"});
  EXPECT_EQ(stage.code, 2);
  EXPECT_THAT(stage.err, HasSubstr("must be one of brand, general, placement"));
  EXPECT_EQ(Run({"fair", "allocate", kFair, "--stage", "brand"}).code, 3);
  EXPECT_EQ(Run({"fair", "draw", "fairs/canton-136/floorPlans/1-1.1", "--format", "png"}).code, 2);
}

}  // namespace
}  // namespace caravan::cli
