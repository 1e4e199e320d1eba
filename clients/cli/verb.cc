// Custom methods as verbs: their flags are the fields of the request.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/printer.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr int kMaxDepth = 6;  // a message type may contain itself

std::string Explain(const FieldDescriptor& field) {
  std::string text;
  if (field.is_map()) {
    text = "KEY=VALUE";
  } else if (field.enum_type() != nullptr) {
    std::vector<std::string> names;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      if (field.enum_type()->value(i)->number() != 0) {
        names.push_back(field.enum_type()->value(i)->name());
      }
    }
    text = absl::StrJoin(names, "|");
  } else if (field.message_type() != nullptr) {
    text = absl::AsciiStrToUpper(field.message_type()->name());
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    text = field.type() == FieldDescriptor::TYPE_BYTES ? "BASE64" : "TEXT";
  } else {
    text = "NUMBER";
  }
  return text;
}

// A flag for each field that one value sets, by its path.
void AddFlags(const Descriptor& type, const std::string& prefix, int depth,
              std::vector<Flag>* flags) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    const std::string name = prefix + ToKebab(field.name());
    if (!IsScalar(field) && !field.is_map()) {
      if (!field.is_repeated() && depth > 0) {
        AddFlags(*field.message_type(), name + ".", depth - 1, flags);
      }
      continue;
    }
    // Given as an argument.
    if (prefix.empty() && field.name() == "name") continue;
    const bool is_switch =
        field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL && !field.is_repeated();
    flags->push_back({name, is_switch ? "" : Explain(field),
                      field.is_repeated() ? "may be repeated" : "", 0, is_switch});
  }
}

// The verb of a collection; a usage error that says what there is instead.
absl::StatusOr<const Verb*> FindVerb(const Catalog& catalog, const std::string& name,
                                     const std::string& collection_name) {
  std::vector<std::string> command_names;
  for (const auto& command : Commands()) command_names.push_back(command.name);
  bool known = false;
  for (const auto& collection : catalog.collections()) {
    for (const Verb& verb : collection->verbs) {
      command_names.push_back(verb.name);
      known = known || verb.name == name;
    }
  }
  if (!known) {
    std::sort(command_names.begin(), command_names.end());
    command_names.erase(std::unique(command_names.begin(), command_names.end()),
                        command_names.end());
    return UsageError(absl::StrCat("\"", name, "\" is neither a command nor a verb of the server",
                                   DidYouMean(name, command_names),
                                   "; see `caravanctl help` and `caravanctl methods`"));
  }
  const auto collection = catalog.Find(collection_name);
  if (!collection.ok()) return collection.status();
  for (const Verb& verb : (*collection)->verbs) {
    if (verb.name == name) return &verb;
  }
  std::vector<std::string> verbs;
  for (const Verb& verb : (*collection)->verbs) verbs.push_back(verb.name);
  return UsageError(absl::StrCat((*collection)->id, " has no verb \"", name, "\"; it has ",
                                 verbs.empty() ? "none" : absl::StrJoin(verbs, ", ")));
}

}  // namespace

std::vector<Flag> RequestFlags(const Descriptor& request) {
  std::vector<Flag> flags = {
      {"filename", "FILE", "a document with the fields of the request (YAML or JSON)", 'f'}};
  AddFlags(request, "", kMaxDepth, &flags);
  // The flags of every command win over fields of the same name.
  for (const auto& flag : GlobalFlags()) {
    flags.erase(std::remove_if(flags.begin(), flags.end(),
                               [&](const Flag& f) { return f.name == flag.name; }),
                flags.end());
  }
  return flags;
}

absl::Status FillRequest(Session& session, const Flags& flags, Message* request) {
  const auto catalog = session.catalog();
  if (flags.Has("filename")) {
    const auto documents = ReadDocumentFiles({flags.Get("filename")}, *session.environment().in);
    if (!documents.ok()) return documents.status();
    if (documents->size() != 1) {
      return UsageError(absl::StrCat(flags.Get("filename"), " has ", documents->size(),
                                     " documents; a request is one"));
    }
    const Document& document = documents->front();
    if (!document.content.ok()) {
      return UsageError(
          absl::StrCat(document.Where(), " ", std::string(document.content.status().message())));
    }
    std::vector<std::string> paths;
    api::Violations violations;
    DocumentReader(**catalog).Read(*document.content, request, &paths, &violations);
    if (!violations.empty()) return violations.ToStatus();
  }
  std::vector<Flag> fields;
  AddFlags(*request->GetDescriptor(), "", kMaxDepth, &fields);
  for (const auto& given : flags.given()) {
    const auto& [name, value] = given;
    const bool is_field = std::any_of(fields.begin(), fields.end(),
                                      [&](const Flag& f) { return f.name == given.first; });
    if (!is_field) continue;
    const auto path = ResolvePath(*request->GetDescriptor(), name);
    if (!path.ok()) return path.status();
    const auto status = ValueReader(**catalog).SetPath(request, *path, value);
    if (!status.ok()) {
      return UsageError(absl::StrCat("--", name, " ", std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

namespace {

// Prints the answer, or each of those that a stream brings.
absl::StatusOr<int> CallAndPrint(Session& session, const Verb& verb, Format format,
                                 Message* request) {
  const auto catalog = session.catalog();
  const auto print = [&](const Message& answer) -> absl::Status {
    for (const auto& collection : (*catalog)->collections()) {
      if (collection->message != answer.GetDescriptor()) continue;
      const auto printer =
          NewPrinter(format, **catalog, *collection, false, !collection->IsNested(), session.out());
      auto status = printer->Print(answer);
      printer->Finish();
      return status;
    }
    if (answer.GetDescriptor()->field_count() == 0) return absl::OkStatus();
    return PrintAnswer(format, **catalog, answer, session.out());
  };
  if (!verb.method->server_streaming()) {
    const auto answer = session.Call(*verb.method, request);
    auto status = answer.ok() ? print(**answer) : answer.status();
    if (!status.ok()) return status;
    return 0;
  }
  const auto connection = session.connection();
  const auto stream = (*connection)->Stream(client::MethodOf(*verb.method));
  if (!stream.ok()) return stream.status();
  if ((*stream)->Write(*request)) (*stream)->WritesDone();
  const auto answer = (*catalog)->New(*verb.method->output_type());
  while (true) {
    const auto more = (*stream)->Next(answer.get());
    if (!more.ok()) return more.status();
    if (!*more) return 0;
    if (auto status = print(*answer); !status.ok()) return status;
    if (!session.out().flush()) return 1;
  }
}

}  // namespace

absl::StatusOr<int> RunVerb(const std::vector<std::string>& words, Environment& environment) {
  // First only what is needed to reach the server, which knows the rest.
  const auto first = FlagParser(GlobalFlags()).Parse(words, /*lenient=*/true);
  if (!first.ok()) return first.status();
  const std::string& name = first->args()[0];
  Session session(environment, *first);
  const auto catalog = session.catalog();
  if (!catalog.ok()) {
    if (!IsUsageError(catalog.status())) return catalog.status();
    return UsageError(absl::StrCat("\"", name,
                                   "\" is no command of caravanctl, and whether it is a "
                                   "verb of the server cannot be asked: ",
                                   std::string(catalog.status().message())));
  }
  // `merge pilotZones/haikou` is `merge pilotZones haikou`.
  std::string collection_name = first->args().size() > 1 ? first->args()[1] : "";
  if (const auto* owner = (*catalog)->Owning(collection_name)) collection_name = owner->id;
  const auto verb = FindVerb(**catalog, name, collection_name);
  if (!verb.ok()) return verb.status();
  std::vector<Flag> flags = RequestFlags(*(*verb)->method->input_type());
  flags.push_back(OutputFlag());
  if (first->Has("help")) {
    *environment.out << "usage: caravanctl " << name << " " << collection_name
                     << ((*verb)->on_resource ? " ID" : "") << " [FLAGS]\n\nCalls "
                     << (*verb)->method->full_name() << ".\n\nflags:\n"
                     << DescribeFlags(flags) << "\nflags of every command:\n"
                     << DescribeFlags(GlobalFlags());
    return 0;
  }
  flags.insert(flags.end(), GlobalFlags().begin(), GlobalFlags().end());
  const auto parsed = FlagParser(flags).Parse(words);
  if (!parsed.ok()) return parsed.status();
  const auto format = ParseFormat(parsed->Get("output", "table"));
  if (!format.ok()) return format.status();

  auto request = (*catalog)->New(*(*verb)->method->input_type());
  if (auto status = FillRequest(session, *parsed, request.get()); !status.ok()) return status;
  std::vector<std::string> ids(parsed->args().begin() + 1, parsed->args().end());
  const auto* owner = (*catalog)->Owning(ids.empty() ? "" : ids[0]);
  if (owner == nullptr) {
    owner = *(*catalog)->Find(collection_name);
    ids.erase(ids.begin());
  }
  if ((*verb)->on_resource) {
    if (ids.size() != 1) return UsageError(absl::StrCat(name, " ", owner->id, " takes one ID"));
    const auto full = owner->NameOf(ids[0]);
    if (!full.ok()) return full.status();
    if (auto status = session.Set(request.get(), "name", *full); !status.ok()) return status;
  } else if (!ids.empty()) {
    return UsageError(absl::StrCat(name, " works on ", owner->id, " as a whole, and takes no ID"));
  }
  return CallAndPrint(session, **verb, *format, request.get());
}

}  // namespace caravan::cli
