#include "services/common/peers/foreign_collections.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "caravan/client/errors.h"
#include "caravan/client/method.h"
#include "services/common/api/standard_method.h"

namespace caravan::peers {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

namespace {

// What BatchGet takes at once.
constexpr size_t kBatch = 1000;

// Each name that is missing costs a further call, and an answer has no room for
// many.
constexpr size_t kMostMissing = 10;

// A method that gets resources by their names.
struct Getter {
  client::Method method;
  const Message* request = nullptr;
  const Message* response = nullptr;
  const FieldDescriptor* name = nullptr;  // repeated in a batch
};

absl::StatusOr<Getter> GetterOf(const MethodDescriptor& method, const char* field) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  Getter getter;
  getter.method = client::MethodOf(method);
  getter.request = factory->GetPrototype(method.input_type());
  getter.response = factory->GetPrototype(method.output_type());
  getter.name = method.input_type()->FindFieldByName(field);
  if (getter.request == nullptr || getter.response == nullptr || getter.name == nullptr ||
      getter.name->type() != FieldDescriptor::TYPE_STRING) {
    return absl::InternalError(
        absl::StrCat("contract of ", method.full_name(), ": it does not get by ", field));
  }
  return getter;
}

absl::Status Call(const Peer& peer, const Getter& getter, const Message& request,
                  absl::Time deadline, const std::string& traceparent) {
  std::unique_ptr<Message> response(getter.response->New());
  return peer.connection()->Call(getter.method, request, response.get(),
                                 peer.Options(deadline, traceparent));
}

}  // namespace

SeenNames::SeenNames(std::function<absl::Time()> clock, size_t most)
    : clock_(std::move(clock)), most_(most), young_since_(clock_()), old_since_(young_since_) {}

void SeenNames::Age() {
  const absl::Time now = clock_();
  const absl::Duration age = now - young_since_;
  if (age < kMemory / 2 && young_.size() < most_ / 2) return;
  old_ = std::move(young_);
  old_since_ = young_since_;
  young_.clear();
  young_since_ = now;
}

void SeenNames::Add(absl::flat_hash_set<std::string> names) {
  absl::MutexLock lock(&mutex_);
  Age();
  young_.merge(names);
}

bool SeenNames::Contains(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  Age();
  return young_.contains(name) || (old_.contains(name) && clock_() < old_since_ + kMemory);
}

// A collection of another service.
struct ForeignCollections::Collection {
  const Peer* peer = nullptr;
  std::unique_ptr<const api::ResourceType> type;
  Getter get;
  Getter batch_get;  // without a request where there is no such method
};

ForeignCollections::ForeignCollections(std::function<absl::Time()> clock)
    : seen_(std::move(clock)) {}
ForeignCollections::~ForeignCollections() = default;

absl::StatusOr<std::unique_ptr<ForeignCollections>> ForeignCollections::Create(
    const Peers& peers, const std::vector<PeerContract>& contracts,
    std::function<absl::Time()> clock) {
  std::unique_ptr<ForeignCollections> foreign(new ForeignCollections(std::move(clock)));
  for (const PeerContract& contract : contracts) {
    for (const auto* file : contract.contracts) {
      for (int i = 0; i < file->service_count(); ++i) {
        absl::Status s = foreign->Add(peers.Get(contract.service), *file->service(i));
        if (!s.ok()) return s;
      }
    }
  }
  return foreign;
}

absl::Status ForeignCollections::Add(const Peer& peer,
                                     const google::protobuf::ServiceDescriptor& service) {
  const MethodDescriptor* get = nullptr;
  const MethodDescriptor* batch_get = nullptr;
  for (int i = 0; i < service.method_count(); ++i) {
    const auto standard = api::ClassifyStandardMethod(*service.method(i));
    if (standard == api::StandardMethod::kGet) get = service.method(i);
    if (standard == api::StandardMethod::kBatchGet) batch_get = service.method(i);
  }
  // A service of the contract without a collection.
  if (get == nullptr) return absl::OkStatus();
  auto collection = std::make_unique<Collection>();
  collection->peer = &peer;
  auto type = api::ResourceType::Of(*get->output_type());
  if (!type.ok()) return type.status();
  collection->type = *std::move(type);
  auto getter = GetterOf(*get, "name");
  if (!getter.ok()) return getter.status();
  collection->get = *std::move(getter);
  if (batch_get != nullptr) {
    auto batch_getter = GetterOf(*batch_get, "names");
    if (!batch_getter.ok()) return batch_getter.status();
    collection->batch_get = *std::move(batch_getter);
  }
  collections_.push_back(std::move(collection));
  return absl::OkStatus();
}

const ForeignCollections::Collection* ForeignCollections::Find(
    const api::Reference& reference) const {
  for (const auto& collection : collections_) {
    if (collection->type->type() == reference.type ||
        (reference.type == "*" && collection->type->pattern().Matches(reference.target))) {
      return collection.get();
    }
  }
  return nullptr;
}

bool ForeignCollections::Serves(const api::Reference& reference) const {
  return Find(reference) != nullptr;
}

absl::StatusOr<resources::ForeignResources::Answer> ForeignCollections::Ask(
    const std::vector<api::Reference>& references, absl::Time deadline,
    const std::string& traceparent) {
  absl::flat_hash_map<const Collection*, std::vector<absl::flat_hash_set<std::string>>> batches;
  for (const api::Reference& reference : references) {
    auto& of_collection = batches[Find(reference)];
    if (of_collection.empty() || of_collection.back().size() == kBatch) {
      of_collection.emplace_back();
    }
    of_collection.back().insert(reference.target);
  }
  Answer answer;
  for (auto& [collection, of_collection] : batches) {
    for (auto& names : of_collection) {
      if (answer.missing.size() >= kMostMissing) {
        answer.open.merge(names);
        continue;
      }
      absl::Status s = collection->batch_get.request == nullptr
                           ? AskEach(*collection, names, deadline, traceparent, answer)
                           : AskBatch(*collection, std::move(names), deadline, traceparent, answer);
      if (!s.ok()) return s;
    }
  }
  return answer;
}

absl::Status ForeignCollections::AskBatch(const Collection& collection,
                                          absl::flat_hash_set<std::string> names,
                                          absl::Time deadline, const std::string& traceparent,
                                          Answer& answer) {
  const Getter& getter = collection.batch_get;
  while (!names.empty()) {
    if (answer.missing.size() >= kMostMissing) {
      answer.open.merge(names);
      return absl::OkStatus();
    }
    std::unique_ptr<Message> request(getter.request->New());
    for (const std::string& name : names) {
      request->GetReflection()->AddString(request.get(), getter.name, name);
    }
    const absl::Status s = Call(*collection.peer, getter, *request, deadline, traceparent);
    if (s.ok()) break;
    // All or none: the error names the first that is missing.
    std::string missing = client::MetadataOf(s, "resource");
    if (!absl::IsNotFound(s) || names.erase(missing) == 0) {
      return collection.peer->Unavailable(s);
    }
    answer.missing.insert(std::move(missing));
  }
  seen_.Add(std::move(names));
  return absl::OkStatus();
}

absl::Status ForeignCollections::AskEach(const Collection& collection,
                                         const absl::flat_hash_set<std::string>& names,
                                         absl::Time deadline, const std::string& traceparent,
                                         Answer& answer) {
  const Getter& getter = collection.get;
  for (const std::string& name : names) {
    if (answer.missing.size() >= kMostMissing) {
      answer.open.insert(name);
      continue;
    }
    std::unique_ptr<Message> request(getter.request->New());
    request->GetReflection()->SetString(request.get(), getter.name, name);
    const absl::Status s = Call(*collection.peer, getter, *request, deadline, traceparent);
    if (s.ok()) {
      seen_.Add({name});
    } else if (absl::IsNotFound(s)) {
      answer.missing.insert(name);
    } else {
      return collection.peer->Unavailable(s);
    }
  }
  return absl::OkStatus();
}

}  // namespace caravan::peers
