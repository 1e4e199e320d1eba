#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/applications_service.h"
#include "services/fairs/digest.h"
#include "services/fairs/eligibility.h"
#include "services/fairs/firms.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/runs.h"
#include "services/fairs/snapshot.h"

namespace caravan::fairs {

using google::protobuf::util::TimeUtil;
using operations::OperationContext;
using resources::Registry;
using v1::Application;

namespace {

// Names that zones is asked for at a time, and how long it may take.
constexpr size_t kFirmsAtATime = 1000;
constexpr absl::Duration kPatience = absl::Seconds(30);

// What a stage is decided from, as it was at one moment.
struct Frozen {
  v1::Fair fair;
  std::vector<v1::Section> sections;  // by name
  std::vector<SectionSources> sources;
  // What the eligibility of each application that takes part rests on, but for its firms.
  struct Candidate {
    size_t section;
    size_t application;  // of the section's sources
    EligibilityFacts facts;
  };
  std::vector<Candidate> candidates;
};

absl::Status ReadFloors(const Registry& registry, store::Reader& reader, Frozen& frozen) {
  std::vector<v1::Hall> halls;
  absl::Status s = resources::VisitBelow<v1::Hall>(registry, reader, {frozen.fair.name()},
                                                   [&](const v1::Hall& hall) {
                                                     halls.push_back(hall);
                                                     return true;
                                                   });
  if (!s.ok()) return s;
  return resources::VisitBelow<v1::FloorPlan>(
      registry, reader, {frozen.fair.name()}, [&](const v1::FloorPlan& plan) {
        const auto hall = std::find_if(halls.begin(), halls.end(),
                                       [&](const auto& h) { return h.name() == plan.hall(); });
        if (hall == halls.end()) return true;
        std::set<std::string_view> of_plan;
        for (const auto& span : plan.spans()) of_plan.insert(span.section());
        for (size_t i = 0; i < frozen.sections.size(); ++i) {
          if (of_plan.count(frozen.sections[i].name()) != 0) {
            frozen.sources[i].floors.push_back({*hall, plan});
          }
        }
        return true;
      });
}

// Only what takes part or holds booths.
absl::Status ReadApplications(const Registry& registry, store::Reader& reader,
                              const v1::Snapshot& snapshot, Frozen& frozen) {
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < frozen.sections.size(); ++i) index[frozen.sections[i].name()] = i;
  return resources::VisitBelow<Application>(
      registry, reader, {frozen.fair.name()}, [&](const Application& application) {
        const auto section = index.find(application.section());
        if (section != index.end() &&
            (TakesPart(application, snapshot.stage(), snapshot.waiting_list()) ||
             HoldsBooths(application, snapshot.waiting_list()))) {
          frozen.sources[section->second].applications.push_back(application);
        }
        return true;
      });
}

absl::Status ReadAll(const Registry& registry, const OperationContext& context,
                     store::Reader& reader, const v1::Snapshot& snapshot, Frozen& frozen) {
  frozen = {};
  auto fair = resources::Require<v1::Fair>(registry, reader, EditionOf(snapshot.name()));
  if (!fair.ok()) return fair.status();
  frozen.fair = *std::move(fair);
  absl::Status s = resources::VisitBelow<v1::Section>(
      registry, reader, {frozen.fair.name()}, [&](const v1::Section& section) {
        // The special area has positions only.
        if (section.kind() == v1::Section::REGULAR || snapshot.stage() == v1::PLACEMENT) {
          frozen.sections.push_back(section);
        }
        return true;
      });
  if (!s.ok()) return s;
  frozen.sources.resize(frozen.sections.size());
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < frozen.sections.size(); ++i) {
    frozen.sources[i].fair = &frozen.fair;
    frozen.sources[i].section = &frozen.sections[i];
    frozen.sources[i].stage = snapshot.stage();
    frozen.sources[i].waiting_list = snapshot.waiting_list();
    index[frozen.sections[i].name()] = i;
  }
  s = resources::VisitBelow<v1::Quota>(registry, reader, {frozen.fair.name()},
                                       [&](const v1::Quota& quota) {
                                         const auto section = index.find(quota.section());
                                         if (section != index.end()) {
                                           frozen.sources[section->second].quotas.push_back(quota);
                                         }
                                         return true;
                                       });
  if (!s.ok()) return s;
  if (s = ReadApplications(registry, reader, snapshot, frozen); !s.ok()) return s;
  if (snapshot.stage() == v1::PLACEMENT) return ReadFloors(registry, reader, frozen);
  for (size_t i = 0; i < frozen.sources.size(); ++i) {
    const std::vector<Application>& applications = frozen.sources[i].applications;
    for (size_t j = 0; j < applications.size(); ++j) {
      if (!TakesPart(applications[j], snapshot.stage(), snapshot.waiting_list())) continue;
      auto facts = ReadFacts(registry, reader, applications[j], frozen.fair, frozen.sections[i],
                             context.caller().today);
      if (!facts.ok()) return facts.status();
      frozen.candidates.push_back({i, j, *std::move(facts)});
    }
  }
  return absl::OkStatus();
}

// Asks zones for the firms of all candidates, and says of each why it takes no part.
absl::Status Exclude(const peers::Peer& zones, OperationContext& context, Frozen& frozen) {
  std::set<std::string> unique;
  for (const Frozen::Candidate& candidate : frozen.candidates) {
    const auto& application = frozen.sources[candidate.section].applications[candidate.application];
    for (std::string& firm : FirmsOf(application)) unique.insert(std::move(firm));
  }
  const std::vector<std::string> names(unique.begin(), unique.end());
  std::map<std::string, Firm, std::less<>> firms;
  for (size_t begin = 0; begin < names.size(); begin += kFirmsAtATime) {
    if (context.cancelled()) return context.CancelledStatus();
    context.SetProgress(static_cast<int64_t>(begin), static_cast<int64_t>(names.size()),
                        "Asking for the standing of firms");
    const size_t end = std::min(names.size(), begin + kFirmsAtATime);
    auto asked = AskFirms(zones, zones.Options(absl::Now() + kPatience, ""),
                          {names.begin() + static_cast<std::ptrdiff_t>(begin),
                           names.begin() + static_cast<std::ptrdiff_t>(end)},
                          context.caller().today);
    if (!asked.ok()) return asked.status();
    for (Firm& firm : *asked) firms.emplace(firm.name, std::move(firm));
  }
  for (Frozen::Candidate& candidate : frozen.candidates) {
    SectionSources& sources = frozen.sources[candidate.section];
    const Application& application = sources.applications[candidate.application];
    for (const std::string& name : FirmsOf(application)) {
      if (const auto firm = firms.find(name); firm != firms.end()) {
        candidate.facts.firms.push_back(firm->second);
      }
    }
    std::string exclusion = ExclusionOf(CheckEligibility(application, candidate.facts));
    if (!exclusion.empty()) sources.exclusions[application.name()] = std::move(exclusion);
  }
  return absl::OkStatus();
}

absl::Status MakeInputs(OperationContext& context, const Frozen& frozen, v1::Snapshot& snapshot,
                        std::vector<v1::SectionInputs>& inputs) {
  std::vector<std::string> digests;
  int64_t applications = 0;
  for (const SectionSources& sources : frozen.sources) {
    if (context.cancelled()) return context.CancelledStatus();
    v1::SectionInputs& made = inputs.emplace_back(MakeSectionInputs(sources));
    made.set_name(
        absl::StrCat(snapshot.name(), "/sectionInputs/", LastSegment(sources.section->name())));
    auto digest = DigestOfInputs(made);
    if (!digest.ok()) return digest.status();
    made.set_digest(*digest);
    digests.push_back(*std::move(digest));
    snapshot.add_sections(sources.section->name());
    applications += made.applications_size();
    context.SetProgress(static_cast<int64_t>(inputs.size()),
                        static_cast<int64_t>(frozen.sources.size()), "Freezing sections");
  }
  *snapshot.mutable_rules() = frozen.fair.rules();
  snapshot.set_applications(static_cast<int32_t>(applications));
  snapshot.set_digest(DigestOfSnapshot(digests));
  return absl::OkStatus();
}

absl::Status Freeze(const Registry& registry, const peers::Peer& zones, OperationContext& context,
                    v1::Snapshot& snapshot) {
  context.SetProgress(0, 0, "Reading applications");
  Frozen frozen;
  absl::Status s = context.Read(
      [&](store::Reader& reader) { return ReadAll(registry, context, reader, snapshot, frozen); });
  if (!s.ok()) return s;
  if (s = Exclude(zones, context, frozen); !s.ok()) return s;
  std::vector<v1::SectionInputs> inputs;
  if (s = MakeInputs(context, frozen, snapshot, inputs); !s.ok()) return s;
  return context.Write([&, made = snapshot](store::Transaction& tx) mutable -> absl::Status {
    const resources::Caller caller = context.caller().Unrestricted();
    resources::Writer writer(registry, caller, tx);
    const resources::Collection& collection =
        *registry.FindByMessage(*v1::SectionInputs::descriptor());
    for (const v1::SectionInputs& of_section : inputs) {
      v1::SectionInputs copy = of_section;
      auto written = writer.Write(collection, nullptr, copy, resources::WriteKind::kCreate, "");
      if (!written.ok()) return written.status();
    }
    auto changed = writer.Change<v1::Snapshot>(made.name(), [&](v1::Snapshot& stored) {
      *stored.mutable_rules() = made.rules();
      *stored.mutable_sections() = made.sections();
      stored.set_applications(made.applications());
      stored.set_digest(made.digest());
      *stored.mutable_freeze_time() =
          TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(context.now()));
      stored.set_state(v1::Snapshot::FROZEN);
      return absl::OkStatus();
    });
    if (changed.ok()) snapshot = *std::move(changed);
    return changed.status();
  });
}

}  // namespace

absl::StatusOr<v1::Snapshot> FreezeSnapshot(const Registry& registry, const peers::Peer& zones,
                                            OperationContext& context,
                                            const v1::Snapshot& snapshot) {
  v1::Snapshot frozen = snapshot;
  absl::Status s = Freeze(registry, zones, context, frozen);
  if (s.ok()) return frozen;
  // Whoever goes on will freeze it.
  if (context.interrupted() || context.stopping()) return s;
  absl::Status marked = context.Write([&](store::Transaction& tx) {
    const resources::Caller caller = context.caller().Unrestricted();
    resources::Writer writer(registry, caller, tx);
    return writer
        .Change<v1::Snapshot>(snapshot.name(),
                              [](v1::Snapshot& stored) {
                                stored.set_state(v1::Snapshot::FAILED);
                                return absl::OkStatus();
                              })
        .status();
  });
  return marked.ok() ? s : marked;
}

}  // namespace caravan::fairs
