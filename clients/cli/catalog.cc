#include "clients/cli/catalog.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "google/api/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::MethodDescriptor;

// `fairs/{fair}/halls/{hall}` and `fairs/{fair=*}` with stars for variables.
std::string WithStars(std::string_view pattern) {
  std::vector<std::string> segments = absl::StrSplit(pattern, '/');
  for (auto& segment : segments) {
    if (absl::StartsWith(segment, "{")) segment = "*";
  }
  return absl::StrJoin(segments, "/");
}

bool MatchesPattern(std::string_view pattern, std::string_view name) {
  const std::vector<std::string_view> wanted = absl::StrSplit(pattern, '/');
  const std::vector<std::string_view> given = absl::StrSplit(name, '/');
  if (wanted.size() != given.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "*" ? given[i].empty() : wanted[i] != given[i]) return false;
  }
  return true;
}

// The pattern less its last segment: the collection itself.
std::string CollectionPattern(const std::string& pattern) {
  return pattern.substr(0, pattern.rfind('/'));
}

struct HttpTemplate {
  std::string resource;  // `pilotZones/*`, `policies`
  std::string verb;      // `merge`; empty where there is none
};

// What a google.api.http rule says of the resource and the verb.
HttpTemplate TemplateOf(const MethodDescriptor& method) {
  if (!method.options().HasExtension(google::api::http)) return {};
  const google::api::HttpRule& rule = method.options().GetExtension(google::api::http);
  std::string path;
  for (const auto& candidate :
       {rule.get(), rule.put(), rule.post(), rule.delete_(), rule.patch(), rule.custom().path()}) {
    if (!candidate.empty()) path = candidate;
  }
  HttpTemplate result;
  // A colon within braces belongs to no verb.
  const size_t colon = path.rfind(':');
  if (colon != std::string::npos && path.find('}', colon) == std::string::npos) {
    result.verb = path.substr(colon + 1);
    path.resize(colon);
  }
  // `/v1/{name=pilotZones/*}` -> `pilotZones/*`.
  std::string_view rest = path;
  ConsumePrefix(&rest, "/");
  const size_t slash = rest.find('/');
  rest = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != '{') {
      result.resource += rest[i];
      continue;
    }
    const size_t close = std::min(rest.find('}', i), rest.size());
    const std::string_view variable = rest.substr(i + 1, close - i - 1);
    const size_t equals = variable.find('=');
    result.resource +=
        equals == std::string_view::npos ? "*" : std::string(variable.substr(equals + 1));
    i = close;
  }
  return result;
}

std::string ReferencedType(const FieldDescriptor* field) {
  if (field == nullptr || !field->options().HasExtension(google::api::resource_reference)) {
    return "";
  }
  return field->options().GetExtension(google::api::resource_reference).type();
}

bool HasBehavior(const FieldDescriptor& field, google::api::FieldBehavior behavior) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == behavior) return true;
  }
  return false;
}

// The names by which people call a collection, spelled alike.
std::string Spelled(std::string_view name) { return ToSnake(name); }

}  // namespace

absl::StatusOr<const MethodDescriptor*> Collection::Method(StandardMethod method) const {
  const auto found = standard.find(method);
  if (found != standard.end()) return found->second;
  constexpr const char* kNames[] = {"get",       "list",         "create",       "update", "delete",
                                    "batch get", "batch create", "batch update", "load"};
  return api::Error(absl::StatusCode::kUnimplemented, "NO_SUCH_METHOD",
                    absl::StrCat("the server has no method to ", kNames[static_cast<int>(method)],
                                 " ", id, "; `caravanctl methods ", id, "` lists what it has"));
}

bool Collection::Owns(std::string_view name) const {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& p) { return MatchesPattern(p, name); });
}

bool Collection::IsNested() const {
  return std::none_of(patterns.begin(), patterns.end(), [](const std::string& p) {
    return std::count(p.begin(), p.end(), '/') == 1;
  });
}

absl::StatusOr<std::string> Collection::NameOf(std::string_view text,
                                               std::string_view parent) const {
  if (Owns(text)) return std::string(text);
  if (!text.empty() && text.find('/') == std::string_view::npos) {
    const std::string name =
        parent.empty() ? absl::StrCat(id, "/", text) : absl::StrCat(parent, "/", id, "/", text);
    if (Owns(name)) return name;
    if (parent.empty() && IsNested()) {
      return UsageError(absl::StrCat("a resource of ", id, " is named ",
                                     absl::StrJoin(patterns, " or "),
                                     "; give the full name, or --parent"));
    }
  }
  return UsageError(absl::StrCat("\"", parent.empty() ? "" : absl::StrCat(parent, "/", id, "/"),
                                 text, "\" is no name of ", singular, ", which is ",
                                 absl::StrJoin(patterns, " or ")));
}

bool Collection::IsReadOnly(const FieldDescriptor& field, bool loading) const {
  if (!HasBehavior(field, google::api::OUTPUT_ONLY)) return false;
  if (!loading) return true;
  const auto& loadable = options.loadable();
  return field.name() != "state" &&
         std::find(loadable.begin(), loadable.end(), field.name()) == loadable.end();
}

std::string Collection::service() const {
  return client::ServiceOf(absl::StrCat("/", message->full_name()));
}

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Create(const client::Description& description) {
  auto catalog = std::unique_ptr<Catalog>(new Catalog());
  auto contracts = client::Contracts::Create(description);
  if (!contracts.ok()) return contracts.status();
  catalog->contracts_ = *std::move(contracts);
  // Standard methods first: they say which messages are collections. Delete
  // alone does not: it answers with nothing.
  const auto pass_of = [](const MethodDescriptor& method) {
    const auto standard = api::ClassifyStandardMethod(method);
    return !standard ? 2 : *standard == StandardMethod::kDelete ? 1 : 0;
  };
  for (int pass = 0; pass < 3; ++pass) {
    for (const auto* method : catalog->Methods()) {
      if (pass_of(*method) == pass) catalog->AddMethod(*method);
    }
  }
  auto& collections = catalog->collections_;
  std::sort(collections.begin(), collections.end(), [](const auto& a, const auto& b) {
    return std::tie(a->id, a->type) < std::tie(b->id, b->type);
  });
  for (auto& collection : collections) {
    std::sort(collection->verbs.begin(), collection->verbs.end(),
              [](const Verb& a, const Verb& b) { return a.name < b.name; });
  }
  return catalog;
}

Collection* Catalog::Of(const Descriptor& resource) {
  for (const auto& collection : collections_) {
    if (collection->message == &resource) return collection.get();
  }
  if (!resource.options().HasExtension(google::api::resource)) return nullptr;
  const google::api::ResourceDescriptor& declared =
      resource.options().GetExtension(google::api::resource);
  auto collection = std::make_unique<Collection>();
  collection->type = declared.type();
  collection->message = &resource;
  collection->options = resource.options().GetExtension(api::v1::collection);
  for (const std::string& pattern : declared.pattern()) {
    if (pattern.find('/') != std::string::npos) collection->patterns.push_back(WithStars(pattern));
  }
  if (collection->patterns.empty()) return nullptr;
  const std::vector<std::string> segments = absl::StrSplit(collection->patterns[0], '/');
  collection->id = segments[segments.size() - 2];
  collection->singular = declared.singular().empty() ? resource.name() : declared.singular();
  return collections_.emplace_back(std::move(collection)).get();
}

Collection* Catalog::OwnerOf(const MethodDescriptor& method, Verb* verb) {
  const HttpTemplate path = TemplateOf(method);
  const auto* name = method.input_type()->FindFieldByName("name");
  const std::string named = ReferencedType(name);
  Collection* owner = nullptr;
  for (const auto& collection : collections_) {
    for (const std::string& pattern : collection->patterns) {
      const bool on_resource =
          path.resource == pattern || (!named.empty() && named == collection->type);
      if (on_resource || path.resource == CollectionPattern(pattern)) {
        owner = collection.get();
        verb->on_resource = on_resource && name != nullptr;
      }
    }
  }
  if (owner == nullptr) return nullptr;
  std::string spelled = path.verb;
  if (spelled.empty()) {
    // MergePilotZone -> Merge.
    std::string_view method_name = method.name();
    ConsumeSuffix(&method_name, owner->message->name());
    spelled = method_name;
  }
  verb->name = ToKebab(spelled);
  return owner;
}

void Catalog::AddMethod(const MethodDescriptor& method) {
  const auto standard = api::ClassifyStandardMethod(method);
  if (!standard) {
    Verb verb;
    verb.method = &method;
    if (method.client_streaming()) return;
    if (Collection* owner = OwnerOf(method, &verb)) owner->verbs.push_back(std::move(verb));
    return;
  }
  Collection* owner = nullptr;
  if (const auto* repeated = api::RepeatedResource(*method.output_type())) {
    owner = Of(*repeated->message_type());
  } else if (api::IsResource(*method.output_type())) {
    owner = Of(*method.output_type());
  } else {
    const std::string type = ReferencedType(method.input_type()->FindFieldByName("name"));
    for (const auto& collection : collections_) {
      if (collection->type == type) owner = collection.get();
    }
  }
  if (owner != nullptr) owner->standard.emplace(*standard, &method);
}

absl::StatusOr<const Collection*> Catalog::Find(std::string_view name) const {
  std::vector<const Collection*> found;
  std::vector<std::string> known;
  const std::string spelled = Spelled(name);
  for (const auto& collection : collections_) {
    known.push_back(collection->id);
    if (name == collection->type || spelled == Spelled(collection->id) ||
        spelled == Spelled(collection->singular)) {
      found.push_back(collection.get());
    }
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    return UsageError(absl::StrCat("the server has no collection \"", name, "\"",
                                   DidYouMean(name, known),
                                   "; `caravanctl api-resources` lists them"));
  }
  std::vector<std::string> types;
  for (const auto* collection : found) types.push_back(collection->type);
  return UsageError(absl::StrCat("several collections are called \"", name,
                                 "\"; say which by its type: ", absl::StrJoin(types, ", ")));
}

const Collection* Catalog::OfType(std::string_view type) const {
  for (const auto& collection : collections_) {
    if (collection->type == type) return collection.get();
  }
  return nullptr;
}

const Collection* Catalog::Owning(std::string_view name) const {
  for (const auto& collection : collections_) {
    if (collection->Owns(name)) return collection.get();
  }
  return nullptr;
}

std::vector<const MethodDescriptor*> Catalog::Methods() const {
  std::vector<const MethodDescriptor*> result;
  for (const auto* service : contracts_->services()) {
    for (int i = 0; i < service->method_count(); ++i) result.push_back(service->method(i));
  }
  return result;
}

}  // namespace caravan::cli
