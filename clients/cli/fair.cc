// `fair`: bringing an edition's allocation on, explaining it, and checking it
// without trusting whoever made it.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "caravan/client/operations.h"
#include "caravan/fairs/v1/allocations.client.h"
#include "caravan/fairs/v1/applications.client.h"
#include "caravan/fairs/v1/floor_plans.client.h"
#include "caravan/fairs/v1/snapshots.client.h"
#include "clients/cli/commands.h"
#include "clients/cli/enum_flag.h"
#include "clients/cli/printer.h"
#include "clients/cli/target.h"
#include "clients/cli/text.h"
#include "google/protobuf/util/json_util.h"
#include "services/fairs/verify_bundle.h"

namespace caravan::cli {
namespace {

namespace v1 = fairs::v1;
using google::longrunning::Operation;

// The exit code of `fair verify` where something is not as it should be.
constexpr int kNotVerified = 10;

class Fair {
 public:
  Fair(Session& session, const Flags& flags, const std::shared_ptr<client::Connection>& connection)
      : session_(session),
        flags_(flags),
        connection_(connection),
        allocations_(connection),
        applications_(connection),
        floor_plans_(connection),
        snapshots_(connection) {}

  absl::StatusOr<int> Allocate(const std::string& fair);
  absl::StatusOr<int> Publish(const std::string& allocation);
  absl::StatusOr<int> Simulate(const std::string& allocation);
  absl::StatusOr<int> Explain(const std::string& application);
  absl::StatusOr<int> Compare(const std::string& one, const std::string& other);
  absl::StatusOr<int> Bundle(const std::string& allocation);
  absl::StatusOr<int> Verify(const std::string& allocation);
  absl::StatusOr<int> Draw(const std::string& floor_plan);

 private:
  template <class Response>
  absl::StatusOr<Response> Await(absl::StatusOr<Operation> started);
  absl::StatusOr<v1::Snapshot> SnapshotOf(const std::string& fair, v1::Stage stage);
  absl::StatusOr<std::vector<v1::Bundle>> Fetch(const std::string& allocation);
  absl::StatusOr<std::vector<v1::Bundle>> ReadFile(const std::string& file);
  void Show(const v1::Allocation& allocation);

  Session& session_;
  const Flags& flags_;
  const std::shared_ptr<client::Connection> connection_;
  const v1::AllocationServiceClient allocations_;
  const v1::ApplicationServiceClient applications_;
  const v1::FloorPlanServiceClient floor_plans_;
  const v1::SnapshotServiceClient snapshots_;
};

template <class Response>
absl::StatusOr<Response> Fair::Await(absl::StatusOr<Operation> started) {
  if (!started.ok()) return started.status();
  client::CallOptions options;
  options.service = "fairs";
  std::string shown;
  client::WaitOptions wait;
  wait.on_progress = [&](const Operation& operation) {
    caravan::api::v1::OperationMetadata metadata;
    if (!operation.metadata().UnpackTo(&metadata) || metadata.stage().empty()) return;
    std::string line = OneLine(metadata.stage());
    if (metadata.total_units() > 0) {
      absl::StrAppend(&line, " (", metadata.done_units(), " of ", metadata.total_units(), ")");
    }
    if (line != shown) session_.err() << line << "\n" << std::flush;
    shown = line;
  };
  const auto done = client::OperationsClient(connection_).Wait(*started, wait, options);
  if (!done.ok()) return done.status();
  return client::ResultOf<Response>(*done);
}

// A new snapshot, unless one is named.
absl::StatusOr<v1::Snapshot> Fair::SnapshotOf(const std::string& fair, v1::Stage stage) {
  if (flags_.Has("snapshot")) return snapshots_.GetSnapshot(flags_.Get("snapshot"));
  v1::FreezeSnapshotRequest request;
  request.set_parent(fair);
  request.set_stage(stage);
  request.set_waiting_list(flags_.IsOn("waiting-list"));
  auto snapshot = Await<v1::Snapshot>(snapshots_.FreezeSnapshot(std::move(request)));
  if (snapshot.ok()) {
    session_.err() << "Frozen: " << OneLine(snapshot->name()) << ", " << snapshot->applications()
                   << " applications, digest " << OneLine(snapshot->digest()) << ".\n";
  }
  return snapshot;
}

void Fair::Show(const v1::Allocation& allocation) {
  std::ostream& out = session_.out();
  if (!allocation.name().empty()) out << OneLine(allocation.name()) << "\n";
  out << "Stage: " << v1::Stage_Name(allocation.stage()) << "\n";
  if (!allocation.name().empty()) {
    out << "State: " << v1::Allocation::State_Name(allocation.state()) << "\n";
  }
  out << "Applications: " << allocation.applications() << ", of which " << allocation.firms()
      << (allocation.stage() == v1::PLACEMENT ? " have a position" : " get booths") << "\n"
      << "Booths: " << allocation.booths() << " given, " << allocation.left_booths() << " left\n";
  if (allocation.stage() == v1::PLACEMENT) {
    out << "Proven bound: no placement has more than " << allocation.booths_bound() << "\n";
  }
  out << "Digest: " << OneLine(allocation.digest()) << "\n";
}

absl::StatusOr<int> Fair::Allocate(const std::string& fair) {
  const auto stage = EnumFlag<v1::Stage>(flags_, "stage");
  if (!stage.ok()) return stage.status();
  const auto snapshot = SnapshotOf(fair, *stage);
  if (!snapshot.ok()) return snapshot.status();
  if (flags_.IsOn("freeze")) return 0;
  v1::RunAllocationRequest request;
  request.set_parent(fair);
  request.set_snapshot(snapshot->name());
  request.set_dry_run(flags_.IsOn("dry-run"));
  const auto run = Await<v1::Allocation>(allocations_.RunAllocation(std::move(request)));
  if (!run.ok()) return run.status();
  Show(*run);
  return 0;
}

absl::StatusOr<int> Fair::Publish(const std::string& allocation) {
  const auto published = allocations_.PublishAllocation(allocation);
  if (!published.ok()) return published.status();
  Operation publication;
  publication.set_name(published->publication());
  if (auto done = Await<v1::Allocation>(publication); !done.ok()) return done.status();
  Show(*published);
  return 0;
}

absl::StatusOr<int> Fair::Simulate(const std::string& allocation) {
  v1::SimulateAllocationRequest request;
  if (auto status = FillRequest(session_, flags_, &request); !status.ok()) return status;
  request.set_name(allocation);
  const auto run = Await<v1::Allocation>(allocations_.SimulateAllocation(std::move(request)));
  if (!run.ok()) return run.status();
  Show(*run);
  return 0;
}

absl::StatusOr<int> Fair::Explain(const std::string& application) {
  v1::ExplainApplicationRequest request;
  request.set_name(application);
  request.set_allocation(flags_.Get("allocation"));
  const auto answer = applications_.ExplainApplication(request);
  if (!answer.ok()) return answer.status();
  const auto format = ParseFormat(flags_.Get("output", "table"));
  if (!format.ok()) return format.status();
  if (*format != Format::kTable && *format != Format::kWide) {
    const auto catalog = session_.catalog();
    if (!catalog.ok()) return catalog.status();
    if (auto s = PrintAnswer(*format, **catalog, *answer, session_.out()); !s.ok()) return s;
    return 0;
  }
  std::ostream& out = session_.out();
  out << OneLine(answer->explanation()) << "\n";
  // In a run of positions, there is nothing else to explain.
  if (!answer->position_explanation().empty() &&
      answer->position_explanation() != answer->explanation()) {
    out << OneLine(answer->position_explanation()) << "\n";
  }
  if (answer->points_size() > 0) {
    out << "\n";
    Table table({"CRITERION", "CLAIMED", "COUNTS", "MAXIMUM", "EVIDENCE"}, out);
    for (const auto& points : answer->points()) {
      table.Add({OneLine(points.title()), OneLine(points.claimed()), OneLine(points.verified()),
                 OneLine(points.maximum()), OneLine(absl::StrJoin(points.documents(), ", "))});
    }
    table.Flush();
  }
  return 0;
}

absl::StatusOr<int> Fair::Compare(const std::string& one, const std::string& other) {
  const auto answer = allocations_.CompareAllocations(one, other);
  if (!answer.ok()) return answer.status();
  Table table({"SECTION", "FIRMS", "FIRMS THERE", "BOOTHS", "BOOTHS THERE"}, session_.out());
  for (const auto& section : answer->sections()) {
    table.Add({OneLine(ShortName(section.section())), absl::StrCat(section.firms()),
               absl::StrCat(section.other_firms()), absl::StrCat(section.booths()),
               absl::StrCat(section.other_booths())});
  }
  table.Flush();
  session_.out() << "Applications that fare differently: " << answer->differing_applications()
                 << "\n";
  return 0;
}

absl::StatusOr<std::vector<v1::Bundle>> Fair::Fetch(const std::string& allocation) {
  const auto run = allocations_.GetAllocation(allocation);
  if (!run.ok()) return run.status();
  std::vector<v1::Bundle> bundles;
  for (const std::string& section : run->sections()) {
    v1::ExportBundleRequest request;
    request.set_name(allocation);
    request.set_section(section);
    auto bundle = allocations_.ExportBundle(request);
    if (!bundle.ok()) return bundle.status();
    bundles.push_back(*std::move(bundle));
  }
  return bundles;
}

absl::StatusOr<int> Fair::Bundle(const std::string& allocation) {
  const auto bundles = Fetch(allocation);
  if (!bundles.ok()) return bundles.status();
  const char* separator = "[\n";
  for (const v1::Bundle& bundle : *bundles) {
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(bundle, &json).ok()) {
      return absl::DataLossError("a bundle that cannot be written as JSON");
    }
    session_.out() << separator << json;
    separator = ",\n";
  }
  session_.out() << "\n]\n";
  return 0;
}

// What Bundle wrote: an array whose elements are on a line of their own each.
absl::StatusOr<std::vector<v1::Bundle>> Fair::ReadFile(const std::string& file) {
  std::ifstream in(file);
  if (!in) return UsageError(absl::StrCat("cannot read ", file));
  std::vector<v1::Bundle> bundles;
  for (std::string line; std::getline(in, line);) {
    std::string_view text = absl::StripAsciiWhitespace(line);
    if (text == "[" || text == "]" || text.empty()) continue;
    if (text.back() == ',') text.remove_suffix(1);
    v1::Bundle& bundle = bundles.emplace_back();
    if (!google::protobuf::util::JsonStringToMessage(std::string(text), &bundle).ok()) {
      return UsageError(absl::StrCat(file, ", line ", bundles.size() + 1,
                                     " is no bundle; take what `fair bundle` writes"));
    }
  }
  return bundles;
}

absl::StatusOr<int> Fair::Verify(const std::string& allocation) {
  const auto bundles = flags_.Has("file") ? ReadFile(flags_.Get("file")) : Fetch(allocation);
  if (!bundles.ok()) return bundles.status();
  if (bundles->empty()) return UsageError("there are no bundles");
  const auto findings = fairs::VerifyBundles(*bundles);
  for (const fairs::Finding& finding : findings) {
    session_.out() << OneLine(finding.subject) << ": " << OneLine(finding.message) << "\n";
  }
  if (!findings.empty()) {
    session_.err() << findings.size() << " findings: this run is not what its inputs, rules and "
                   << "seed say.\n";
    return kNotVerified;
  }
  const v1::Bundle& first = bundles->front();
  session_.out() << "Verified: " << OneLine(first.allocation().name()) << ", " << bundles->size()
                 << " sections, " << first.allocation().booths()
                 << " booths.\nCommitment: " << OneLine(first.draw().commitment())
                 << "\nInputs: " << OneLine(first.draw().inputs_digest())
                 << "\nPublic value: " << OneLine(first.draw().public_value()) << " ("
                 << OneLine(first.draw().public_source())
                 << ")\nDigest: " << OneLine(first.allocation().digest())
                 << "\nCompare the first three with what was published at their times.\n";
  return 0;
}

absl::StatusOr<int> Fair::Draw(const std::string& floor_plan) {
  const auto format = EnumFlag<v1::DrawFloorPlanRequest::Format>(flags_, "format", "svg");
  if (!format.ok()) return format.status();
  v1::DrawFloorPlanRequest request;
  request.set_name(floor_plan);
  request.set_format(*format);
  if (flags_.Has("color-by")) {
    const auto color_by = EnumFlag<v1::DrawFloorPlanRequest::ColorBy>(flags_, "color-by");
    if (!color_by.ok()) return color_by.status();
    request.set_color_by(*color_by);
  }
  const auto drawing = floor_plans_.DrawFloorPlan(request);
  if (!drawing.ok()) return drawing.status();
  session_.out() << drawing->content();
  return 0;
}

absl::StatusOr<int> RunFair(Session& session, const Flags& flags) {
  const std::vector<std::string>& args = flags.args();
  const std::string verb = args.empty() ? "" : args[0];
  const bool offline = verb == "verify" && flags.Has("file");
  const size_t wanted = verb == "compare" ? 3 : offline ? 1 : 2;
  static const auto& verbs = *new std::map<std::string, std::string>{
      {"allocate", "fairs"},       {"publish", "allocations"}, {"explain", "applications"},
      {"simulate", "allocations"}, {"compare", "allocations"}, {"bundle", "allocations"},
      {"verify", "allocations"},   {"draw", "floorPlans"}};
  const auto of_verb = verbs.find(verb);
  if (of_verb == verbs.end() || args.size() != wanted) {
    return UsageError(
        "fair takes allocate FAIR, publish ALLOCATION, explain APPLICATION, simulate ALLOCATION, "
        "compare ALLOCATION ALLOCATION, bundle ALLOCATION, verify ALLOCATION or draw FLOOR_PLAN");
  }
  if (offline) return Fair(session, flags, nullptr).Verify("");
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const auto collection = (*catalog)->Find(of_verb->second);
  if (!collection.ok()) return collection.status();
  std::vector<std::string> names;
  for (size_t i = 1; i < args.size(); ++i) {
    const auto name = (*collection)->NameOf(args[i]);
    if (!name.ok()) return name.status();
    names.push_back(*name);
  }
  const auto connection = session.connection();
  Fair fair(session, flags, *connection);
  if (verb == "allocate") return fair.Allocate(names[0]);
  if (verb == "publish") return fair.Publish(names[0]);
  if (verb == "explain") return fair.Explain(names[0]);
  if (verb == "simulate") return fair.Simulate(names[0]);
  if (verb == "compare") return fair.Compare(names[0], names[1]);
  if (verb == "bundle") return fair.Bundle(names[0]);
  if (verb == "verify") return fair.Verify(names[0]);
  return fair.Draw(names[0]);
}

}  // namespace

Command FairCommand() {
  return {
      .name = "fair",
      .arguments =
          "allocate FAIR | publish RUN | explain APPLICATION | simulate RUN | "
          "compare RUN RUN | bundle RUN | verify RUN | draw PLAN",
      .summary = "give the booths of a fair, explain and check it",
      .details =
          "allocate freezes what a stage is decided from and runs it; publish gives the\n"
          "applications what a run decided, by another person. explain says why an application\n"
          "got what it got. simulate runs the same inputs by other rules, which a file has under\n"
          "`rules`; compare says who fares how by both. bundle writes all that an outsider needs "
          "to compute a published run\n"
          "again, and verify does that, from the server or from a file that needs no server; it\n"
          "ends with 10 where something is not as it should be. draw writes a floor plan.\n"
          "For example\n\n"
          "  caravanctl fair allocate canton-136 --stage general\n"
          "  caravanctl fair explain fairs/canton-136/applications/a000017\n"
          "  caravanctl fair bundle fairs/canton-136/allocations/4 >bundle.json\n"
          "  caravanctl fair verify --file bundle.json\n"
          "  caravanctl fair draw fairs/canton-136/floorPlans/1-11.2 --color-by state >11.2.svg\n",
      .flags = {{"stage", "STAGE", "allocate: brand, general or placement"},
                {"waiting-list", "", "allocate: give what was returned to those who wait"},
                {"snapshot", "NAME", "allocate: run this snapshot instead of a new one"},
                {"freeze", "", "allocate: only freeze"},
                {"dry-run", "", "allocate: compute, and keep nothing"},
                {"allocation", "NAME", "explain: this run, rather than the one that decided last"},
                {"filename", "FILE", "simulate: the other rules (YAML or JSON)", 'f'},
                {"file", "FILE", "verify: what bundle has written"},
                {"format", "FORMAT", "draw: svg or geojson"},
                {"color-by", "WHAT", "draw: state, delegation or product-group; else by section"},
                OutputFlag("explain: table, json or yaml")},
      .run = RunFair,
      .completes = Completes::kWords,
      .words = {"allocate", "publish", "explain", "simulate", "compare", "bundle", "verify",
                "draw"},
      .collection = "fairs"};
}

}  // namespace caravan::cli
