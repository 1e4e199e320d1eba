// Writes collections in forms that apply and import take back.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands.h"
#include "clients/cli/csv.h"
#include "clients/cli/document.h"
#include "clients/cli/references.h"
#include "clients/cli/target.h"
#include "clients/cli/value.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::Descriptor;
using ::google::protobuf::Message;

using Messages = std::vector<std::unique_ptr<Message>>;

enum class Form { kYaml, kJson, kCsv };

absl::StatusOr<Form> ParseForm(const std::string& text) {
  if (text == "yaml") return Form::kYaml;
  if (text == "json") return Form::kJson;
  if (text == "csv") return Form::kCsv;
  return UsageError(absl::StrCat("--output is yaml, json or csv, not \"", text, "\""));
}

// Adds a column for each value of a resource, by its path. A usage error where
// the resource has what a cell cannot hold.
absl::Status AddCells(const Message& message, const std::string& prefix,
                      std::map<std::string, std::string>* cells) {
  const auto* r = message.GetReflection();
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (!IsSet(message, field)) continue;
    const std::string path = prefix + field.name();
    const auto refuse = [&](std::string_view why) {
      return UsageError(absl::StrCat(path, " ", why, ", which CSV cannot hold; use -o yaml"));
    };
    const int size = field.is_repeated() ? r->FieldSize(message, &field) : 0;
    if (field.is_map()) {
      const auto& value = *field.message_type()->map_value();
      if (!IsScalar(value)) return refuse("is a map of messages");
      for (int j = 0; j < size; ++j) {
        const Message& entry = r->GetRepeatedMessage(message, &field, j);
        const std::string key = FormatValue(entry, *field.message_type()->map_key());
        if (key.find('.') != std::string::npos) return refuse("has a key with a dot");
        (*cells)[absl::StrCat(path, ".", key)] = FormatValue(entry, value);
      }
    } else if (field.is_repeated()) {
      if (!IsScalar(field)) return refuse("is a list of messages");
      std::vector<std::string> parts;
      for (int j = 0; j < size; ++j) {
        parts.push_back(FormatValue(message, field, j));
        if (parts.back().empty() || parts.back().find(';') != std::string::npos) {
          return refuse("has an entry that is empty or holds a semicolon");
        }
      }
      (*cells)[path] = absl::StrJoin(parts, ";");
    } else if (IsScalar(field)) {
      (*cells)[path] = FormatValue(message, field);
    } else {
      auto status = AddCells(r->GetMessage(message, &field), path + ".", cells);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

// Paths in the order of declaration rather than of the alphabet.
void OrderPaths(const Descriptor& type, const std::string& prefix,
                const std::set<std::string>& used, std::vector<std::string>* ordered) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    const std::string path = prefix + field.name();
    if (used.contains(path)) {
      ordered->push_back(path);
      continue;
    }
    const auto first = used.lower_bound(path + ".");
    if (first == used.end() || !absl::StartsWith(*first, path + ".")) continue;
    if (field.is_map()) {
      for (auto it = first; it != used.end() && absl::StartsWith(*it, path + "."); ++it) {
        ordered->push_back(*it);
      }
    } else if (field.message_type() != nullptr) {
      OrderPaths(*field.message_type(), path + ".", used, ordered);
    }
  }
}

absl::Status WriteCsv(const Collection& collection, const std::vector<Ordered>& resources,
                      std::ostream& out) {
  std::vector<std::map<std::string, std::string>> rows;
  std::set<std::string> used = {"name"};
  for (const auto& [unused, resource] : resources) {
    auto& cells = rows.emplace_back();
    if (auto status = AddCells(*resource, "", &cells); !status.ok()) return status;
    for (const auto& [path, text] : cells) used.insert(path);
  }
  std::vector<std::string> columns;
  OrderPaths(*collection.message, "", used, &columns);
  const auto write = [&](const std::function<std::string(const std::string&)>& cell) {
    std::vector<std::string> line;
    for (const auto& column : columns) line.push_back(CsvQuote(cell(column)));
    out << absl::StrJoin(line, ",") << "\n";
  };
  write([](const std::string& column) { return column; });
  for (auto& row : rows) write([&](const std::string& column) { return row[column]; });
  return absl::OkStatus();
}

class Export {
 public:
  Export(Session& session, const Flags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  absl::Status ReadFlags();
  absl::StatusOr<Messages> Read(const Collection& collection, const std::string& filter);
  absl::StatusOr<Messages> ReadIn(const Collection& collection, const std::string& parent,
                                  const std::string& filter);
  absl::Status Write(const std::vector<Ordered>& resources, std::ostream& out);
  absl::Status WriteFile(const Collection& collection, const std::vector<Ordered>& resources,
                         int number);

  Session& session_;
  const Flags& flags_;
  const Catalog* catalog_ = nullptr;
  Form form_ = Form::kYaml;
  std::vector<const Collection*> collections_;
};

absl::Status Export::ReadFlags() {
  const auto form = ParseForm(flags_.Get("output", "yaml"));
  if (!form.ok()) return form.status();
  form_ = *form;
  const auto catalog = session_.catalog();
  if (!catalog.ok()) return catalog.status();
  catalog_ = *catalog;
  if (flags_.args().empty() != flags_.IsOn("all")) {
    return UsageError("export takes collections, or --all");
  }
  std::vector<const Collection*> wanted;
  for (const std::string& name : flags_.args()) {
    const auto found = catalog_->Find(name);
    if (!found.ok()) return found.status();
    if (std::find(wanted.begin(), wanted.end(), *found) == wanted.end()) wanted.push_back(*found);
  }
  if (flags_.IsOn("all")) {
    for (const auto& collection : catalog_->collections()) {
      // What nobody may write cannot be read back.
      const auto& methods = collection->standard;
      if (methods.contains(StandardMethod::kList) &&
          (methods.contains(StandardMethod::kUpdate) || methods.contains(StandardMethod::kLoad))) {
        wanted.push_back(collection.get());
      }
    }
  }
  if (wanted.size() > 1 && flags_.Has("filter")) {
    return UsageError("--filter is for one collection");
  }
  if (wanted.size() > 1 && form_ == Form::kCsv && !flags_.Has("to")) {
    return UsageError("a CSV file holds one collection; give a folder by --to");
  }
  std::sort(wanted.begin(), wanted.end(),
            [](const Collection* a, const Collection* b) { return a->id < b->id; });
  collections_ = std::move(wanted);
  return absl::OkStatus();
}

absl::StatusOr<Messages> Export::ReadIn(const Collection& collection, const std::string& parent,
                                        const std::string& filter) {
  const auto method = collection.Method(StandardMethod::kList);
  if (!method.ok()) return method.status();
  auto request = catalog_->New(*(*method)->input_type());
  auto status = session_.Set(request.get(), "page_size", "500");
  if (status.ok() && !parent.empty()) status = session_.Set(request.get(), "parent", parent);
  if (status.ok() && !filter.empty()) status = session_.Set(request.get(), "filter", filter);
  if (!status.ok()) return status;
  Messages resources;
  std::string token;
  do {
    status = session_.Set(request.get(), "page_token", token);
    if (!status.ok()) return status;
    const auto response = session_.Call(**method, request.get());
    if (!response.ok()) return response.status();
    const auto* items = api::RepeatedResource(*(*response)->GetDescriptor());
    const auto* r = (*response)->GetReflection();
    for (int i = 0; i < r->FieldSize(**response, items); ++i) {
      resources.push_back(WithoutServersOwn(collection, r->GetRepeatedMessage(**response, items, i),
                                            /*loading=*/true));
    }
    token = StringField(**response, "next_page_token");
  } while (!token.empty());
  return resources;
}

absl::StatusOr<Messages> Export::Read(const Collection& collection, const std::string& filter) {
  if (!collection.IsNested()) return ReadIn(collection, "", filter);
  if (flags_.Has("parent")) return ReadIn(collection, flags_.Get("parent"), filter);
  // Of every resource in which some may live.
  Messages all;
  for (const auto& parent : catalog_->collections()) {
    const bool holds = std::any_of(
        collection.patterns.begin(), collection.patterns.end(), [&](const std::string& pattern) {
          const std::string own = pattern.substr(0, pattern.rfind('/', pattern.rfind('/') - 1));
          return std::find(parent->patterns.begin(), parent->patterns.end(), own) !=
                 parent->patterns.end();
        });
    if (!holds) continue;
    const auto parents = Read(*parent, "");
    if (!parents.ok()) return parents.status();
    for (const auto& each : *parents) {
      auto resources = ReadIn(collection, StringField(*each, "name"), filter);
      if (!resources.ok()) return resources.status();
      std::move(resources->begin(), resources->end(), std::back_inserter(all));
    }
  }
  return all;
}

absl::Status Export::Write(const std::vector<Ordered>& resources, std::ostream& out) {
  bool first = true;
  for (const auto& [collection, resource] : resources) {
    if (form_ == Form::kYaml) {
      out << "---\n" << ToYaml(*catalog_, *resource, collection->type);
      continue;
    }
    auto json = ToJson(*resource, /*indented=*/false);
    if (!json.ok()) return json.status();
    out << (first ? "[\n" : ",\n") << *json;
    first = false;
  }
  if (form_ == Form::kJson) out << (first ? "[]\n" : "\n]\n");
  return absl::OkStatus();
}

absl::Status Export::WriteFile(const Collection& collection, const std::vector<Ordered>& resources,
                               int number) {
  static constexpr const char* kEndings[] = {"yaml", "json", "csv"};
  std::error_code error;
  std::filesystem::create_directories(flags_.Get("to"), error);
  const std::string file = absl::StrFormat("%s/%02d-%s.%s", flags_.Get("to"), number, collection.id,
                                           kEndings[static_cast<int>(form_)]);
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  auto status = form_ == Form::kCsv ? WriteCsv(collection, resources, out) : Write(resources, out);
  if (!status.ok()) return status;
  if (!out.flush()) return UsageError(absl::StrCat("cannot write ", file));
  session_.err() << file << ": " << resources.size() << " " << collection.id << "\n";
  return absl::OkStatus();
}

absl::StatusOr<int> Export::Run() {
  if (auto status = ReadFlags(); !status.ok()) return status;
  std::vector<Resources> read;
  for (const Collection* collection : collections_) {
    auto resources = Read(*collection, flags_.Get("filter"));
    if (!resources.ok()) return resources.status();
    read.push_back({collection, *std::move(resources)});
  }
  const auto ordered = InOrderOfReferences(read);
  if (!flags_.Has("to")) {
    const auto status = form_ == Form::kCsv ? WriteCsv(*collections_[0], ordered, session_.out())
                                            : Write(ordered, session_.out());
    if (!status.ok()) return status;
    return 0;
  }
  int number = 0;
  for (const Collection* collection : CollectionsInOrder(read)) {
    std::vector<Ordered> part;
    std::copy_if(ordered.begin(), ordered.end(), std::back_inserter(part),
                 [&](const Ordered& each) { return each.collection == collection; });
    if (part.empty()) continue;
    if (auto status = WriteFile(*collection, part, ++number); !status.ok()) return status;
  }
  return 0;
}

}  // namespace

Command ExportCommand() {
  return {
      .name = "export",
      .arguments = "COLLECTION...",
      .summary = "write collections as files that apply and import take back",
      .details =
          "Writes all resources of the collections, those that others refer to first, without\n"
          "what only the server sets. States and the dates of a register are in it: `apply -f`\n"
          "passes them over, `apply --load -f` sets them. A CSV file is read back by\n"
          "`import FILE --collection COLLECTION --load`. For example\n\n"
          "  caravanctl export --all --to backup\n"
          "  caravanctl export documents policies | caravanctl --context other apply -f -\n",
      .flags = {{"all", "", "every collection that can be written"},
                {"output", "FORMAT", "yaml, json or csv", 'o'},
                {"filter", "FILTER", "which of the collection: an AIP-160 filter"},
                {"parent", "NAME", "only those that live in this resource"},
                {"to", "FOLDER", "a file for each collection, numbered in their order"}},
      .run = [](Session& session, const Flags& flags) { return Export(session, flags).Run(); },
      .completes = Completes::kCollections};
}

}  // namespace caravan::cli
