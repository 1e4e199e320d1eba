#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/batch.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/requests.h"
#include "clients/cli/target.h"
#include "clients/cli/value.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::Message;

// A document, resolved: the resource that it describes.
struct Item {
  const Document* document = nullptr;
  const Collection* collection = nullptr;
  std::unique_ptr<Message> resource;
  std::vector<std::string> paths;    // what the document sets
  std::unique_ptr<Message> current;  // as it is; null where it does not exist
  bool load = false;                 // it is loaded, rather than updated
};

absl::Status BadDocument(std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, "BAD_DOCUMENT", std::move(message));
}

// The server alone writes these, whatever a document says.
bool IsServersOwn(const Collection& collection, const std::string& path, bool loading) {
  const auto* field = collection.message->FindFieldByName(path.substr(0, path.find('.')));
  return field == nullptr || cli::IsServersOwn(collection, *field, loading);
}

absl::StatusOr<Item> Resolve(const Catalog& catalog, const Document& document, bool loading) {
  if (!document.content.ok()) return document.content.status();
  Item item;
  item.document = &document;
  YAML::Node node = YAML::Clone(*document.content);
  if (!node.IsMap()) return BadDocument("must be a map of the fields of a resource");
  const YAML::Node type = node["type"];
  const YAML::Node name_node = node["name"];
  const std::string name = name_node && name_node.IsScalar() ? name_node.Scalar() : "";
  // A resource may have a field `type` of its own: then only its name tells.
  const Collection* by_type = type && type.IsScalar() ? catalog.OfType(type.Scalar()) : nullptr;
  const Collection* by_name = catalog.Owning(name);
  item.collection = by_type != nullptr ? by_type : by_name;
  if (item.collection == nullptr) {
    if (type && type.IsScalar()) {
      return BadDocument(absl::StrCat("is of type \"", type.Scalar(),
                                      "\", which the server does not have; `caravanctl "
                                      "api-resources` lists its types"));
    }
    return BadDocument(
        "says neither its type (type: caravan.dev/PilotZone) nor a full name (name: "
        "pilotZones/hangzhou)");
  }
  item.load = loading && item.collection->standard.contains(StandardMethod::kLoad);
  if (by_type != nullptr) node.remove("type");
  if (name.empty()) return BadDocument("has no name");
  const auto full = item.collection->NameOf(name);
  if (!full.ok()) return BadDocument(std::string(full.status().message()));

  item.resource = catalog.New(*item.collection->message);
  api::Violations violations;
  DocumentReader(catalog).Read(node, item.resource.get(), &item.paths, &violations);
  if (!violations.empty()) return violations.ToStatus();
  const auto* name_field = item.collection->message->FindFieldByName("name");
  item.resource->GetReflection()->SetString(item.resource.get(), name_field, *full);
  auto& paths = item.paths;
  paths.erase(std::remove_if(paths.begin(), paths.end(),
                             [&](const std::string& path) {
                               return IsServersOwn(*item.collection, path, item.load);
                             }),
              paths.end());
  return item;
}

absl::Status ReadCurrent(Session& session, Item* item) {
  auto current = session.Get(*item->collection, StringField(*item->resource, "name"));
  if (current.ok()) {
    item->current = *std::move(current);
  } else if (current.status().code() != absl::StatusCode::kNotFound) {
    return current.status();
  }
  return absl::OkStatus();
}

// Copies the field at a path from one message of a type to another.
void CopyPath(const Message& from, const FieldPath& path, Message* to) {
  const Message* source = &from;
  for (size_t i = 0; i + 1 < path.fields.size(); ++i) {
    const auto* field = path.fields[i];
    const bool there = source->GetReflection()->HasField(*source, field);
    // What is cleared within nothing stays nothing.
    if (!there && !to->GetReflection()->HasField(*to, field)) return;
    source = &source->GetReflection()->GetMessage(*source, field);
    to = to->GetReflection()->MutableMessage(to, field);
  }
  const auto* leaf = path.fields.back();
  auto part = std::unique_ptr<Message>(source->New());
  part->CopyFrom(*source);
  to->GetReflection()->ClearField(to, leaf);
  if (!IsSet(*source, *leaf)) return;
  to->GetReflection()->SwapFields(to, part.get(), {leaf});
}

// Whether the resource already is as the document has it.
bool IsUnchanged(const Item& item) {
  if (item.current == nullptr) return false;
  const std::string etag = StringField(*item.resource, "etag");
  if (!etag.empty() && etag != StringField(*item.current, "etag")) return false;
  auto wanted = std::unique_ptr<Message>(item.current->New());
  wanted->CopyFrom(*item.current);
  for (const std::string& text : item.paths) {
    const auto path = ResolvePath(*item.collection->message, text);
    if (!path.ok()) return false;
    CopyPath(*item.resource, *path, wanted.get());
  }
  return google::protobuf::util::MessageDifferencer::Equals(*wanted, *item.current);
}

// The same for loading, which replaces all that is not the server's own.
bool IsUnchangedByLoad(const Item& item) {
  if (item.current == nullptr) return false;
  google::protobuf::util::MessageDifferencer differencer;
  const auto& type = *item.collection->message;
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* field = type.field(i);
    const bool is_state = field->name() == "state";
    const bool left_open =
        is_state && !item.resource->GetReflection()->HasField(*item.resource, field);
    if (left_open || (!is_state && IsServersOwn(*item.collection, field->name(), true))) {
      differencer.IgnoreField(field);
    }
  }
  return differencer.Compare(*item.resource, *item.current);
}

// What a batch's refusals say of one row; OK where they don't name it.
absl::Status StatusOf(const std::vector<Refusal>& refusals, int64_t origin) {
  api::Violations violations;
  for (const auto& refusal : refusals) {
    if (refusal.origin != origin) continue;
    if (refusal.field.empty()) {
      return api::Error(absl::StatusCode::kInvalidArgument, refusal.reason, refusal.message);
    }
    violations.Add(refusal.field, refusal.message);
  }
  return violations.empty() ? absl::OkStatus() : violations.ToStatus();
}

class Apply {
 public:
  Apply(Session& session, bool dry_run) : session_(session), dry_run_(dry_run) {}

  void Fail(const Document& document, const absl::Status& status) {
    PrintError(status, document.Where(), session_.err());
    if (code_ == 0) code_ = ExitCode(status);
    ++failed_;
  }

  void Tell(const Item& item, bool unchanged) {
    session_.out() << StringField(*item.resource, "name")
                   << (unchanged                 ? " unchanged"
                       : item.current == nullptr ? " created"
                                                 : " configured")
                   << (dry_run_ ? " (dry run)" : "") << "\n";
  }

  absl::Status Update(const Item& item) {
    const auto method = item.collection->Method(StandardMethod::kUpdate);
    if (!method.ok()) return method.status();
    const auto catalog = session_.catalog();
    auto request = (*catalog)->New(*(*method)->input_type());
    auto status = FillUpdate(*item.resource, item.paths, request.get());
    if (status.ok() && dry_run_) status = session_.Set(request.get(), "validate_only", "true");
    if (!status.ok()) return status;
    return session_.Call(**method, request.get()).status();
  }

  // Loads the items of one collection together: they may refer to one another.
  void Load(const Collection& collection, std::vector<Item*> items) {
    constexpr size_t kBatch = 500;
    auto sender = BatchSender::Create(session_, collection, BatchMode::kLoad, {},
                                      client::NewRequestId(), dry_run_);
    for (size_t begin = 0; begin < items.size(); begin += kBatch) {
      const size_t end = std::min(items.size(), begin + kBatch);
      std::vector<BatchRow> rows;
      for (size_t i = begin; i < end; ++i) {
        auto copy = std::unique_ptr<Message>(items[i]->resource->New());
        copy->CopyFrom(*items[i]->resource);
        rows.push_back({static_cast<int64_t>(i), std::move(copy)});
      }
      std::vector<Refusal> refusals;
      const auto status = sender.ok() ? sender->Send(rows, &refusals) : sender.status();
      for (size_t i = begin; i < end; ++i) {
        if (!status.ok()) {
          Fail(*items[i]->document, status);
          continue;
        }
        const absl::Status refused = StatusOf(refusals, static_cast<int64_t>(i));
        if (refused.ok()) {
          Tell(*items[i], false);
        } else {
          Fail(*items[i]->document, refused);
        }
      }
    }
  }

  int code() const { return code_; }
  int failed() const { return failed_; }

 private:
  Session& session_;
  bool dry_run_;
  int code_ = 0;
  int failed_ = 0;
};

absl::StatusOr<int> RunApply(Session& session, const Flags& flags) {
  if (!flags.args().empty()) return UsageError("apply takes no arguments; give files by -f");
  if (!flags.Has("filename")) return UsageError("apply needs -f FILE, a folder, or -");
  const bool loading = flags.IsOn("load");
  const auto documents = ReadDocumentFiles(flags.All("filename"), *session.environment().in);
  if (!documents.ok()) return documents.status();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  Apply apply(session, flags.IsOn("dry-run"));
  std::vector<std::unique_ptr<Item>> items;
  // Neighbours of one collection go together; between collections the order of
  // the documents holds, for later ones may refer to earlier ones.
  const auto load_all = [&] {
    for (size_t begin = 0; begin < items.size();) {
      size_t end = begin;
      std::vector<Item*> together;
      while (end < items.size() && items[end]->collection == items[begin]->collection) {
        together.push_back(items[end++].get());
      }
      apply.Load(*items[begin]->collection, std::move(together));
      begin = end;
    }
    items.clear();
  };
  for (const Document& document : *documents) {
    auto item = Resolve(**catalog, document, loading);
    if (!item.ok()) {
      apply.Fail(document, item.status());
      continue;
    }
    auto status = ReadCurrent(session, &*item);
    if (!status.ok()) {
      apply.Fail(document, status);
      continue;
    }
    if (item->load ? IsUnchangedByLoad(*item) : IsUnchanged(*item)) {
      apply.Tell(*item, true);
      continue;
    }
    if (item->load) {
      items.push_back(std::make_unique<Item>(*std::move(item)));
      continue;
    }
    // It may refer to those that wait to be loaded.
    load_all();
    status = apply.Update(*item);
    if (status.ok()) {
      apply.Tell(*item, false);
    } else {
      apply.Fail(document, status);
    }
  }
  load_all();
  if (documents->empty()) session.err() << "Nothing to apply.\n";
  if (apply.failed() > 0) {
    session.err() << apply.failed() << " of " << documents->size() << " documents failed.\n";
  }
  return apply.code();
}

}  // namespace

Command ApplyCommand() {
  return {
      .name = "apply",
      .arguments = "-f FILE|FOLDER|-",
      .summary = "make resources as files describe them",
      .details =
          "Creates what does not exist, and sets in what exists the fields that a document\n"
          "names; a null clears one. A document is YAML or JSON and says what it is by its\n"
          "type (type: caravan.dev/PilotZone) or its name (name: pilotZones/hangzhou); a file\n"
          "may hold many. Dates are written 2018-10-01, or 2025-04 where the day is not known.\n"
          "What `get -o yaml` shows can be applied; fields that only the server sets are passed\n"
          "over. Documents after one that fails are applied all the same.\n",
      .flags = {{"filename", "FILE", "a file, a folder, or -; may be repeated", 'f'},
                {"load", "",
                 "load registers: replace resources whole, with states and dates; collections "
                 "that are not loaded are updated"},
                {"dry-run", "", "let the server check, and change nothing"}},
      .run = RunApply};
}

}  // namespace caravan::cli
