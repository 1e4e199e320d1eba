// What a server has: its collections and methods, from the descriptors that it
// gives by reflection. Nothing about any service is compiled in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/api/v1/annotations.pb.h"
#include "caravan/client/contracts.h"
#include "google/protobuf/descriptor.h"
#include "services/common/api/standard_method.h"

namespace caravan::cli {

// A method that is not standard, called as `caravanctl VERB COLLECTION [ID]`.
struct Verb {
  std::string name;  // `merge`, `check-eligibility`
  const google::protobuf::MethodDescriptor* method = nullptr;
  bool on_resource = false;  // it works on one resource, which `name` names
};

struct Collection {
  std::string id;                     // `pilotZones`
  std::string singular;               // `pilotZone`
  std::string type;                   // `caravan.dev/PilotZone`
  std::vector<std::string> patterns;  // `pilotZones/*`
  const google::protobuf::Descriptor* message = nullptr;
  api::v1::Collection options;
  std::map<api::StandardMethod, const google::protobuf::MethodDescriptor*> standard;
  std::vector<Verb> verbs;  // by name

  // The method, or UNIMPLEMENTED: the collection has none.
  absl::StatusOr<const google::protobuf::MethodDescriptor*> Method(
      api::StandardMethod method) const;

  // The full name of the resource that a person calls `id`: an id, for which
  // `parent` gives the rest where there is one, or a full name.
  absl::StatusOr<std::string> NameOf(std::string_view id, std::string_view parent = "") const;

  // The service that has it: `zones`.
  std::string service() const;

  // Whether a name is that of a resource of this collection.
  bool Owns(std::string_view name) const;

  // Whether its resources live in another resource.
  bool IsNested() const;

  // Fields of the resource that a client cannot set: OUTPUT_ONLY, less
  // `loadable` and the state where a register is loaded.
  bool IsReadOnly(const google::protobuf::FieldDescriptor& field, bool loading) const;
};

class Catalog {
 public:
  static absl::StatusOr<std::unique_ptr<Catalog>> Create(const client::Description& description);

  // By plural, singular or type, in any spelling; else NOT_FOUND (wrong use)
  // with near matches.
  absl::StatusOr<const Collection*> Find(std::string_view name) const;

  // The collection with this resource type; null where there is none.
  const Collection* OfType(std::string_view type) const;

  // The collection to which a resource name belongs; null where there is none.
  const Collection* Owning(std::string_view name) const;

  // Sorted by id.
  const std::vector<std::unique_ptr<Collection>>& collections() const { return collections_; }

  // All methods of all services, in order of declaration.
  std::vector<const google::protobuf::MethodDescriptor*> Methods() const;

  const client::Contracts& contracts() const { return *contracts_; }

  // See Contracts.
  const google::protobuf::MethodDescriptor* FindMethod(const std::string& full_name) const {
    return contracts_->FindMethod(full_name);
  }
  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type) const {
    return contracts_->New(type);
  }
  std::unique_ptr<google::protobuf::Message> Unpack(const google::protobuf::Message& any) const {
    return contracts_->Unpack(any);
  }

 private:
  Catalog() = default;

  void AddMethod(const google::protobuf::MethodDescriptor& method);
  Collection* Of(const google::protobuf::Descriptor& resource);
  Collection* OwnerOf(const google::protobuf::MethodDescriptor& method, Verb* verb);

  std::unique_ptr<client::Contracts> contracts_;
  std::vector<std::unique_ptr<Collection>> collections_;
};

}  // namespace caravan::cli
