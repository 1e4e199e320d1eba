#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caravan/zones/v1/enterprises.pb.h"
#include "clients/cli/test_support.h"

namespace caravan::cli {
namespace {

using ::caravan::zones::v1::BatchUpdatePilotZonesRequest;
using ::caravan::zones::v1::LoadPilotZonesRequest;
using ::caravan::zones::v1::PilotZone;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ImportTest : public ::testing::Test {
 protected:
  // Imports a text as a file into pilotZones.
  Outcome Import(const std::string& text, std::vector<std::string> flags = {},
                 const RunOptions& options = {}) {
    std::vector<std::string> words = {"import", folder_.Write("zones.csv", text), "--collection",
                                      "pilotZones"};
    words.insert(words.end(), flags.begin(), flags.end());
    return RunCli(server_, words, options);
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& [name, zone] : server_.zones()) names.push_back(name);
    return names;
  }

  FakeServer server_;
  TemporaryFolder folder_;
};

TEST_F(ImportTest, CreatesAndSetsTheColumnsOnly) {
  PilotZone zone = FakeServer::Zone("a", 7);
  zone.set_local_name("甲");
  server_.Put(zone);
  const Outcome outcome =
      Import("\xEF\xBB\xBFid,batch,local_name\r\na,1,\r\nb,2,\"x, \"\"y\"\"\"\r\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "2 rows accepted, 0 refused\n");
  EXPECT_EQ(server_.zones()["pilotZones/a"].batch(), 1);
  EXPECT_EQ(server_.zones()["pilotZones/a"].local_name(), "");     // an empty cell clears
  EXPECT_EQ(server_.zones()["pilotZones/a"].display_name(), "a");  // no column of its own
  EXPECT_EQ(server_.zones()["pilotZones/b"].local_name(), "x, \"y\"");
  const auto requests = server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_THAT(requests[0].requests(0).update_mask().paths(), ElementsAre("batch", "local_name"));
}

TEST_F(ImportTest, LoadsWithMappedColumns) {
  const Outcome outcome = Import(
      "id,batch,approved,state,ended,successor,remarks,phone\n"
      "haikou,4,2018-07,MERGED,2025-04,hainan,x,+86 1\nhainan,8,2025,APPROVED,,,,\n",
      {"--load", "--map", "approved=approval_date", "--map", "ended=end_date", "--map",
       "phone=office.phone", "--ignore", "remarks"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const PilotZone zone = server_.zones()["pilotZones/haikou"];
  EXPECT_EQ(zone.state(), PilotZone::MERGED);
  EXPECT_EQ(zone.successor(), "pilotZones/hainan");
  EXPECT_EQ(zone.end_date().month(), 4);
  EXPECT_EQ(zone.office().phone(), "+86 1");
}

TEST_F(ImportTest, ListsAndMapsHaveCellsToo) {
  const auto file = folder_.Write(
      "firms.csv",
      "id,roles,labels.sector,labels.size\n91330108madem0001a,seller; courier,silk,small\n");
  const Outcome outcome = RunCli(server_, {"import", file, "--collection", "enterprises"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto requests =
      server_.Requests<zones::v1::BatchUpdateEnterprisesRequest>("BatchUpdateEnterprises");
  ASSERT_THAT(requests, SizeIs(1));
  const auto& item = requests[0].requests(0);
  EXPECT_THAT(item.enterprise().roles(),
              ElementsAre(zones::v1::Enterprise::SELLER, zones::v1::Enterprise::COURIER));
  EXPECT_EQ(item.enterprise().labels().at("sector"), "silk");
  EXPECT_EQ(item.enterprise().labels().at("size"), "small");
  EXPECT_THAT(item.update_mask().paths(), ElementsAre("roles", "labels"));
}

TEST_F(ImportTest, RefusesColumnsThatItDoesNotKnow) {
  const Outcome outcome = Import("id,bach,state,x\n", {"--map", "y=batch"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err,
              HasSubstr("column \"bach\": PilotZone has no field \"bach\"; did you mean batch?"));
  EXPECT_THAT(outcome.err, HasSubstr("state is set by the server; --load may set it"));
  EXPECT_THAT(outcome.err, HasSubstr("column \"x\""));
  EXPECT_THAT(outcome.err, HasSubstr("--map names the column \"y\""));
  EXPECT_THAT(Import("batch\n1\n").err, HasSubstr("no column gives the name"));
  EXPECT_THAT(Import("id,name\n1,2\n").err, HasSubstr("both set name"));
  EXPECT_EQ(Import("").code, 2);
}

TEST_F(ImportTest, ReportsRowsThatCannotBeReadAndImportsTheOthers) {
  const Outcome outcome = Import(
      "id,batch,local_name\na,1,\nb,x,\nc,1\nd,2,\"\n\"\ne,3,\xFF\nf,4,q\"r\nB/ad,5,\ng,6,\n",
      {"--errors", folder_.Path("errors.csv")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "3 rows accepted, 5 refused\n");
  EXPECT_THAT(Names(), ElementsAre("pilotZones/a", "pilotZones/d", "pilotZones/g"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:3: batch: must be a whole number"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:4: has 2 columns, and the header has 3"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:7: field 3 is not UTF-8"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:8: line 8, column 6: a quote stands"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:9: id: \"B/ad\" is no name of pilotZone"));
  EXPECT_THAT(folder_.Read("errors.csv"),
              HasSubstr("line,column,reason,message\n3,batch,BAD_VALUE,\"must be"));
}

TEST_F(ImportTest, TakesOutTheRowsThatTheServerNames) {
  const Outcome outcome = Import("id,batch\na,1\nb,200\nc,3\nd,0\ne,5\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "3 rows accepted, 2 refused\n");
  EXPECT_THAT(Names(), ElementsAre("pilotZones/a", "pilotZones/c", "pilotZones/e"));
  EXPECT_THAT(outcome.err,
              HasSubstr("zones.csv:3: batch: must be from 1 to 99, and is 200 [INVALID_FIELDS]\n"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:5: batch: must be from 1 to 99, and is 0"));
  // All, all less b, all less b and d.
  EXPECT_THAT(server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones"), SizeIs(3));
}

TEST_F(ImportTest, SearchesForRowsThatTheServerDoesNotName) {
  std::string text = "id,batch,display_name\n";
  for (int i = 0; i < 64; ++i) {
    text += absl::StrCat("z", i, ",1,", i == 5 || i == 40 ? "unnamable" : "x", "\n");
  }
  const Outcome outcome = Import(text);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "62 rows accepted, 2 refused\n");
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:7: a zone is unnamable [UNNAMABLE]\n"));
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:42: a zone is unnamable"));
  EXPECT_THAT(Names(), SizeIs(62));
}

TEST_F(ImportTest, ARowThatLackedAnotherIsTriedAgain) {
  // Halving tears `a` and its successor `b` apart; `c` is at fault.
  const Outcome outcome = Import(
      "id,batch,successor,display_name\na,1,b,x\nc,1,,unnamable\nb,1,,x\nd,1,,x\n", {"--load"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "3 rows accepted, 1 refused\n") << outcome.err;
  EXPECT_THAT(Names(), ElementsAre("pilotZones/a", "pilotZones/b", "pilotZones/d"));
}

TEST_F(ImportTest, CreatesOnlyWhereAsked) {
  server_.Put(FakeServer::Zone("a", 1));
  const Outcome outcome = Import("id,batch\na,2\nb,2\n", {"--create"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("zones.csv:2: one exists [ALREADY_EXISTS]"));
  EXPECT_EQ(server_.zones()["pilotZones/a"].batch(), 1);
  EXPECT_EQ(server_.zones()["pilotZones/b"].batch(), 2);
}

TEST_F(ImportTest, GoesOnWhereItStopped) {
  const std::string text = "id,batch\na,1\nb,200\nc,3\nd,4\ne,5\n";
  const std::vector<std::string> flags = {
      "--batch", "2", "--resume", folder_.Path("state"), "--errors", folder_.Path("errors.csv")};
  const Outcome first = Import(text, flags);
  EXPECT_EQ(first.code, 2);
  EXPECT_EQ(first.out, "4 rows accepted, 1 refused\n");
  // Done is done: nothing is sent again.
  const size_t sent =
      server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones").size();
  const Outcome again = Import(text, flags);
  EXPECT_EQ(again.code, 2);
  EXPECT_EQ(again.out, first.out);
  EXPECT_THAT(server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones"),
              SizeIs(sent));
  // The state is that of one file only.
  EXPECT_EQ(Import(text + "f,6\n", flags).code, 2);
  EXPECT_EQ(
      folder_.Read("errors.csv"),
      "line,column,reason,message\n3,batch,INVALID_FIELDS,\"must be from 1 to 99, and is 200\"\n");
}

TEST_F(ImportTest, StopsWhereTheRowsAreNotAtFault) {
  const std::string text = "id,batch\na,1\nb,2\nc,3\n";
  const std::vector<std::string> flags = {"--batch", "1", "--resume", folder_.Path("state")};
  server_.FailNext("BatchUpdatePilotZones",
                   {grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no")});
  const Outcome stopped = Import(text, flags);
  EXPECT_EQ(stopped.code, 4);
  EXPECT_THAT(stopped.err, HasSubstr("The import stopped after line 0: 0 rows accepted"));
  const Outcome resumed = Import(text, flags);
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(resumed.out, "3 rows accepted, 0 refused\n");
  // The batch that was denied is sent again under its id.
  const auto requests = server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones");
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[0].request_id(), requests[1].request_id());
  EXPECT_NE(requests[1].request_id(), requests[2].request_id());
}

TEST_F(ImportTest, AnImportOnceMoreIsDoneOnceMore) {
  Import("id,batch\na,1\n");
  server_.Put(FakeServer::Zone("a", 7));
  Import("id,batch\na,1\n");
  EXPECT_EQ(server_.zones()["pilotZones/a"].batch(), 1);
  const auto requests = server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_NE(requests[0].request_id(), requests[1].request_id());
}

TEST_F(ImportTest, ADryRunChangesNothingAndLeavesNoState) {
  const std::string text = "id,batch\na,1\n";
  const std::vector<std::string> flags = {"--resume", folder_.Path("state"), "--dry-run"};
  EXPECT_EQ(Import(text, flags).out, "1 rows accepted, 0 refused (dry run)\n");
  EXPECT_THAT(server_.zones(), IsEmpty());
  EXPECT_EQ(folder_.Read("state"), "");
  const auto requests = server_.Requests<BatchUpdatePilotZonesRequest>("BatchUpdatePilotZones");
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_TRUE(requests[0].validate_only());
}

TEST_F(ImportTest, ShowsProgress) {
  std::string text = "id,batch\n";
  for (int i = 0; i < 20; ++i) text += absl::StrCat("z", i, ",1\n");
  const Outcome bar = Import(text, {"--batch", "2"}, {.terminal = true});
  EXPECT_THAT(bar.err, HasSubstr("\r[###"));
  EXPECT_THAT(bar.err, HasSubstr("100%  20 rows accepted, 0 refused"));
  // A second passes with every batch: a line after each fifth.
  const Outcome lines = Import(text, {"--batch", "2"});
  EXPECT_EQ(std::count(lines.err.begin(), lines.err.end(), '\n'), 2) << lines.err;
  EXPECT_THAT(lines.err, Not(HasSubstr("\r")));
}

}  // namespace
}  // namespace caravan::cli
