#include "services/fairs/sections_service.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/fairs/eligibility.h"
#include "services/fairs/names.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using resources::Registry;
using resources::WriteKind;
using resources::Writing;
using v1::Allocation;
using v1::Quota;
using v1::Sanction;
using v1::Section;

namespace {

// FAILED_PRECONDITION where a run of stage GENERAL is published.
absl::Status CheckNotPublished(const Registry& registry, store::Reader& reader,
                               const std::string& fair) {
  if (absl::Status s = resources::WatchReferences(reader, fair); !s.ok()) return s;
  std::vector<std::string> runs;
  absl::Status s = resources::VisitBelow<Allocation>(registry, reader, {.parent = fair},
                                                     [&](const Allocation& allocation) {
                                                       if (allocation.stage() == v1::GENERAL) {
                                                         runs.push_back(allocation.name());
                                                       }
                                                       return true;
                                                     });
  if (!s.ok()) return s;
  for (const std::string& name : runs) {
    auto run = registry.Lookup<Allocation>(reader, name);
    if (!run.ok()) return run.status();
    if (!run->has_value() || (*run)->state() != Allocation::PUBLISHED) continue;
    return api::Error(absl::StatusCode::kFailedPrecondition, "ALLOCATION_PUBLISHED",
                      absl::StrCat("the quotas of ", fair, " have been used by ", name,
                                   ", which is published; they can no longer be divided"))
        .With("resource", name)
        .Precondition("STATE", name, "is PUBLISHED");
  }
  return absl::OkStatus();
}

// The names of the quotas of a section.
absl::StatusOr<std::vector<std::string>> QuotasOf(const Registry& registry, store::Reader& reader,
                                                  const Section& section) {
  if (absl::Status s = resources::WatchReferences(reader, section.name()); !s.ok()) return s;
  std::vector<std::string> names;
  absl::Status s = resources::VisitBelow<Quota>(
      registry, reader,
      {.parent = std::string(EditionOf(section.name())), .only = {{"section", section.name()}}},
      [&](const Quota& quota) {
        names.push_back(quota.name());
        return true;
      });
  if (!s.ok()) return s;
  return names;
}

// Whether a sanction on a delegation keeps it out of general booths of a section.
absl::StatusOr<bool> IsBarred(const Registry& registry, store::Reader& reader,
                              const std::string& delegation, const Section& section,
                              int32_t edition) {
  if (absl::Status s = resources::WatchReferences(reader, delegation); !s.ok()) return s;
  std::vector<std::string> names;
  absl::Status s = resources::Visit<Sanction>(
      registry, reader, "delegation", {delegation},
      [&](const Sanction& sanction) { names.push_back(sanction.name()); });
  if (!s.ok()) return s;
  bool barred = false;
  for (const std::string& name : names) {
    // By key, so that whoever lifts it meanwhile makes this run again.
    auto sanction = registry.Lookup<Sanction>(reader, name);
    if (!sanction.ok()) return sanction.status();
    barred |= sanction->has_value() && IsRunning(**sanction, edition) &&
              KeepsOut(**sanction, section, v1::Application::GENERAL);
  }
  return barred;
}

}  // namespace

absl::Status PrepareSection(const Writing& writing, const Section*, Section& after) {
  auto fair = writing.registry.Lookup<v1::Fair>(writing.reader, EditionOf(after.name()));
  if (!fair.ok()) return fair.status();
  // One that does not exist is left to the check of references.
  if (!fair->has_value()) return absl::OkStatus();
  return CheckSection(after, **fair);
}

absl::Status PrepareQuota(const Writing& writing, const Quota*, Quota& after) {
  auto section = writing.registry.Lookup<Section>(writing.reader, after.section());
  if (!section.ok()) return section.status();
  return CheckQuota(after, section->has_value() ? &**section : nullptr);
}

absl::StatusOr<v1::DivideQuotasResponse> SectionsService::DivideQuotas(
    rpc::Call& call, store::Transaction& tx, const v1::DivideQuotasRequest& request) {
  resources::Writer writer(registry_, call.caller, tx);
  const auto& sections = *registry_.FindByMessage(*Section::descriptor());
  auto stored = writer.ReadForChange(sections, request.name(), request.etag(), "etag");
  if (!stored.ok()) return stored.status();
  const Section& section = static_cast<const Section&>(*stored->message);
  const std::string edition(EditionOf(section.name()));
  auto fair = resources::Require<v1::Fair>(registry_, tx, edition);
  if (!fair.ok()) return fair.status();
  if (absl::Status s = CheckNotPublished(registry_, tx, edition); !s.ok()) return s;

  auto names = QuotasOf(registry_, tx, section);
  if (!names.ok()) return names.status();
  std::vector<Quota> quotas;
  std::vector<bool> barred;
  for (const std::string& name : *names) {
    // By key, so that whoever changes it meanwhile makes this run again.
    auto quota = registry_.Lookup<Quota>(tx, name);
    if (!quota.ok()) return quota.status();
    if (!quota->has_value()) continue;
    auto out = IsBarred(registry_, tx, (*quota)->delegation(), section, fair->edition());
    if (!out.ok()) return out.status();
    quotas.push_back(**std::move(quota));
    barred.push_back(*out);
  }
  auto divided = fairs::DivideQuotas(section, fair->rules(), quotas, barred);
  if (!divided.ok()) return divided.status();

  // Who may divide a section's booths may say so in its quotas.
  const resources::Caller unrestricted = call.caller.Unrestricted();
  resources::Writer quota_writer(registry_, unrestricted, tx);
  v1::DivideQuotasResponse response;
  for (size_t i = 0; i < quotas.size(); ++i) {
    auto quota = quota_writer.Change<Quota>(quotas[i].name(), [&](Quota& after) {
      after.set_booths(static_cast<int32_t>(divided->booths[i]));
      return absl::OkStatus();
    });
    if (!quota.ok()) return quota.status();
    *response.add_quotas() = *std::move(quota);
  }
  response.set_left(static_cast<int32_t>(divided->left));
  return response;
}

}  // namespace caravan::fairs
