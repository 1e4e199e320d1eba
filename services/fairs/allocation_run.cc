#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/digest.h"
#include "services/fairs/names.h"
#include "services/fairs/runs.h"
#include "services/fairs/section_run.h"

namespace caravan::fairs {

using operations::OperationContext;
using resources::Registry;
using v1::Allocation;

namespace {

absl::StatusOr<v1::SectionInputs> ReadInputs(const Registry& registry, OperationContext& context,
                                             const std::string& snapshot,
                                             const std::string& section) {
  v1::SectionInputs inputs;
  absl::Status s = context.Read([&](store::Reader& reader) {
    auto read = resources::Require<v1::SectionInputs>(
        registry, reader, absl::StrCat(snapshot, "/sectionInputs/", LastSegment(section)));
    if (read.ok()) inputs = *std::move(read);
    return read.status();
  });
  if (!s.ok()) return s;
  return inputs;
}

void Count(const v1::SectionInputs& inputs, const v1::SectionResult& result,
           Allocation& allocation) {
  allocation.set_applications(allocation.applications() + inputs.applications_size());
  allocation.set_firms(allocation.firms() + result.firms());
  allocation.set_booths(allocation.booths() + result.booths());
  allocation.set_left_booths(allocation.left_booths() + result.left_booths());
  for (const auto& bound : result.bounds()) {
    allocation.set_booths_bound(allocation.booths_bound() + bound.bound());
  }
}

absl::Status Compute(const Registry& registry, OperationContext& context, Allocation& allocation,
                     std::vector<v1::SectionResult>& results) {
  std::vector<std::string> digests;
  for (const std::string& section : allocation.sections()) {
    if (context.cancelled()) return context.CancelledStatus();
    context.SetProgress(static_cast<int64_t>(results.size()), allocation.sections_size(),
                        absl::StrCat("Computing ", LastSegment(section)));
    auto inputs = ReadInputs(registry, context, allocation.snapshot(), section);
    if (!inputs.ok()) return inputs.status();
    auto result = RunSection(allocation.rules(), *inputs, allocation.seed());
    if (!result.ok()) return result.status();
    digests.push_back(result->digest());
    Count(*inputs, *result, allocation);
    // A dry run keeps none.
    if (!allocation.name().empty()) {
      result->set_name(absl::StrCat(allocation.name(), "/sectionResults/", LastSegment(section)));
      results.push_back(*std::move(result));
    }
  }
  auto rules = DigestOfRules(allocation.rules());
  if (!rules.ok()) return rules.status();
  allocation.set_rules_digest(*std::move(rules));
  allocation.set_digest(DigestOfAllocation(allocation.inputs_digest(), allocation.rules_digest(),
                                           allocation.seed(), digests));
  return absl::OkStatus();
}

absl::Status Keep(const Registry& registry, OperationContext& context, Allocation& allocation,
                  const std::vector<v1::SectionResult>& results) {
  return context.Write([&, computed = allocation](store::Transaction& tx) -> absl::Status {
    const resources::Caller caller = context.caller().Unrestricted();
    resources::Writer writer(registry, caller, tx);
    bool cancelled = false;
    auto changed = writer.Change<Allocation>(computed.name(), [&](Allocation& stored) {
      cancelled = stored.state() != Allocation::RUNNING;
      if (cancelled) return absl::OkStatus();
      const Allocation before = stored;
      stored = computed;
      stored.set_etag(before.etag());
      *stored.mutable_create_time() = before.create_time();
      *stored.mutable_update_time() = before.update_time();
      stored.set_operation(before.operation());
      stored.set_state(Allocation::PROPOSED);
      return absl::OkStatus();
    });
    if (!changed.ok()) return changed.status();
    allocation = *std::move(changed);
    if (cancelled) return absl::OkStatus();
    const resources::Collection& collection =
        *registry.FindByMessage(*v1::SectionResult::descriptor());
    for (const v1::SectionResult& result : results) {
      v1::SectionResult copy = result;
      auto written = writer.Write(collection, nullptr, copy, resources::WriteKind::kCreate, "");
      if (!written.ok()) return written.status();
    }
    if (!computed.simulation_of().empty()) return absl::OkStatus();
    // A proposal is of no use once there is a newer one.
    return SupersedeRuns(registry, caller, tx, EditionOf(allocation.name()), allocation.stage(),
                         [&](const Allocation& run) {
                           return run.state() == Allocation::PROPOSED &&
                                  run.name() != allocation.name();
                         });
  });
}

absl::Status MarkEnded(const Registry& registry, OperationContext& context,
                       const Allocation& allocation, Allocation::State state) {
  return context.Write([&](store::Transaction& tx) {
    const resources::Caller caller = context.caller().Unrestricted();
    resources::Writer writer(registry, caller, tx);
    return writer
        .Change<Allocation>(allocation.name(),
                            [&](Allocation& stored) {
                              if (stored.state() == Allocation::RUNNING) stored.set_state(state);
                              return absl::OkStatus();
                            })
        .status();
  });
}

}  // namespace

absl::StatusOr<Allocation> RunAllocation(const Registry& registry, OperationContext& context,
                                         const Allocation& allocation) {
  Allocation computed = allocation;
  std::vector<v1::SectionResult> results;
  absl::Status s = Compute(registry, context, computed, results);
  if (s.ok() && computed.name().empty()) return computed;
  if (s.ok()) s = Keep(registry, context, computed, results);
  if (s.ok() && computed.state() == Allocation::CANCELLED) {
    return api::Error(absl::StatusCode::kCancelled, "ALLOCATION_CANCELLED",
                      absl::StrCat(computed.name(), " was cancelled"))
        .With("resource", computed.name());
  }
  if (s.ok()) return computed;
  // Whoever goes on will compute it.
  if (computed.name().empty() || context.interrupted() || context.stopping()) return s;
  absl::Status marked =
      MarkEnded(registry, context, computed,
                absl::IsCancelled(s) ? Allocation::CANCELLED : Allocation::FAILED);
  return marked.ok() ? s : marked;
}

}  // namespace caravan::fairs
