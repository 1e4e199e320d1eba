#include "services/fairs/exhibits.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/application.h"

namespace caravan::fairs {

using resources::Registry;
using v1::Application;

namespace {

constexpr Application::Kind kKinds[] = {Application::BRAND, Application::GENERAL,
                                        Application::SPECIAL};

// No name contains a line feed.
std::string PlaceKey(const std::string& section, Application::Kind kind,
                     const std::string& exhibitor) {
  return absl::StrCat("exhibits/", section, "\n", Application::Kind_Name(kind), "\n", exhibitor);
}

std::string PartnerKey(const std::string& section, const std::string& partner) {
  return absl::StrCat("hosted/", section, "\n", partner);
}

// The application that a row names; nothing where there is none, or it is no more.
absl::StatusOr<std::optional<Application>> HolderOf(const Registry& registry, store::Reader& reader,
                                                    const std::string& key) {
  absl::StatusOr<std::optional<store::Row>> row = reader.Get(resources::kGuards, key);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  return registry.Lookup<Application>(reader, (*row)->data);
}

// The application of an exhibitor and kind in a section.
absl::StatusOr<std::optional<Application>> ApplicationOf(const Registry& registry,
                                                         store::Reader& reader,
                                                         const std::string& section,
                                                         Application::Kind kind,
                                                         const std::string& exhibitor) {
  auto found = HolderOf(registry, reader, PlaceKey(section, kind, exhibitor));
  if (!found.ok() || !found->has_value()) return found;
  // One that was loaded anew may have become another's.
  const Application& one = **found;
  if (one.section() != section || one.kind() != kind || ExhibitorOf(one) != exhibitor) {
    return std::nullopt;
  }
  return found;
}

// The application under way that hosts a firm in a section.
absl::StatusOr<std::optional<Application>> HostOf(const Registry& registry, store::Reader& reader,
                                                  const std::string& section,
                                                  const std::string& partner) {
  auto found = HolderOf(registry, reader, PartnerKey(section, partner));
  if (!found.ok() || !found->has_value()) return found;
  const auto& partners = (*found)->joint_partners();
  if ((*found)->section() != section || !IsUnderWay(**found) ||
      std::find(partners.begin(), partners.end(), partner) == partners.end()) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

absl::Status TakePlace(const resources::Writing& writing, const Application& application) {
  const std::string& exhibitor = ExhibitorOf(application);
  auto other = ApplicationOf(writing.registry, writing.tx, application.section(),
                             application.kind(), exhibitor);
  if (!other.ok()) return other.status();
  if (other->has_value() && (*other)->name() != application.name() &&
      (*other)->state() != Application::WITHDRAWN) {
    const auto& type = *writing.registry.FindByMessage(*Application::descriptor())->type;
    const bool known = writing.caller.Permits(type, **other);
    return api::Error(
               absl::StatusCode::kAlreadyExists, "APPLICATION_EXISTS",
               absl::StrCat(exhibitor, " has an application of kind ",
                            Application::Kind_Name(application.kind()), " in ",
                            application.section(), " already",
                            known ? absl::StrCat(": ", (*other)->name()) : "", "; it can have one"))
        .With("resource", known ? (*other)->name() : application.section())
        .With("exhibitor", exhibitor)
        .Field("section", "has an application of this exhibitor and kind");
  }
  writing.tx.Put(resources::kGuards, PlaceKey(application.section(), application.kind(), exhibitor),
                 application.name());
  return absl::OkStatus();
}

void TakePartners(store::Transaction& tx, const Application& application) {
  for (const std::string& partner : application.joint_partners()) {
    tx.Put(resources::kGuards, PartnerKey(application.section(), partner), application.name());
  }
}

absl::StatusOr<std::vector<Application>> OthersOf(const Registry& registry, store::Reader& reader,
                                                  const Application& application) {
  std::vector<Application> others;
  if (application.enterprise().empty()) return others;
  for (Application::Kind kind : kKinds) {
    if (kind == application.kind()) continue;
    auto other =
        ApplicationOf(registry, reader, application.section(), kind, application.enterprise());
    if (!other.ok()) return other.status();
    if (other->has_value()) others.push_back(**std::move(other));
  }
  return others;
}

absl::StatusOr<std::vector<Exhibit>> ExhibitsOf(const Registry& registry, store::Reader& reader,
                                                const Application& application) {
  std::vector<Exhibit> exhibits;
  const std::string& section = application.section();
  std::vector<std::string> firms(application.joint_partners().begin(),
                                 application.joint_partners().end());
  if (!application.enterprise().empty()) firms.push_back(application.enterprise());
  for (const std::string& firm : firms) {
    auto host = HostOf(registry, reader, section, firm);
    if (!host.ok()) return host.status();
    if (host->has_value() && (*host)->name() != application.name()) {
      exhibits.push_back({firm, true});
    }
    if (firm == application.enterprise()) continue;
    for (Application::Kind kind : kKinds) {
      auto own = ApplicationOf(registry, reader, section, kind, firm);
      if (!own.ok()) return own.status();
      if (own->has_value() && IsUnderWay(**own)) exhibits.push_back({firm, false});
    }
  }
  return exhibits;
}

}  // namespace caravan::fairs
