#include "clients/cli/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caravan/zones/v1/policies.pb.h"
#include "clients/cli/test_support.h"

namespace caravan::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class CommandsTest : public ::testing::Test {
 protected:
  Outcome Run(std::vector<std::string> words, const RunOptions& options = {}) {
    return RunCli(server_, std::move(words), options);
  }

  FakeServer server_;
  TemporaryFolder folder_;
};

TEST_F(CommandsTest, GetsAllPages) {
  for (int i = 0; i < 5; ++i) server_.Put(FakeServer::Zone(absl::StrCat("z", i), i % 2 + 1));
  const Outcome all = Run({"get", "pilotZones", "--page-size", "2", "-o", "name"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out, "pilotZones/z0\npilotZones/z1\npilotZones/z2\npilotZones/z3\npilotZones/z4\n");
  EXPECT_THAT(server_.Requests<zones::v1::ListPilotZonesRequest>("ListPilotZones"), SizeIs(3));
  EXPECT_EQ(Run({"get", "pilotZones", "-o", "name", "--filter", "batch = 2"}).out,
            "pilotZones/z1\npilotZones/z3\n");
  EXPECT_EQ(Run({"get", "pilotZones", "-o", "name", "--limit", "1"}).out, "pilotZones/z0\n");
}

TEST_F(CommandsTest, GetSendsWhatIsAsked) {
  Run({"get", "pilot-zones", "--filter", "batch = 5", "--order-by", "name desc", "--effective-date",
       "2024-08"});
  const auto requests = server_.Requests<zones::v1::ListPilotZonesRequest>("ListPilotZones");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].filter(), "batch = 5");
  EXPECT_EQ(requests[0].order_by(), "name desc");
  EXPECT_EQ(requests[0].effective_date().month(), 8);
}

TEST_F(CommandsTest, GetSaysWhereThereIsNothing) {
  const Outcome none = Run({"get", "pilotZones"});
  EXPECT_EQ(none.code, 0);
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, "No pilotZones found.\n");
  EXPECT_EQ(Run({"get", "pilotZones", "-o", "json"}).out, "[]\n");
}

TEST_F(CommandsTest, GetShowsOneBesideOneThatIsMissing) {
  server_.Put(FakeServer::Zone("a", 1));
  const Outcome some = Run({"get", "pilotZones", "a", "b"});
  EXPECT_EQ(some.code, 3);
  EXPECT_THAT(some.out, HasSubstr("\na "));
  EXPECT_EQ(some.err, "error: pilotZones/b does not exist [NOT_FOUND]\n");
  EXPECT_THAT(Run({"get", "pilotZones/a", "-o", "json"}).out, StartsWith("{\n \"name\""));
}

TEST_F(CommandsTest, GetPassesOnTheServersHint) {
  const Outcome outcome = Run({"get", "pilotZones", "--filter", "place_level = \"x\""});
  EXPECT_THAT(outcome.err, HasSubstr("warning: an index on place_level would help\n"));
}

TEST_F(CommandsTest, GetRefusesWhatMakesNoSense) {
  EXPECT_EQ(Run({"get"}).code, 2);
  EXPECT_EQ(Run({"get", "pilotZone_s"}).code, 2);
  EXPECT_EQ(Run({"get", "pilotZones", "-o", "xml"}).code, 2);
  EXPECT_EQ(Run({"get", "pilotZones", "a", "--filter", "x"}).code, 2);
  EXPECT_EQ(Run({"get", "pilotZones", "--parent", "x"}).code, 2);
  EXPECT_EQ(Run({"get", "pilotZones", "--effective-date", "soon"}).code, 2);
  EXPECT_THAT(Run({"get", "zones"}).err, HasSubstr("did you mean pilotZones?"));
}

TEST_F(CommandsTest, GetGoesOnWatching) {
  server_.Put(FakeServer::Zone("a", 1));
  server_.Put(FakeServer::Zone("b", 2));
  // The list shows both; the feed starts behind them, and has one more.
  server_.PlanWatch({{0, grpc::Status::OK}, {1, grpc::Status::OK}});
  const Outcome outcome = Run({"get", "pilotZones", "-w", "-o", "name"});
  EXPECT_EQ(outcome.out, "pilotZones/a\npilotZones/b\n");
  const auto watches = server_.Requests<api::v1::WatchChangesRequest>("WatchChanges");
  ASSERT_THAT(watches, Not(IsEmpty()));
  EXPECT_EQ(watches[0].start_revision(), 3);
  EXPECT_EQ(watches[0].filter(), "resource_type = \"caravan.dev/PilotZone\"");
}

TEST_F(CommandsTest, DescribesWithChanges) {
  server_.Put(FakeServer::Zone("a", 1));
  server_.Put(FakeServer::Zone("a", 2));
  const Outcome outcome = Run({"describe", "pilotZones", "a"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Display name:   a\n"));
  EXPECT_THAT(outcome.out, HasSubstr("Recent changes:\nREVISION"));
  EXPECT_THAT(outcome.out, HasSubstr("batch: 1 -> 2"));
  EXPECT_EQ(Run({"describe", "pilotZones", "b"}).code, 3);
}

TEST_F(CommandsTest, CreatesFromFieldsAndFiles) {
  const Outcome outcome =
      Run({"create", "pilotZones", "haikou", "--field", "display_name=Haikou", "--field", "batch=4",
           "--field", "approvalDate=2018-07-24", "--field", "office.email=a@b.c"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "pilotZones/haikou created\n");
  const auto zone = server_.zones()["pilotZones/haikou"];
  EXPECT_EQ(zone.approval_date().day(), 24);
  EXPECT_EQ(zone.office().email(), "a@b.c");
  const Outcome file = Run({"create", "pilotZones", "-f", "-", "-o", "name"},
                           {.input = "name: pilotZones/sanya\nbatch: 5\n"});
  EXPECT_EQ(file.out, "pilotZones/sanya\n") << file.err;
}

TEST_F(CommandsTest, CreateTellsEachViolation) {
  const Outcome outcome = Run({"create", "pilotZones", "x", "--field", "batch=200"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err,
            "error: must be from 1 to 99, and is 200 [INVALID_FIELDS]\n"
            "  pilot_zone.batch: must be from 1 to 99, and is 200\n");
  EXPECT_EQ(Run({"create", "pilotZones", "x", "--field", "bacth=2"}).code, 2);
  EXPECT_EQ(Run({"create", "pilotZones", "x", "--field", "batch=two"}).code, 2);
  server_.Put(FakeServer::Zone("a", 1));
  EXPECT_EQ(Run({"create", "pilotZones", "a", "--field", "batch=2"}).code, 6);
}

TEST_F(CommandsTest, ADryRunChangesNothing) {
  const Outcome outcome = Run({"create", "pilotZones", "x", "--field", "batch=2", "--dry-run"});
  EXPECT_EQ(outcome.out, "pilotZones/x created (dry run)\n");
  EXPECT_THAT(server_.zones(), IsEmpty());
}

TEST_F(CommandsTest, AppliesCreatesConfiguresAndLeavesAlone) {
  const std::string text =
      "type: caravan.dev/PilotZone\nname: a\nbatch: 1\nlocalName: x\napprovalDate: 2018-10-01\n"
      "---\nname: pilotZones/b\nbatch: 2\n";
  const auto file = folder_.Write("zones.yaml", text);
  EXPECT_EQ(Run({"apply", "-f", file}).out, "pilotZones/a created\npilotZones/b created\n");
  EXPECT_EQ(Run({"apply", "-f", file}).out, "pilotZones/a unchanged\npilotZones/b unchanged\n");
  EXPECT_THAT(server_.Requests<zones::v1::UpdatePilotZoneRequest>("UpdatePilotZone"), SizeIs(2));
  const Outcome changed =
      Run({"apply", "-f", "-"}, {.input = "name: pilotZones/a\nlocalName: ~\nstate: MERGED\n"});
  EXPECT_EQ(changed.out, "pilotZones/a configured\n") << changed.err;
  const auto request =
      server_.Requests<zones::v1::UpdatePilotZoneRequest>("UpdatePilotZone").back();
  EXPECT_THAT(request.update_mask().paths(), ElementsAre("local_name"));
  EXPECT_TRUE(request.allow_missing());
  EXPECT_EQ(server_.zones()["pilotZones/a"].local_name(), "");
  EXPECT_EQ(server_.zones()["pilotZones/a"].batch(), 1);
}

TEST_F(CommandsTest, WhatGetShowsCanBeApplied) {
  server_.Put(FakeServer::Zone("a", 1));
  const std::string yaml = Run({"get", "pilotZones", "-o", "yaml"}).out;
  EXPECT_EQ(Run({"apply", "-f", "-"}, {.input = yaml}).out, "pilotZones/a unchanged\n");
  const std::string json = Run({"get", "pilotZones", "-o", "json"}).out;
  EXPECT_EQ(Run({"apply", "-f", "-"}, {.input = json}).out, "pilotZones/a unchanged\n");
}

TEST_F(CommandsTest, ApplyGoesOnPastFailures) {
  const auto file =
      folder_.Write("zones.yaml",
                    "name: pilotZones/a\nbatch: 1\n---\nname: pilotZones/b\nbatch: x\n"
                    "---\nname: pilotZones/c\nbatch: 100\n---\nbatch: 1\n---\n[\n"
                    "---\ntype: caravan.dev/Nothing\n---\nname: pilotZones/d\nbatch: 4\n");
  const Outcome outcome = Run({"apply", "-f", file});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "pilotZones/a created\npilotZones/d created\n");
  EXPECT_THAT(outcome.err, HasSubstr("zones.yaml, document 2 (line 3): "));
  EXPECT_THAT(outcome.err, HasSubstr("  batch: must be a whole number"));
  EXPECT_THAT(outcome.err, HasSubstr("document 3 (line 6): must be from 1 to 99, and is 100"));
  EXPECT_THAT(outcome.err, HasSubstr("document 4 (line 9): says neither its type"));
  EXPECT_THAT(outcome.err, HasSubstr("document 5 (line 11): is not YAML"));
  EXPECT_THAT(outcome.err, HasSubstr("document 6 (line 13): is of type \"caravan.dev/Nothing\""));
  EXPECT_THAT(outcome.err, HasSubstr("5 of 7 documents failed.\n"));
}

TEST_F(CommandsTest, ApplyLoadsStatesAndForwardReferences) {
  const auto file = folder_.Write(
      "zones.yaml",
      "name: pilotZones/haikou\nbatch: 4\nstate: MERGED\nendDate: 2025-04\nsuccessor: hainan\n---\n"
      "name: pilotZones/hainan\nbatch: 8\nstate: APPROVED\n---\n"
      "name: pilotZones/bad\nbatch: 0\n");
  const Outcome outcome = Run({"apply", "-f", file, "--load"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "pilotZones/haikou created\npilotZones/hainan created\n") << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("document 3 (line 10): batch: must be from 1 to 99"));
  EXPECT_EQ(server_.zones()["pilotZones/haikou"].state(), zones::v1::PilotZone::MERGED);
  EXPECT_EQ(server_.zones()["pilotZones/haikou"].successor(), "pilotZones/hainan");
  EXPECT_EQ(Run({"apply", "-f", file, "--load"}).out,
            "pilotZones/haikou unchanged\npilotZones/hainan unchanged\n");
}

TEST_F(CommandsTest, Deletes) {
  server_.Put(FakeServer::Zone("a", 1));
  const Outcome outcome = Run({"delete", "pilotZones", "a", "b"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "pilotZones/a deleted\n");
  EXPECT_EQ(Run({"delete", "pilotZones/b", "--if-exists"}).code, 0);
  EXPECT_EQ(Run({"delete", "pilotZones"}).code, 2);
}

TEST_F(CommandsTest, TransitionsAreVerbs) {
  server_.Put(FakeServer::Zone("haikou", 4));
  const Outcome outcome =
      Run({"merge", "pilotZones", "haikou", "--successor", "hainan", "--end-date", "2025-04"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("MERGED"));
  const auto requests = server_.Requests<zones::v1::MergePilotZoneRequest>("MergePilotZone");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].name(), "pilotZones/haikou");
  EXPECT_EQ(requests[0].successor(), "pilotZones/hainan");
  EXPECT_EQ(requests[0].end_date().year(), 2025);
  EXPECT_THAT(requests[0].request_id(), SizeIs(36));
  EXPECT_EQ(Run({"resolve", "pilotZones/haikou", "-o", "name"}).out, "pilotZones/haikou\n");
}

TEST_F(CommandsTest, VerbsOfACollectionTakeNestedFlags) {
  const Outcome outcome =
      Run({"check-eligibility", "policies", "--enterprise", "91330108ma27xl0f26",
           "--supervision-mode", "9610", "--goods.hs-code", "6109", "--evidence.goods-logged",
           "true", "--evidence.purchase-invoice=false", "--evidence.facts", "a=b",
           "--evidence.documents", "d1", "--evidence.documents", "d2"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("    Outcome:  MET\n"));
  const auto requests = server_.Requests<zones::v1::CheckEligibilityRequest>("CheckEligibility");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].goods().hs_code(), "6109");
  EXPECT_TRUE(requests[0].evidence().goods_logged());
  EXPECT_TRUE(requests[0].evidence().has_purchase_invoice());
  EXPECT_FALSE(requests[0].evidence().purchase_invoice());
  EXPECT_EQ(requests[0].evidence().facts().at("a"), "b");
  EXPECT_EQ(requests[0].evidence().documents_size(), 2);
  EXPECT_THAT(Run({"check-eligibility", "policies", "-f", "-", "-o", "json"},
                  {.input = "goods: {hsCode: \"6109\"}\n"})
                  .out,
              HasSubstr("\"outcome\": \"MET\""));
}

TEST_F(CommandsTest, VerbsTellWhatIsWrong) {
  EXPECT_THAT(Run({"merg", "pilotZones", "x"}).err, HasSubstr("did you mean merge?"));
  EXPECT_THAT(Run({"merge", "policies", "x"}).err, HasSubstr("it has check-eligibility, enact"));
  EXPECT_THAT(Run({"merge", "pilotZones", "x", "--sucessor", "y"}).err,
              HasSubstr("did you mean successor?"));
  EXPECT_THAT(Run({"merge", "pilotZones", "x", "--end-date", "soon"}).err,
              HasSubstr("--end-date must be a date"));
  EXPECT_EQ(Run({"merge", "pilotZones"}).code, 2);
  EXPECT_EQ(Run({"check-eligibility", "policies", "x"}).code, 2);
  EXPECT_EQ(Run({"merge"}).code, 2);
}

TEST_F(CommandsTest, VerbsHaveHelp) {
  const Outcome outcome = Run({"merge", "pilotZones", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("usage: caravanctl merge pilotZones ID [FLAGS]"));
  EXPECT_THAT(outcome.out, HasSubstr("--end-date DATE"));
}

TEST_F(CommandsTest, WatchResumesWhereItBrokeOff) {
  for (int i = 0; i < 3; ++i) server_.Put(FakeServer::Zone(absl::StrCat("z", i), 1));
  server_.PlanWatch({{2, grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone")},
                     {0, grpc::Status::OK},
                     {1, grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "too old")}});
  const Outcome outcome = Run({"watch", "pilotZones", "--from-revision", "1", "-o", "name"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "pilotZones/z0\npilotZones/z1\npilotZones/z2\n");
  std::vector<int64_t> starts;
  for (const auto& request : server_.Requests<api::v1::WatchChangesRequest>("WatchChanges")) {
    starts.push_back(request.start_revision());
  }
  EXPECT_THAT(starts, ElementsAre(1, 3, 3));
  EXPECT_THAT(outcome.err, HasSubstr("resuming at revision 3"));
}

TEST_F(CommandsTest, WatchStopsAfterItsLimit) {
  for (int i = 0; i < 3; ++i) server_.Put(FakeServer::Zone(absl::StrCat("z", i), 1));
  server_.PlanWatch({{3, grpc::Status::OK}});
  const Outcome outcome = Run({"watch", "--from-revision", "2", "--limit", "1", "-o", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("{\"revision\":\"2\""));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1);
}

TEST_F(CommandsTest, ListsChangesOfAResource) {
  server_.Put(FakeServer::Zone("a", 1));
  server_.Put(FakeServer::Zone("b", 1));
  server_.Put(FakeServer::Zone("a", 3));
  const Outcome outcome = Run({"changes", "pilotZones/a"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("batch: 1 -> 3"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("pilotZones/b")));
  EXPECT_THAT(outcome.out, HasSubstr("users/li.wei"));
  EXPECT_EQ(Run({"changes", "pilotZones/none"}).err, "No changes of pilotZones/none found.\n");
  EXPECT_EQ(Run({"changes", "nonsense"}).code, 2);
}

TEST_F(CommandsTest, ListsWhatTheServerHas) {
  EXPECT_EQ(Run({"api-resources", "-o", "name"}).out, "enterprises\npilotZones\npolicies\n");
  const Outcome methods = Run({"methods", "pilotZones"});
  EXPECT_THAT(methods.out, HasSubstr("zones.pilotZones.merge"));
  EXPECT_THAT(methods.out, HasSubstr("merge pilotZones ID"));
  EXPECT_THAT(methods.out, Not(HasSubstr("CheckEligibility")));
}

TEST_F(CommandsTest, ContextsAreKept) {
  const RunOptions options = {.variables = {{"CARAVANCTL_CONFIG", folder_.Path("c/config.yaml")}}};
  server_.Put(FakeServer::Zone("a", 1));
  EXPECT_EQ(RunCli({"get", "pilotZones"}, options).code, 2);
  EXPECT_EQ(RunCli({"config", "set-context", "here", "--address", server_.address(), "--insecure"},
                   options)
                .code,
            0);
  EXPECT_EQ(
      RunCli({"config", "set-context", "there", "--address", "caravan.example:1", "--ca", "ca.pem"},
             options)
          .code,
      0);
  EXPECT_EQ(RunCli({"get", "pilotZones", "-o", "name"}, options).out, "pilotZones/a\n");
  EXPECT_THAT(RunCli({"config", "get-contexts"}, options).out, HasSubstr("*         here"));
  EXPECT_EQ(RunCli({"config", "use-context", "there"}, options).code, 0);
  EXPECT_EQ(RunCli({"config", "current-context"}, options).out, "there\n");
  EXPECT_EQ(RunCli({"--context", "here", "get", "pilotZones", "-o", "name"}, options).out,
            "pilotZones/a\n");
  EXPECT_THAT(RunCli({"get", "pilotZones", "--context", "heer"}, options).err,
              HasSubstr("did you mean here?"));
  EXPECT_EQ(
      RunCli({"config", "set-context", "far", "--address", "x.org:1", "--insecure"}, options).code,
      2);
  EXPECT_EQ(RunCli({"config", "delete-context", "there"}, options).code, 0);
  EXPECT_EQ(RunCli({"config", "current-context"}, options).code, 2);
}

TEST_F(CommandsTest, AWrongConfigurationIsTold) {
  const RunOptions options = {
      .variables = {
          {"CARAVANCTL_CONFIG", folder_.Write("c.yaml", "contexts: {a: {adress: x}}\n")}}};
  const Outcome outcome = RunCli({"get", "pilotZones"}, options);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("unknown key \"adress\""));
}

TEST_F(CommandsTest, ExitCodesTellWhatWentWrong) {
  const auto code = [&](grpc::StatusCode status) {
    server_.FailNext("GetPilotZone", std::vector<grpc::Status>(5, grpc::Status(status, "x")));
    const int result = Run({"get", "pilotZones", "a"}).code;
    server_.FailNext("GetPilotZone", {});
    return result;
  };
  EXPECT_EQ(code(grpc::StatusCode::NOT_FOUND), 3);
  EXPECT_EQ(code(grpc::StatusCode::PERMISSION_DENIED), 4);
  EXPECT_EQ(code(grpc::StatusCode::UNAUTHENTICATED), 4);
  EXPECT_EQ(code(grpc::StatusCode::UNAVAILABLE), 5);
  EXPECT_EQ(code(grpc::StatusCode::ABORTED), 6);
  EXPECT_EQ(code(grpc::StatusCode::FAILED_PRECONDITION), 6);
  EXPECT_EQ(code(grpc::StatusCode::INTERNAL), 1);
}

TEST(HelpTest, EveryCommandHasHelp) {
  const Outcome overview = RunCli({"help"});
  EXPECT_EQ(overview.code, 0);
  for (const auto& command : Commands()) {
    EXPECT_THAT(overview.out, HasSubstr("  " + command.name));
    const Outcome help = RunCli({command.name, "--help"});
    EXPECT_EQ(help.code, 0) << command.name;
    EXPECT_THAT(help.out, StartsWith("usage: caravanctl " + command.name));
    EXPECT_EQ(RunCli({"help", command.name}).out, help.out);
  }
  EXPECT_EQ(RunCli({}).code, 2);
  EXPECT_EQ(RunCli({"help", "nothing"}).code, 2);
  EXPECT_THAT(RunCli({"version"}).out, StartsWith("caravanctl "));
}

}  // namespace
}  // namespace caravan::cli
