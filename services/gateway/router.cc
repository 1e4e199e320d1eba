#include "services/gateway/router.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"

namespace caravan::gateway {
namespace {

constexpr std::string_view kPrefix = "caravan.";
// What every service serves.
constexpr std::string_view kSharedPackages[] = {"caravan.api.v1", "google.longrunning",
                                                "grpc.reflection.v1", "grpc.reflection.v1alpha"};

}  // namespace

absl::StatusOr<MethodPath> ParsePath(std::string_view path) {
  const size_t slash = path.find('/', 1);
  if (path.empty() || path[0] != '/' || slash == std::string_view::npos || slash == 1 ||
      slash + 1 == path.size() || path.find('/', slash + 1) != std::string_view::npos) {
    return api::Error(
        absl::StatusCode::kUnimplemented, "MALFORMED_PATH",
        absl::StrCat("the path ", api::Quoted(path), " should be /<package>.<service>/<method>"));
  }
  MethodPath parsed;
  parsed.service = path.substr(1, slash - 1);
  parsed.method = path.substr(slash + 1);
  const size_t dot = parsed.service.rfind('.');
  if (dot != std::string_view::npos) parsed.package = parsed.service.substr(0, dot);
  return parsed;
}

void Router::Add(Upstream& upstream) { by_name_[upstream.service()] = &upstream; }

std::string Router::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, upstream] : by_name_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<Upstream*> Router::FindByName(std::string_view named) const {
  if (!named.empty()) {
    const auto found = by_name_.find(named);
    if (found != by_name_.end()) return found->second;
    return api::Error(absl::StatusCode::kInvalidArgument, "UNKNOWN_SERVICE",
                      absl::StrCat("the metadata ", kServiceMetadata, " is ", api::Quoted(named),
                                   ", which is no service here; there are: ", Names()));
  }
  if (by_name_.size() == 1) return by_name_.begin()->second;
  const auto found = by_name_.find(default_service_);
  if (found != by_name_.end()) return found->second;
  return api::Error(absl::StatusCode::kInvalidArgument, "SERVICE_NOT_NAMED",
                    absl::StrCat("every service serves this method; say which one is meant by the "
                                 "metadata ",
                                 kServiceMetadata, ": one of ", Names()));
}

absl::StatusOr<Upstream*> Router::Find(const MethodPath& path, std::string_view named) const {
  if (path.package.starts_with(kPrefix)) {
    const std::string_view rest = path.package.substr(kPrefix.size());
    const auto found = by_name_.find(rest.substr(0, rest.find('.')));
    if (found != by_name_.end()) return found->second;
  }
  for (const std::string_view shared : kSharedPackages) {
    if (path.package == shared) return FindByName(named);
  }
  return api::Error(
      absl::StatusCode::kUnimplemented, "UNKNOWN_PACKAGE",
      absl::StrCat("no service here serves ", api::Quoted(path.service), "; there are: ", Names()));
}

}  // namespace caravan::gateway
