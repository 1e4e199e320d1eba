// What the contract says of a collection, a field or a verb.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cli/commands.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;

constexpr int kWidth = 80;
constexpr int kMaxDepth = 6;  // a message type may contain itself

// The comment before a declaration, without its line breaks but for those
// between paragraphs and before the items of a list.
template <typename Declaration>
std::vector<std::string> Comment(const Declaration& declaration) {
  google::protobuf::SourceLocation location;
  std::vector<std::string> paragraphs;
  if (!declaration.GetSourceLocation(&location)) return paragraphs;
  bool open = false;
  for (std::string_view line : absl::StrSplit(location.leading_comments, '\n')) {
    const bool indented = line.size() > 3 && line.substr(0, 3) == "   ";
    const std::string text(absl::StripAsciiWhitespace(line));
    if (text.empty()) {
      open = false;
    } else if (!open || indented || text.substr(0, 2) == "- ") {
      paragraphs.push_back(text);
      open = !indented || text.substr(0, 2) == "- ";
    } else {
      absl::StrAppend(&paragraphs.back(), " ", text);
    }
  }
  return paragraphs;
}

void Write(std::ostream& out, const std::string& text, int indent) {
  const std::string margin(indent, ' ');
  std::string line;
  for (const std::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!line.empty() && indent + DisplayWidth(line) + 1 + DisplayWidth(word) > kWidth) {
      out << margin << OneLine(line) << "\n";
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  if (!line.empty()) out << margin << OneLine(line) << "\n";
}

void Write(std::ostream& out, const std::vector<std::string>& paragraphs, int indent) {
  for (const auto& paragraph : paragraphs) Write(out, paragraph, indent);
}

// `<string>`, `<[]Date>`, `<map[string]string>`.
std::string TypeName(const FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("map[", TypeName(*field.message_type()->map_key()), "]",
                        TypeName(*field.message_type()->map_value()));
  }
  const std::string list = field.is_repeated() ? "[]" : "";
  if (field.message_type() != nullptr) return list + field.message_type()->name();
  if (field.enum_type() != nullptr) return list + field.enum_type()->name();
  return absl::StrCat(list, field.type_name());
}

// What else the contract says of a field: required, bounds, references.
std::string Rules(const FieldDescriptor& field) {
  std::vector<std::string> rules;
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    const auto behavior = options.GetExtension(google::api::field_behavior, i);
    rules.push_back(absl::StrReplaceAll(
        absl::AsciiStrToLower(google::api::FieldBehavior_Name(behavior)), {{"_", " "}}));
  }
  if (options.HasExtension(google::api::resource_reference)) {
    rules.push_back("names a " + options.GetExtension(google::api::resource_reference).type());
  }
  const auto& limits = options.GetExtension(api::v1::limits);
  const auto add = [&](bool set, std::string_view what, const auto& value) {
    if (set) rules.push_back(absl::StrCat(what, " ", value));
  };
  add(limits.has_min(), "at least", limits.min());
  add(limits.has_max(), "at most", limits.max());
  add(limits.min_length() > 0, "characters: at least", limits.min_length());
  add(limits.max_length() > 0, "characters: at most", limits.max_length());
  add(limits.min_items() > 0, "entries: at least", limits.min_items());
  add(limits.max_items() > 0, "entries: at most", limits.max_items());
  if (limits.unique_items()) rules.push_back("no entry twice");
  add(!limits.pattern().empty(), "matches", limits.pattern());
  add(!limits.format().empty(), "is a", limits.format());
  return absl::StrJoin(rules, "; ");
}

std::vector<std::string> ValuesOf(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name());
  }
  return names;
}

void ExplainFields(const Descriptor& type, int indent, int depth, std::ostream& out) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    out << std::string(indent, ' ') << field.json_name() << "  <" << TypeName(field) << ">\n";
    const bool by_parts = field.message_type() != nullptr && !IsScalar(field) && !field.is_map();
    if (depth > 0) {
      if (by_parts) ExplainFields(*field.message_type(), indent + 2, depth - 1, out);
      continue;
    }
    if (const std::string rules = Rules(field); !rules.empty()) Write(out, rules, indent + 4);
    Write(out, Comment(field), indent + 4);
    if (field.enum_type() != nullptr) {
      Write(out, "One of " + absl::StrJoin(ValuesOf(*field.enum_type()), ", ") + ".", indent + 4);
    }
    out << "\n";
  }
}

void ExplainField(const FieldDescriptor& field, const std::string& path, bool recursive,
                  std::ostream& out) {
  out << "FIELD:  " << path << "  <" << TypeName(field) << ">\n";
  if (const std::string rules = Rules(field); !rules.empty()) {
    out << "RULES:\n";
    Write(out, rules, 4);
  }
  out << "DESCRIPTION:\n";
  Write(out, Comment(field), 4);
  if (const auto* type = field.enum_type()) {
    out << "VALUES:\n";
    for (int i = 0; i < type->value_count(); ++i) {
      if (type->value(i)->number() == 0) continue;
      out << "  " << type->value(i)->name() << "\n";
      Write(out, Comment(*type->value(i)), 4);
    }
  }
  const Descriptor* type =
      field.is_map() ? field.message_type()->map_value()->message_type() : field.message_type();
  if (type == nullptr || IsScalarLike(*type)) return;
  Write(out, Comment(*type), 4);
  out << "FIELDS:\n";
  ExplainFields(*type, 2, recursive ? kMaxDepth : 0, out);
}

absl::StatusOr<int> RunExplain(Session& session, const Flags& flags) {
  if (flags.args().empty() || flags.args().size() > 2) {
    return UsageError(
        "explain takes COLLECTION, COLLECTION.FIELD such as pilotZones.office.email, or VERB "
        "COLLECTION");
  }
  const auto catalog = session.explained_catalog();
  if (!catalog.ok()) return catalog.status();
  std::ostream& out = session.out();
  const bool recursive = flags.IsOn("recursive");
  if (flags.args().size() == 2) {
    const auto collection = (*catalog)->Find(flags.args()[1]);
    if (!collection.ok()) return collection.status();
    std::vector<std::string> known;
    for (const Verb& verb : (*collection)->verbs) {
      known.push_back(verb.name);
      if (verb.name != flags.args()[0]) continue;
      out << "VERB:  " << verb.name << " " << (*collection)->id << (verb.on_resource ? " ID" : "")
          << "\nMETHOD:  " << verb.method->full_name() << "\nDESCRIPTION:\n";
      Write(out, Comment(*verb.method), 4);
      out << "FIELDS:\n";
      ExplainFields(*verb.method->input_type(), 2, recursive ? kMaxDepth : 0, out);
      return 0;
    }
    return UsageError(absl::StrCat((*collection)->id, " has no verb \"", flags.args()[0], "\"",
                                   DidYouMean(flags.args()[0], known)));
  }
  const std::string& word = flags.args()[0];
  const size_t dot = word.find('.');
  // A type has a dot too: caravan.dev/PilotZone.
  const bool is_type = word.find('/') != std::string::npos;
  const auto collection = (*catalog)->Find(is_type ? word : word.substr(0, dot));
  if (!collection.ok()) return collection.status();
  const Descriptor& type = *(*collection)->message;
  if (!is_type && dot != std::string::npos) {
    // Lists are gone through here: what an entry is, all are.
    const Descriptor* inside = &type;
    const FieldDescriptor* field = nullptr;
    for (const std::string_view part : absl::StrSplit(word.substr(dot + 1), '.')) {
      if (inside == nullptr) {
        return UsageError(absl::StrCat(field->name(), " has no fields, so no \"", part, "\""));
      }
      field = FindField(*inside, part);
      if (field == nullptr) return UsageError(NoSuchField(*inside, part));
      inside = field->message_type() != nullptr && IsScalarLike(*field->message_type())
                   ? nullptr
                   : field->message_type();
    }
    ExplainField(*field, absl::StrCat((*collection)->id, ".", word.substr(dot + 1)), recursive,
                 out);
    return 0;
  }
  out << "COLLECTION:  " << (*collection)->id << "\nTYPE:  " << (*collection)->type
      << "\nNAMES:  " << absl::StrJoin((*collection)->patterns, " ") << "\nDESCRIPTION:\n";
  Write(out, Comment(type), 4);
  if (!(*collection)->verbs.empty()) {
    out << "VERBS:\n";
    for (const Verb& verb : (*collection)->verbs) {
      out << "  " << verb.name << (verb.on_resource ? " ID" : "") << "\n";
      const auto comment = Comment(*verb.method);
      if (!comment.empty()) Write(out, comment[0], 4);
    }
  }
  out << "FIELDS:\n";
  ExplainFields(type, 2, recursive ? kMaxDepth : 0, out);
  return 0;
}

}  // namespace

Command ExplainCommand() {
  return {
      .name = "explain",
      .arguments = "COLLECTION[.FIELD...] | VERB COLLECTION",
      .summary = "show what the contract says of a collection, a field or a verb",
      .details =
          "Shows types, rules and descriptions as the server's contract has them, for example\n\n"
          "  caravanctl explain pilotZones\n"
          "  caravanctl explain pilotZones.office.email\n"
          "  caravanctl explain merge pilotZones\n",
      .flags = {{"recursive", "", "only the names and types of all fields, whatever the depth"}},
      .run = RunExplain,
      .completes = Completes::kCollections};
}

}  // namespace caravan::cli
