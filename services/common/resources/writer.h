// Writes resources: the one place where a change is checked, sealed, stored and
// logged, whichever method makes it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "services/common/resources/registry.h"

namespace caravan::resources {

class Writer {
 public:
  // `field` is the path of the resource in the request, for error messages:
  // `pilot_zone`, `requests[2].pilot_zone`.
  Writer(const Registry& registry, const Caller& caller, store::Transaction& tx);
  // The caller outlives it.
  Writer(const Registry& registry, Caller&& caller, store::Transaction& tx) = delete;

  // A resource as it is stored.
  struct Stored {
    std::unique_ptr<google::protobuf::Message> message;
    std::string bytes;
  };

  // Tells the store that the resource of a name will be read, and what `resource`
  // refers to.
  void Expect(const Collection& collection, std::string_view name,
              const google::protobuf::Message& resource);

  // A version 4 UUID, for collections whose ids nobody chose.
  std::string NewId();

  // Reads one for a change; nothing where it does not exist.
  absl::StatusOr<std::optional<Stored>> Read(const Collection& collection, std::string_view name);

  // Reads one that must exist and whose etag, where one is given, must be
  // current. Who may not touch it learns no more than that.
  absl::StatusOr<Stored> ReadForChange(const Collection& collection, std::string_view name,
                                       std::string_view etag, std::string_view etag_field);

  // Writes `after`, named and complete but for what the system sets, in place of
  // `before` (null: it is new). Returns it as stored, which is also its
  // serialised form in a reply; `after` is updated to match. Nothing is written
  // where nothing changes.
  absl::StatusOr<std::string> Write(const Collection& collection, const Stored* before,
                                    google::protobuf::Message& after, WriteKind kind,
                                    const std::string& field);

  // Deletes a resource that nothing refers to.
  absl::Status Delete(const Collection& collection, const Stored& before);

  const Caller& caller() const { return caller_; }

  // For custom methods: reads a resource that must exist, changes it by
  // `change`, a function from T& to Status, and writes it.
  template <class T, class F>
  absl::StatusOr<T> Change(std::string_view name, F change) {
    const Collection& collection = *registry_.FindByMessage(*T::descriptor());
    absl::StatusOr<Stored> before = ReadForChange(collection, name, "", "etag");
    if (!before.ok()) return before.status();
    T after = static_cast<const T&>(*before->message);
    if (absl::Status s = change(after); !s.ok()) return s;
    absl::StatusOr<std::string> written =
        Write(collection, &*before, after, WriteKind::kUpdate, "");
    if (!written.ok()) return written.status();
    return after;
  }

 private:
  absl::Status CheckReferences(const Collection& collection,
                               const google::protobuf::Message* before,
                               const google::protobuf::Message& after, const std::string& field);
  absl::Status CheckImmutable(const google::protobuf::Message& before,
                              const google::protobuf::Message& after, const std::string& field);
  void Log(const Collection& collection, std::string_view name, const Stored* before,
           const std::string& after);

  const Registry& registry_;
  const Caller& caller_;
  store::Transaction& tx_;
  size_t ids_ = 0;  // that NewId has given
};

// Key of the row that guards the set of references to a resource.
std::string ReferenceGuard(std::string_view target);

}  // namespace caravan::resources
