#include "services/common/resources/writer.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "caravan/api/v1/changes.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/api/validation.h"

namespace caravan::resources {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

constexpr int kReferrersNamed = 10;

// Keys of the references table: target, source and field, so that the referrers
// of a target are a range. No name contains a line feed.
std::string ReferenceKey(std::string_view target, std::string_view source, std::string_view field) {
  return absl::StrCat(target, "\n", source, "\n", field);
}

}  // namespace

std::string ReferenceGuard(std::string_view target) { return absl::StrCat("references/", target); }

Writer::Writer(const Registry& registry, const Caller& caller, store::Transaction& tx)
    : registry_(registry), caller_(caller), tx_(tx) {}

std::string Writer::NewId() {
  if (ids_ == caller_.new_ids.size()) {
    thread_local std::mt19937_64 random{std::random_device{}()};
    const uint64_t high = (random() & ~0xF000ULL) | 0x4000;
    const uint64_t low = (random() & ~(3ULL << 62)) | (2ULL << 62);
    caller_.new_ids.push_back(absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32,
                                              (high >> 16) & 0xFFFF, high & 0xFFFF, low >> 48,
                                              low & 0xFFFFFFFFFFFF));
  }
  return caller_.new_ids[ids_++];
}

void Writer::Expect(const Collection& collection, std::string_view name, const Message& resource) {
  if (!tx_.remote()) return;
  tx_.Expect(collection.table, name);
  for (const api::Reference& reference : collection.type->ReferencesOf(resource)) {
    const Collection* target = registry_.FindByName(reference.target);
    if (target != nullptr) tx_.Expect(target->table, reference.target);
  }
}

absl::StatusOr<std::optional<Writer::Stored>> Writer::Read(const Collection& collection,
                                                           std::string_view name) {
  absl::StatusOr<std::optional<store::Row>> row = tx_.Get(collection.table, name);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  Stored stored;
  stored.bytes = std::move((*row)->data);
  stored.message.reset(collection.prototype->New());
  if (!stored.message->ParseFromString(stored.bytes)) {
    return absl::DataLossError("a stored row does not parse");
  }
  return stored;
}

absl::StatusOr<Writer::Stored> Writer::ReadForChange(const Collection& collection,
                                                     std::string_view name, std::string_view etag,
                                                     std::string_view etag_field) {
  absl::StatusOr<std::optional<Stored>> stored = Read(collection, name);
  if (!stored.ok()) return stored.status();
  if (!stored->has_value()) return caller_.Missing(*collection.type, name);
  if (!caller_.Permits(*collection.type, *(*stored)->message)) return caller_.Denied(name);
  const std::string current = collection.type->EtagOf(*(*stored)->message);
  if (!etag.empty() && etag != current) {
    return api::Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                      absl::StrCat(name, " has changed since it was read: its etag is ", current,
                                   ", not ", api::Quoted(etag), "; read it again"))
        .With("resource", name)
        .With("etag", current)
        .Field(etag_field, "is not current");
  }
  return *std::move(*stored);
}

absl::StatusOr<std::string> Writer::Write(const Collection& collection, const Stored* before,
                                          Message& after, WriteKind kind,
                                          const std::string& field) {
  const api::ResourceType& type = *collection.type;
  const Message* old = before == nullptr ? nullptr : before->message.get();
  const std::string prefix = field.empty() ? "" : absl::StrCat(field, ".");
  const std::string name = type.NameOf(after);

  if (old != nullptr && kind != WriteKind::kLoad) {
    if (absl::Status s = CheckImmutable(*old, after, prefix); !s.ok()) return s;
  }
  if (collection.prepare) {
    const Writing writing{registry_, tx_, caller_, kind, tx_};
    if (absl::Status s = collection.prepare(writing, old, after); !s.ok()) {
      return api::WithFieldPrefix(s, prefix);
    }
  }
  // Who changes an owner must hold the permission under both.
  if (!caller_.Permits(type, after)) return caller_.Denied(name);
  api::Violations violations;
  api::Validator::For(type.message())
      .Check(after, prefix, {.required = true, .output_only = kind == WriteKind::kLoad},
             violations);
  if (!violations.empty()) return violations.ToStatus();
  if (absl::Status s = CheckReferences(collection, old, after, prefix); !s.ok()) return s;

  const int64_t now = absl::ToUnixMicros(caller_.now);
  if (old == nullptr) {
    type.SetCreateTime(after, now);
  } else {
    type.CopySystemFields(*old, after);
    if (type.SealedAs(after, before->bytes, type.EtagOf(*old))) return before->bytes;
  }
  type.SetUpdateTime(after, now);
  std::string bytes = type.Seal(after);
  tx_.Put(collection.table, name, bytes, type.ColumnValues(after));
  Log(collection, name, before, bytes);
  return bytes;
}

absl::Status Writer::CheckImmutable(const Message& before, const Message& after,
                                    const std::string& prefix) {
  api::Violations violations;
  const auto* descriptor = before.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (!api::HasBehavior(*field, google::api::IMMUTABLE)) continue;
    google::protobuf::util::MessageDifferencer differencer;
    if (!differencer.CompareWithFields(before, after, {field}, {field})) {
      violations.Add(absl::StrCat(prefix, field->name()),
                     "cannot be changed once the resource exists");
    }
  }
  return violations.ToStatus();
}

absl::Status Writer::CheckReferences(const Collection& collection, const Message* before,
                                     const Message& after, const std::string& prefix) {
  const api::ResourceType& type = *collection.type;
  const std::string name = type.NameOf(after);
  const std::vector<api::Reference> now = type.ReferencesOf(after);
  absl::flat_hash_set<std::string> had, have;
  if (before != nullptr) {
    for (const api::Reference& r : type.ReferencesOf(*before)) {
      had.insert(ReferenceKey(r.target, name, r.field));
    }
  }
  api::Violations dangling;
  for (const api::Reference& r : now) {
    const std::string key = ReferenceKey(r.target, name, r.field);
    have.insert(key);
    if (had.contains(key)) continue;
    const auto dangles = [&] {
      dangling.Add(absl::StrCat(prefix, r.field),
                   absl::StrCat("refers to ", r.target, ", which does not exist"));
    };
    const Collection* target = registry_.FindByName(r.target);
    if (target == nullptr) {
      // Of another service: it may go there unnoticed later, so nothing is kept.
      if (caller_.inquiry != nullptr && caller_.inquiry->Serves(r) && caller_.inquiry->Dangles(r)) {
        dangles();
      }
      continue;
    }
    if (r.target != name) {
      absl::StatusOr<std::optional<store::Row>> row = tx_.Get(target->table, r.target);
      if (!row.ok()) return row.status();
      if (!row->has_value()) {
        dangles();
        continue;
      }
    }
    tx_.Put(kReferences, key, "");
    tx_.Put(kGuards, ReferenceGuard(r.target), "");
  }
  for (const std::string& key : had) {
    if (!have.contains(key)) tx_.Delete(kReferences, key);
  }
  if (dangling.empty()) return absl::OkStatus();
  return dangling.ToStatus("REFERENCE_NOT_FOUND");
}

absl::Status Writer::Delete(const Collection& collection, const Stored& before) {
  const api::ResourceType& type = *collection.type;
  const std::string name = type.NameOf(*before.message);
  // Whoever adds a reference touches the guard, so that this is run again.
  if (auto guard = tx_.Get(kGuards, ReferenceGuard(name)); !guard.ok()) return guard.status();
  store::ScanSpec scan;
  scan.table = kReferences;
  scan.begin_key = name + "\n";
  scan.end_key = name + "\v";  // the character after the line feed
  scan.limit = kReferrersNamed + 1;
  std::vector<std::string> referrers;
  absl::Status s = tx_.Scan(scan, [&](store::Row& row) {
    const std::vector<std::string_view> parts = absl::StrSplit(row.key, '\n');
    if (parts[1] != name && (referrers.empty() || referrers.back() != parts[1])) {
      referrers.emplace_back(parts[1]);
    }
    return true;
  });
  if (!s.ok()) return s;
  if (!referrers.empty()) {
    const bool more = referrers.size() > kReferrersNamed;
    if (more) referrers.pop_back();
    api::Error error(absl::StatusCode::kFailedPrecondition, "RESOURCE_IN_USE",
                     absl::StrCat(name, " cannot be deleted: ", absl::StrJoin(referrers, ", "),
                                  more                    ? " and more refer"
                                  : referrers.size() == 1 ? " refers"
                                                          : " refer",
                                  " to it"));
    error.With("resource", name);
    for (const std::string& referrer : referrers) {
      error.Precondition("REFERENCE", referrer, absl::StrCat("refers to ", name));
    }
    return error;
  }
  for (const api::Reference& r : type.ReferencesOf(*before.message)) {
    tx_.Delete(kReferences, ReferenceKey(r.target, name, r.field));
  }
  tx_.Delete(collection.table, name);
  Log(collection, name, &before, "");
  return absl::OkStatus();
}

void Writer::Log(const Collection& collection, std::string_view name, const Stored* before,
                 const std::string& after) {
  api::v1::Change record;
  record.set_actor(caller_.principal.name);
  for (const std::string& actor : caller_.principal.actors) record.add_acted_through(actor);
  record.set_method(std::string(caller_.method));
  record.set_request_id(caller_.request_id);
  record.set_trace_id(caller_.trace_id);
  record.set_resource_type(collection.type->type());
  record.set_kind(before == nullptr ? api::v1::Change::CREATED
                  : after.empty()   ? api::v1::Change::DELETED
                                    : api::v1::Change::UPDATED);
  store::Change change;
  change.resource = std::string(name);
  change.record = record.SerializeAsString();
  if (before != nullptr) change.before = before->bytes;
  change.after = after;
  tx_.Log(std::move(change));
}

}  // namespace caravan::resources
