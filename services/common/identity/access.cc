#include "services/common/identity/access.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/identity/watched_file.h"
#include "services/common/settings/yaml.h"

namespace caravan::identity {
namespace {

using caravan::api::v1::AccessPolicy;
using caravan::api::v1::Binding;

constexpr std::string_view kEverything = "*";
constexpr std::string_view kAnyUser = "users/*";
constexpr std::string_view kAnyService = "services/*";

// A pattern such as `zones.*.get`: three parts, each a word or `*`.
using PermissionPattern = std::array<std::string, 3>;

bool IsWord(std::string_view part) {
  return !part.empty() &&
         std::all_of(part.begin(), part.end(), [](char c) { return absl::ascii_isalnum(c); });
}

std::optional<PermissionPattern> ParsePattern(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  if (parts.size() > 3) return std::nullopt;
  for (const std::string& part : parts) {
    if (part != kEverything && !IsWord(part)) return std::nullopt;
  }
  // A `*` at the end stands for any rest.
  if (parts.size() < 3 && parts.back() != kEverything) return std::nullopt;
  PermissionPattern pattern{"*", "*", "*"};
  std::copy(parts.begin(), parts.end(), pattern.begin());
  return pattern;
}

bool Matches(const PermissionPattern& pattern, std::string_view permission) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    const size_t end = i == 2 ? permission.size() : permission.find('.');
    if (end == std::string_view::npos) return false;
    if (pattern[i] != kEverything && pattern[i] != permission.substr(0, end)) return false;
    permission.remove_prefix(std::min(end + 1, permission.size()));
  }
  return true;
}

// Whether `text` is a resource name: segments without `*`, between slashes.
bool IsResourceName(std::string_view text) {
  for (const std::string_view segment : absl::StrSplit(text, '/')) {
    if (segment.empty() || absl::StrContains(segment, kEverything)) return false;
  }
  return true;
}

absl::Status Malformed(std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_POLICY", std::move(message));
}

// The permissions of a role.
struct CompiledRole {
  absl::flat_hash_set<std::string> exact;
  std::vector<PermissionPattern> patterns;  // those with a `*`

  bool Includes(std::string_view permission) const {
    if (exact.contains(permission)) return true;
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const auto& pattern) { return Matches(pattern, permission); });
  }
};

// A role, and on what a principal holds it.
struct Holding {
  int role = 0;
  bool everywhere = false;
  absl::flat_hash_set<std::string> prefixes;

  // Whether a resource, or one above it, is among the prefixes.
  bool Covers(std::string_view resource) const {
    if (everywhere) return true;
    while (!prefixes.empty() && !resource.empty()) {
      if (prefixes.contains(resource)) return true;
      const size_t slash = resource.rfind('/');
      resource = resource.substr(0, slash == std::string_view::npos ? 0 : slash);
    }
    return false;
  }
};

using Holdings = std::vector<Holding>;

void Hold(int role, const std::string& resource, Holdings* holdings) {
  auto it = std::find_if(holdings->begin(), holdings->end(),
                         [&](const Holding& holding) { return holding.role == role; });
  if (it == holdings->end()) it = holdings->insert(it, Holding{role, false, {}});
  if (resource == kEverything) {
    it->everywhere = true;
  } else {
    it->prefixes.insert(resource);
  }
}

}  // namespace

class CompiledPolicy {
 public:
  static absl::StatusOr<std::shared_ptr<const CompiledPolicy>> Compile(const AccessPolicy& policy) {
    auto compiled = std::make_shared<CompiledPolicy>();
    absl::flat_hash_map<std::string, int> roles;
    for (const auto& role : policy.roles()) {
      if (role.name().empty()) return Malformed("a role has no name");
      if (!roles.emplace(role.name(), compiled->roles_.size()).second) {
        return Malformed(absl::StrCat("the role ", role.name(), " is there twice"));
      }
      CompiledRole& target = compiled->roles_.emplace_back();
      for (const std::string& permission : role.permissions()) {
        const auto pattern = ParsePattern(permission);
        if (!pattern) {
          return Malformed(absl::StrCat(
              "the permission ", api::Quoted(permission), " of the role ", role.name(),
              " should be <service>.<collection>.<verb>, with `*` for any part or, at the end, for "
              "any rest"));
        }
        if (absl::StrContains(permission, kEverything)) {
          target.patterns.push_back(*pattern);
        } else {
          target.exact.insert(permission);
        }
      }
    }
    for (const Binding& binding : policy.bindings()) {
      const auto role = roles.find(binding.role());
      if (role == roles.end()) return UnknownRole(binding, policy);
      if (absl::Status status = CheckBinding(binding); !status.ok()) return status;
      Hold(role->second, binding.resource(), &compiled->holdings_[binding.principal()]);
    }
    compiled->AddWildcards();
    return compiled;
  }

  // Calls `visit` with each holding of the principal whose role includes the
  // permission, until it returns false.
  template <typename Visit>
  void ForEachHolding(const Principal& principal, std::string_view permission, Visit visit) const {
    auto it = holdings_.find(principal.name);
    if (it == holdings_.end()) it = holdings_.find(AnyOfKind(principal.name));
    if (it == holdings_.end()) return;
    for (const Holding& holding : it->second) {
      if (roles_[holding.role].Includes(permission) && !visit(holding)) return;
    }
  }

 private:
  static std::string_view AnyOfKind(std::string_view principal) {
    return absl::StartsWith(principal, "users/") ? kAnyUser : kAnyService;
  }

  static absl::Status UnknownRole(const Binding& binding, const AccessPolicy& policy) {
    std::vector<std::string> names;
    for (const auto& role : policy.roles()) names.push_back(role.name());
    return Malformed(absl::StrCat("the binding of ", api::Quoted(binding.principal()),
                                  " names the role ", api::Quoted(binding.role()),
                                  ", which is not defined.",
                                  settings::Suggest(binding.role(), names)));
  }

  static absl::Status CheckBinding(const Binding& binding) {
    if (binding.principal() != kAnyUser && binding.principal() != kAnyService &&
        !ParsePrincipal(binding.principal())) {
      return Malformed(absl::StrCat("the principal ", api::Quoted(binding.principal()),
                                    " of a binding should be users/<id>, services/<id>, users/* "
                                    "or services/*"));
    }
    if (binding.resource() != kEverything && !IsResourceName(binding.resource())) {
      return Malformed(absl::StrCat(
          "the resource ", api::Quoted(binding.resource()), " of a binding of ",
          binding.principal(), " should be a resource name such as pilotZones/hangzhou, or *"));
    }
    return absl::OkStatus();
  }

  // Everybody holds what is bound to everybody of their kind.
  void AddWildcards() {
    for (auto& [principal, holdings] : holdings_) {
      const std::string_view any = AnyOfKind(principal);
      const auto wildcard = holdings_.find(any);
      if (wildcard == holdings_.end() || principal == any) continue;
      for (const Holding& holding : wildcard->second) {
        if (holding.everywhere) Hold(holding.role, std::string(kEverything), &holdings);
        for (const std::string& prefix : holding.prefixes) Hold(holding.role, prefix, &holdings);
      }
    }
  }

  std::vector<CompiledRole> roles_;
  absl::flat_hash_map<std::string, Holdings> holdings_;  // by principal
};

namespace {

class WatchedAccessControl final : public AccessControl {
 public:
  WatchedAccessControl(const std::string& file, absl::Duration interval)
      : watcher_("access policy", file, interval, [this, file]() -> absl::Status {
          const absl::StatusOr<AccessPolicy> policy = ReadPolicy(file);
          return policy.ok() ? SetPolicy(*policy) : policy.status();
        }) {}

  absl::Status Start() { return watcher_.Start(); }

 private:
  FileWatcher watcher_;
};

}  // namespace

AccessControl::AccessControl() : policy_(std::make_shared<const CompiledPolicy>()) {}

AccessControl::~AccessControl() = default;

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Create(const AccessPolicy& policy) {
  std::unique_ptr<AccessControl> access(new AccessControl);
  if (absl::Status status = access->SetPolicy(policy); !status.ok()) return status;
  return access;
}

absl::StatusOr<std::unique_ptr<AccessControl>> AccessControl::Watch(const std::string& file,
                                                                    absl::Duration interval) {
  auto access = std::make_unique<WatchedAccessControl>(file, interval);
  if (absl::Status status = access->Start(); !status.ok()) return status;
  return access;
}

absl::StatusOr<AccessPolicy> AccessControl::ReadPolicy(const std::string& file) {
  const absl::StatusOr<std::string> text = settings::ReadFile(file);
  if (!text.ok()) return text.status();
  AccessPolicy policy;
  if (absl::Status status = settings::ParseYaml(*text, file, &policy); !status.ok()) return status;
  if (absl::Status status = CompiledPolicy::Compile(policy).status(); !status.ok()) {
    return Malformed(absl::StrCat(file, ": ", status.message()));
  }
  return policy;
}

std::shared_ptr<const CompiledPolicy> AccessControl::Policy() const {
  std::lock_guard lock(mutex_);
  return policy_;
}

absl::Status AccessControl::SetPolicy(const AccessPolicy& policy) {
  auto compiled = CompiledPolicy::Compile(policy);
  if (!compiled.ok()) return compiled.status();
  std::lock_guard lock(mutex_);
  policy_ = *std::move(compiled);
  return absl::OkStatus();
}

Grant AccessControl::Check(const Principal& principal, std::string_view permission,
                           std::string_view resource) const {
  Grant grant = Grant::kDenied;
  Policy()->ForEachHolding(principal, permission, [&](const Holding& holding) {
    grant = holding.Covers(resource) ? Grant::kGranted : Grant::kIfOwner;
    return grant != Grant::kGranted;
  });
  return grant;
}

bool AccessControl::OwnerGrants(const Principal& principal, std::string_view permission,
                                absl::Span<const std::string_view> owners) const {
  bool granted = false;
  Policy()->ForEachHolding(principal, permission, [&](const Holding& holding) {
    granted = std::any_of(owners.begin(), owners.end(),
                          [&](std::string_view owner) { return holding.Covers(owner); });
    return !granted;
  });
  return granted;
}

bool AccessControl::Everywhere(const Principal& principal, std::string_view permission) const {
  bool everywhere = false;
  Policy()->ForEachHolding(principal, permission, [&](const Holding& holding) {
    everywhere = holding.everywhere;
    return !everywhere;
  });
  return everywhere;
}

std::vector<std::string> AccessControl::Prefixes(const Principal& principal,
                                                 std::string_view permission) const {
  Holding all;
  Policy()->ForEachHolding(principal, permission, [&](const Holding& holding) {
    all.everywhere = holding.everywhere;
    all.prefixes.insert(holding.prefixes.begin(), holding.prefixes.end());
    return !all.everywhere;
  });
  if (all.everywhere) return {std::string(kEverything)};
  std::vector<std::string> prefixes;
  for (const std::string& prefix : all.prefixes) {
    const size_t slash = prefix.rfind('/');
    const std::string_view parent(prefix.data(), slash == std::string::npos ? 0 : slash);
    if (!all.Covers(parent)) prefixes.push_back(prefix);
  }
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

}  // namespace caravan::identity
