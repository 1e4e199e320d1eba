#include "services/common/resources/standard_methods.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "services/common/api/errors.h"
#include "services/common/api/field_mask.h"
#include "services/common/api/text.h"
#include "services/common/codes/codes.h"
#include "services/common/resources/list.h"
#include "services/common/resources/request_shape.h"
#include "services/common/resources/wire.h"
#include "services/common/resources/writer.h"

namespace caravan::resources {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

namespace {

// The stored bytes of a resource that the caller may see.
absl::StatusOr<std::string> Visible(const Caller& caller, const Collection& collection,
                                    const std::string& name, std::optional<store::Row> row) {
  if (!row.has_value()) return caller.Missing(*collection.type, name);
  if (!caller.HoldsOn(name)) {
    std::unique_ptr<Message> resource(collection.prototype->New());
    if (!resource->ParseFromString(row->data)) return absl::DataLossError("stored row");
    if (!caller.Permits(*collection.type, *resource)) return caller.Denied(name);
  }
  return std::move(row->data);
}

absl::StatusOr<std::string> Get(const RequestShape& shape, const Caller& caller,
                                store::Reader& reader, const Message& request) {
  std::string scratch;
  const std::string& name =
      request.GetReflection()->GetStringReference(request, shape.name, &scratch);
  auto row = reader.Get(shape.collection->table, name);
  if (!row.ok()) return row.status();
  return Visible(caller, *shape.collection, name, *std::move(row));
}

absl::StatusOr<std::string> BatchGet(const RequestShape& shape, const Caller& caller,
                                     store::Reader& reader, const Message& request) {
  std::vector<std::string> names;
  const auto* reflection = request.GetReflection();
  for (int i = 0; i < reflection->FieldSize(request, shape.names); ++i) {
    names.push_back(reflection->GetRepeatedString(request, shape.names, i));
  }
  auto rows = reader.GetMany(shape.collection->table, names);
  if (!rows.ok()) return rows.status();
  std::string response;
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StatusOr<std::string> bytes =
        Visible(caller, *shape.collection, names[i], std::move((*rows)[i]));
    if (!bytes.ok()) return bytes.status();
    AppendField(response, shape.response_resources, *bytes);
  }
  return response;
}

absl::Status CheckId(const Collection& collection, std::string_view id, std::string_view field) {
  const std::string& format = collection.type->options().id_format();
  if (!format.empty()) {
    if (auto problem = codes::FormatProblem(format, id)) {
      return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_NAME",
                        absl::StrCat(field, ": ", *problem))
          .Field(field, *problem);
    }
  }
  return collection.type->pattern().CheckId(id, field);
}

// The path of the id of a CreateXRequest; `at` is that of the request in a batch,
// with a dot.
std::string IdField(const RequestShape& shape, const std::string& at) {
  return absl::StrCat(at, shape.resource_id == nullptr ? "id" : shape.resource_id->name());
}

// The name of what a CreateXRequest creates.
absl::StatusOr<std::string> NewName(const RequestShape& shape, Writer& writer,
                                    const Message& request, const std::string& at) {
  const Collection& collection = *shape.collection;
  const api::ResourceType& type = *collection.type;
  std::string id = RequestShape::Text(request, shape.resource_id);
  if (id.empty()) {
    if (!type.options().id_format().empty() || !type.options().id_pattern().empty()) {
      api::Violations violations;
      violations.Add(absl::StrCat(at, shape.resource_id->name()), "is required");
      return violations.ToStatus();
    }
    id = writer.NewId();
  }
  if (absl::Status s = CheckId(collection, id, IdField(shape, at)); !s.ok()) return s;
  std::vector<std::string> ids;
  if (shape.parent != nullptr) {
    auto above = type.pattern().ParentPattern().Match(RequestShape::Text(request, shape.parent),
                                                      absl::StrCat(at, "parent"));
    if (!above.ok()) return above.status();
    ids = *std::move(above);
  }
  ids.push_back(std::move(id));
  return type.pattern().Build(ids, IdField(shape, at));
}

// Whether an owner is no business of the caller's.
bool SetsOwners(const api::ResourceType& type) {
  return std::any_of(type.owners().begin(), type.owners().end(), [](const api::FieldPath& owner) {
    return api::HasBehavior(owner.leaf(), google::api::OUTPUT_ONLY);
  });
}

// Creates from a CreateXRequest.
absl::StatusOr<std::string> CreateOne(const RequestShape& shape, Writer& writer,
                                      const Message& request, const std::string& at) {
  const Collection& collection = *shape.collection;
  const api::ResourceType& type = *collection.type;
  const auto* reflection = request.GetReflection();
  auto name = NewName(shape, writer, request, at);
  if (!name.ok()) return name.status();

  std::unique_ptr<Message> resource(collection.prototype->New());
  resource->CopyFrom(reflection->GetMessage(request, shape.resource));
  type.ClearOutputOnly(*resource);
  type.SetName(*resource, *name);
  if (type.state() != nullptr) {
    resource->GetReflection()->SetEnum(resource.get(), type.state(), type.initial_state());
  }
  // Those who may not create it do not learn whether it exists. Owners that the
  // collection's rule sets are not known before Write, which checks them.
  const bool permitted = writer.caller().Permits(type, *resource);
  if (!permitted && !SetsOwners(type)) return writer.caller().Denied(*name);
  writer.Expect(collection, *name, *resource);
  auto existing = writer.Read(collection, *name);
  if (!existing.ok()) return existing.status();
  if (existing->has_value()) {
    if (!permitted && !writer.caller().Permits(type, *(*existing)->message)) {
      return writer.caller().Denied(*name);
    }
    return api::Error(absl::StatusCode::kAlreadyExists, "RESOURCE_EXISTS",
                      absl::StrCat(*name, " exists already; choose another id, or update it"))
        .With("resource", *name)
        .Resource(type.type(), *name)
        .Field(IdField(shape, at), "is taken");
  }
  return writer.Write(collection, nullptr, *resource, WriteKind::kCreate,
                      absl::StrCat(at, shape.resource->name()));
}

absl::StatusOr<std::string> UpdateOne(const RequestShape& shape, Writer& writer,
                                      const Message& request, const std::string& at) {
  const Collection& collection = *shape.collection;
  const api::ResourceType& type = *collection.type;
  const auto* reflection = request.GetReflection();
  const std::string field = absl::StrCat(at, shape.resource->name());
  const Message& given = reflection->GetMessage(request, shape.resource);
  const std::string name = type.NameOf(given);
  auto ids = type.pattern().Match(name, field + ".name");
  if (!ids.ok()) return ids.status();

  api::UpdateMask mask;
  if (shape.update_mask != nullptr && reflection->HasField(request, shape.update_mask)) {
    const auto& paths = static_cast<const google::protobuf::FieldMask&>(
        reflection->GetMessage(request, shape.update_mask));
    auto parsed = api::UpdateMask::Parse(paths, &type.message(), absl::StrCat(at, "update_mask"));
    if (!parsed.ok()) return parsed.status();
    mask = *std::move(parsed);
  } else {
    mask = api::UpdateMask::OfSetFields(given);
  }
  const auto ignored = [](const FieldDescriptor& f) {
    return f.name() == "etag" || api::HasBehavior(f, google::api::OUTPUT_ONLY) ||
           api::HasBehavior(f, google::api::IDENTIFIER);
  };

  writer.Expect(collection, name, given);
  const bool allow_missing = RequestShape::Flag(request, shape.allow_missing);
  std::unique_ptr<Message> after(collection.prototype->New());
  if (allow_missing) {
    auto existing = writer.Read(collection, name);
    if (!existing.ok()) return existing.status();
    if (!existing->has_value()) {
      // AIP-134: all given fields are set, whatever the mask says.
      after->CopyFrom(given);
      type.ClearOutputOnly(*after);
      type.SetName(*after, name);
      if (!writer.caller().Permits(type, *after)) return writer.caller().Denied(name);
      if (absl::Status s = CheckId(collection, ids->back(), field + ".name"); !s.ok()) return s;
      if (type.state() != nullptr) {
        after->GetReflection()->SetEnum(after.get(), type.state(), type.initial_state());
      }
      return writer.Write(collection, nullptr, *after, WriteKind::kCreate, field);
    }
  }
  auto before = writer.ReadForChange(collection, name, type.EtagOf(given), field + ".etag");
  if (!before.ok()) return before.status();
  after->CopyFrom(*before->message);
  mask.Apply(given, *after, ignored);
  return writer.Write(collection, &*before, *after, WriteKind::kUpdate, field);
}

absl::StatusOr<std::string> Delete(const RequestShape& shape, Writer& writer,
                                   const Message& request) {
  const Collection& collection = *shape.collection;
  const std::string name = RequestShape::Text(request, shape.name);
  if (RequestShape::Flag(request, shape.allow_missing)) {
    auto existing = writer.Read(collection, name);
    if (!existing.ok()) return existing.status();
    if (!existing->has_value() && writer.caller().HoldsOn(name)) return std::string();
  }
  auto before =
      writer.ReadForChange(collection, name, RequestShape::Text(request, shape.etag), "etag");
  if (!before.ok()) return before.status();
  if (absl::Status s = writer.Delete(collection, *before); !s.ok()) return s;
  return std::string();
}

// Creates or replaces one of a register, with states and dates as given.
absl::StatusOr<std::string> LoadOne(const RequestShape& shape, Writer& writer, const Message& given,
                                    const std::string& at) {
  const Collection& collection = *shape.collection;
  const api::ResourceType& type = *collection.type;
  const std::string name = type.NameOf(given);
  auto ids = type.pattern().Match(name, at + ".name");
  if (!ids.ok()) return ids.status();
  if (absl::Status s = CheckId(collection, ids->back(), at + ".name"); !s.ok()) return s;
  auto before = writer.Read(collection, name);
  if (!before.ok()) return before.status();
  std::vector<std::string> keep(type.options().loadable().begin(), type.options().loadable().end());
  keep.emplace_back("state");
  std::unique_ptr<Message> after(collection.prototype->New());
  after->CopyFrom(given);
  type.ClearOutputOnly(*after, keep);
  if (type.state() != nullptr && after->GetReflection()->GetEnumValue(*after, type.state()) == 0) {
    after->GetReflection()->SetEnum(after.get(), type.state(), type.initial_state());
  }
  const Writer::Stored* existing = before->has_value() ? &**before : nullptr;
  if (existing != nullptr && !writer.caller().Permits(type, *existing->message)) {
    return writer.caller().Denied(name);
  }
  return writer.Write(collection, existing, *after, WriteKind::kLoad, at);
}

// Runs one after another; all violations of a batch are reported together. An
// error of another kind ends the batch, and says which entry it was.
absl::StatusOr<std::string> Each(
    const Message& request, const FieldDescriptor& repeated, int response_field,
    const std::function<absl::StatusOr<std::string>(const Message& entry, const std::string& at)>&
        one) {
  const auto* reflection = request.GetReflection();
  api::Violations violations;
  std::string reason;  // of the violations, where they have one
  std::string response;
  for (int i = 0; i < reflection->FieldSize(request, &repeated); ++i) {
    const std::string at = absl::StrCat(repeated.name(), "[", i, "]");
    absl::StatusOr<std::string> bytes =
        one(reflection->GetRepeatedMessage(request, &repeated, i), at);
    if (bytes.ok()) {
      AppendField(response, response_field, *bytes);
    } else if (violations.AddAll(bytes.status(), "")) {
      const std::string its = api::ReasonOf(bytes.status());
      reason = reason.empty() || reason == its ? its : "INVALID_FIELDS";
    } else {
      google::rpc::Status status = api::ToRpcStatus(bytes.status());
      status.set_message(absl::StrCat(at, ": ", status.message()));
      return api::FromRpcStatus(status);
    }
  }
  if (!violations.empty()) return violations.ToStatus(reason);
  return response;
}

// Tells the store of all that a batch of Create or Update requests will read;
// `shape` is that of an entry.
void ExpectEach(const RequestShape& shape, const Message& request, const FieldDescriptor& requests,
                Writer writer) {
  const auto* reflection = request.GetReflection();
  for (int i = 0; i < reflection->FieldSize(request, &requests); ++i) {
    const Message& entry = reflection->GetRepeatedMessage(request, &requests, i);
    const Message& resource = entry.GetReflection()->GetMessage(entry, shape.resource);
    absl::StatusOr<std::string> name = shape.kind == api::StandardMethod::kCreate
                                           ? NewName(shape, writer, entry, "")
                                           : shape.collection->type->NameOf(resource);
    if (name.ok()) writer.Expect(*shape.collection, *name, resource);
  }
}

// The same of resources that are loaded.
void ExpectLoaded(const RequestShape& shape, const Message& request, Writer& writer) {
  const auto* reflection = request.GetReflection();
  for (int i = 0; i < reflection->FieldSize(request, shape.resources); ++i) {
    const Message& resource = reflection->GetRepeatedMessage(request, shape.resources, i);
    writer.Expect(*shape.collection, shape.collection->type->NameOf(resource), resource);
  }
}

// What an entry of a batch may not say for itself.
absl::Status CheckBatchEntry(const Message& entry, const std::string& at) {
  api::Violations violations;
  for (const char* name : {"request_id", "validate_only"}) {
    const auto* field = entry.GetDescriptor()->FindFieldByName(name);
    if (field != nullptr && entry.GetReflection()->HasField(entry, field)) {
      violations.Add(absl::StrCat(at, ".", name), "is set on the batch, not on an entry");
    }
  }
  return violations.ToStatus();
}

}  // namespace

absl::StatusOr<Handler> StandardMethods::Bind(
    const google::protobuf::MethodDescriptor& method) const {
  absl::StatusOr<RequestShape> found = RequestShape::Of(registry_, method);
  if (!found.ok()) return found.status();
  const RequestShape shape = *std::move(found);
  const Registry& registry = registry_;
  Handler handler;
  switch (shape.kind) {
    case api::StandardMethod::kGet:
      handler.quick = true;
      handler.read = [shape](Caller& caller, store::Reader& reader, const Message& request) {
        return Get(shape, caller, reader, request);
      };
      break;
    case api::StandardMethod::kBatchGet:
      handler.quick = true;
      handler.read = [shape](Caller& caller, store::Reader& reader, const Message& request) {
        return BatchGet(shape, caller, reader, request);
      };
      break;
    case api::StandardMethod::kList:
      handler.read = [shape, ready = index_ready_](Caller& caller, store::Reader& reader,
                                                   const Message& request) {
        return List(shape, caller, reader, ready, request);
      };
      break;
    case api::StandardMethod::kCreate:
      handler.write = [shape, &registry](Caller& caller, store::Transaction& tx,
                                         const Message& request) {
        Writer writer(registry, caller, tx);
        return CreateOne(shape, writer, request, "");
      };
      break;
    case api::StandardMethod::kUpdate:
      handler.write = [shape, &registry](Caller& caller, store::Transaction& tx,
                                         const Message& request) {
        Writer writer(registry, caller, tx);
        return UpdateOne(shape, writer, request, "");
      };
      break;
    case api::StandardMethod::kDelete:
      handler.write = [shape, &registry](Caller& caller, store::Transaction& tx,
                                         const Message& request) {
        Writer writer(registry, caller, tx);
        return Delete(shape, writer, request);
      };
      break;
    case api::StandardMethod::kBatchCreate:
    case api::StandardMethod::kBatchUpdate: {
      absl::StatusOr<RequestShape> entry_shape = shape.Item();
      if (!entry_shape.ok()) return entry_shape.status();
      handler.write = [shape, item = *std::move(entry_shape), &registry](
                          Caller& caller, store::Transaction& tx, const Message& request) {
        Writer writer(registry, caller, tx);
        if (tx.remote()) ExpectEach(item, request, *shape.requests, writer);
        return Each(
            request, *shape.requests, shape.response_resources,
            [&](const Message& entry, const std::string& at) -> absl::StatusOr<std::string> {
              if (absl::Status s = CheckBatchEntry(entry, at); !s.ok()) return s;
              return item.kind == api::StandardMethod::kCreate
                         ? CreateOne(item, writer, entry, at + ".")
                         : UpdateOne(item, writer, entry, at + ".");
            });
      };
      break;
    }
    case api::StandardMethod::kLoad:
      handler.write = [shape, &registry](Caller& caller, store::Transaction& tx,
                                         const Message& request) {
        Writer writer(registry, caller, tx);
        if (tx.remote()) ExpectLoaded(shape, request, writer);
        return Each(request, *shape.resources, shape.response_resources,
                    [&](const Message& entry, const std::string& at) {
                      return LoadOne(shape, writer, entry, at);
                    });
      };
      break;
  }
  return handler;
}

}  // namespace caravan::resources
