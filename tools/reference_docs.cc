#include "tools/reference_docs.h"

#include <optional>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/api/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/descriptor.pb.h"

namespace caravan::tools {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;

constexpr absl::string_view kGenerated =
    "<!-- Generated from the contracts in protos/ by tools/protoc_gen_docs.cc; to write it anew:\n"
    "     cmake --build build/dev --target reference -->\n";

std::string Clean(absl::string_view comment) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(comment, '\n')) {
    if (absl::StartsWith(line, " ")) line.remove_prefix(1);
    lines.emplace_back(absl::StripTrailingAsciiWhitespace(line));
  }
  return std::string(absl::StripAsciiWhitespace(absl::StrJoin(lines, "\n")));
}

// The comment before a declaration, else the one behind it.
template <typename D>
std::string CommentOf(const D& descriptor) {
  SourceLocation location;
  if (!descriptor.GetSourceLocation(&location)) return "";
  const std::string leading = Clean(location.leading_comments);
  return leading.empty() ? Clean(location.trailing_comments) : leading;
}

// The comment at the head of a file, before its syntax declaration.
std::string CommentOfFile(const FileDescriptor& file) {
  SourceLocation location;
  const std::vector<int> path = {google::protobuf::FileDescriptorProto::kSyntaxFieldNumber};
  return file.GetSourceLocation(path, &location) ? Clean(location.leading_comments) : "";
}

std::string Cell(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n\n", "<br>"}, {"\n", " "}});
}

std::string Code(absl::string_view text) { return absl::StrCat("`", text, "`"); }

std::string CodeList(const google::protobuf::RepeatedPtrField<std::string>& items) {
  return absl::StrJoin(items, ", ", [](std::string* out, const std::string& item) {
    absl::StrAppend(out, Code(item));
  });
}

// Name within the package, for example `PilotZone.State`.
template <typename D>
std::string ShortName(const D& descriptor) {
  const std::string& package = descriptor.file()->package();
  return package.empty() ? descriptor.full_name()
                         : descriptor.full_name().substr(package.size() + 1);
}

// A link to the heading of a type of ours, or its name.
template <typename D>
std::string Link(const D& type, const FileDescriptor& from) {
  const std::string& package = type.file()->package();
  if (!absl::StartsWith(package, "caravan.")) return Code(type.full_name());
  const std::string page = package == from.package() ? "" : absl::StrCat(package, ".md");
  const std::string anchor =
      absl::StrReplaceAll(absl::AsciiStrToLower(ShortName(type)), {{".", ""}});
  return absl::StrCat("[", ShortName(type), "](", page, "#", anchor, ")");
}

std::string ScalarType(const FieldDescriptor& field, const FileDescriptor& from) {
  if (field.message_type() != nullptr) return Link(*field.message_type(), from);
  if (field.enum_type() != nullptr) return Link(*field.enum_type(), from);
  return field.type_name();
}

std::string TypeOf(const FieldDescriptor& field, const FileDescriptor& from) {
  if (field.is_map()) {
    return absl::StrCat("map of ", ScalarType(*field.message_type()->map_key(), from), " to ",
                        ScalarType(*field.message_type()->map_value(), from));
  }
  std::string type = ScalarType(field, from);
  if (field.is_repeated()) return absl::StrCat("repeated ", type);
  if (field.has_optional_keyword()) return absl::StrCat("optional ", type);
  return type;
}

std::string Number(double value) { return absl::StrCat(value); }

void AddRange(std::vector<std::string>& rules, std::optional<std::string> least,
              std::optional<std::string> most, absl::string_view unit) {
  if (least && most) {
    rules.push_back(absl::StrCat(*least, " to ", *most, unit));
  } else if (least) {
    rules.push_back(absl::StrCat("at least ", *least, unit));
  } else if (most) {
    rules.push_back(absl::StrCat("at most ", *most, unit));
  }
}

std::optional<std::string> Count(int value) {
  return value == 0 ? std::nullopt : std::make_optional(absl::StrCat(value));
}

// What the options of a field say.
std::string RulesOf(const FieldDescriptor& field) {
  std::vector<std::string> rules;
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    const auto behavior = options.GetExtension(google::api::field_behavior, i);
    rules.push_back(absl::AsciiStrToLower(
        absl::StrReplaceAll(google::api::FieldBehavior_Name(behavior), {{"_", " "}})));
  }
  if (options.HasExtension(google::api::resource_reference)) {
    const auto& reference = options.GetExtension(google::api::resource_reference);
    rules.push_back(reference.type().empty()
                        ? absl::StrCat("names the parent of a ", Code(reference.child_type()))
                        : absl::StrCat("names a ", Code(reference.type())));
  }
  const auto& limits = options.GetExtension(api::v1::limits);
  AddRange(rules, Count(limits.min_length()), Count(limits.max_length()),
           field.type() == FieldDescriptor::TYPE_BYTES ? " bytes" : " characters");
  AddRange(rules, limits.has_min() ? std::make_optional(Number(limits.min())) : std::nullopt,
           limits.has_max() ? std::make_optional(Number(limits.max())) : std::nullopt, "");
  AddRange(rules, Count(limits.min_items()), Count(limits.max_items()), " entries");
  if (limits.unique_items()) rules.push_back("no two equal");
  if (!limits.pattern().empty()) rules.push_back(absl::StrCat("matches ", Code(limits.pattern())));
  if (!limits.format().empty()) rules.push_back(absl::StrCat("a ", Code(limits.format())));
  return absl::StrJoin(rules, "; ");
}

void WriteFields(const Descriptor& message, std::string& out) {
  if (message.field_count() == 0) {
    absl::StrAppend(&out, "It has no fields.\n\n");
    return;
  }
  absl::StrAppend(&out, "| field | type | rules | meaning |\n|---|---|---|---|\n");
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    std::string meaning = CommentOf(field);
    if (const auto* oneof = field.real_containing_oneof()) {
      absl::StrAppend(&meaning, "\n\nAt most one of ", Code(oneof->name()), " is set.");
    }
    absl::StrAppend(&out, "| ", Code(field.name()), " | ", TypeOf(field, *message.file()), " | ",
                    Cell(RulesOf(field)), " | ", Cell(meaning), " |\n");
  }
  absl::StrAppend(&out, "\n");
}

void WriteEnum(const EnumDescriptor& type, std::string& out) {
  absl::StrAppend(&out, "#### ", ShortName(type), "\n\n", CommentOf(type),
                  "\n\n| value | number | meaning |\n|---|---|---|\n");
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    absl::StrAppend(&out, "| ", Code(value.name()), " | ", value.number(), " | ",
                    Cell(CommentOf(value)), " |\n");
  }
  absl::StrAppend(&out, "\n");
}

// The declared transitions of a resource: the methods of its file's services
// that return it.
std::vector<const MethodDescriptor*> TransitionsOf(const Descriptor& resource) {
  std::vector<const MethodDescriptor*> transitions;
  const FileDescriptor& file = *resource.file();
  for (int i = 0; i < file.service_count(); ++i) {
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      const MethodDescriptor* method = file.service(i)->method(j);
      if (method->output_type() == &resource &&
          method->options().HasExtension(api::v1::transition)) {
        transitions.push_back(method);
      }
    }
  }
  return transitions;
}

void WriteTransitions(const Descriptor& resource, std::string& out) {
  const auto transitions = TransitionsOf(resource);
  const auto& collection = resource.options().GetExtension(api::v1::collection);
  if (transitions.empty()) return;
  std::set<std::string> open;
  for (const auto* method : transitions) {
    for (const auto& from : method->options().GetExtension(api::v1::transition).from()) {
      if (from != "*") open.insert(from);
    }
  }
  if (!collection.initial_state().empty()) {
    absl::StrAppend(&out, "A new one is ", Code(collection.initial_state()), ".\n\n");
  }
  absl::StrAppend(&out, "| method | from | to |\n|---|---|---|\n");
  for (const auto* method : transitions) {
    const auto& transition = method->options().GetExtension(api::v1::transition);
    std::vector<std::string> from;
    for (const auto& state : transition.from()) {
      if (state == "*") {
        for (const auto& each : open) from.push_back(Code(each));
      } else {
        from.push_back(Code(state));
      }
    }
    absl::StrAppend(&out, "| ", Code(method->name()), " | ", absl::StrJoin(from, ", "), " | ",
                    Code(transition.to()), " |\n");
  }
  absl::StrAppend(&out, "\n");
}

// What a resource's options say, as a list.
void WriteCollection(const Descriptor& message, std::string& out) {
  if (!message.options().HasExtension(google::api::resource)) return;
  const auto& resource = message.options().GetExtension(google::api::resource);
  const auto& collection = message.options().GetExtension(api::v1::collection);
  absl::StrAppend(&out, "- Type ", Code(resource.type()), ", named ", CodeList(resource.pattern()),
                  "\n");
  if (!collection.id_format().empty()) {
    absl::StrAppend(&out, "- Its id is a ", Code(collection.id_format()), "\n");
  }
  if (!collection.id_pattern().empty()) {
    absl::StrAppend(&out, "- Its id matches ", Code(collection.id_pattern()), "\n");
  }
  if (!collection.indexes().empty()) {
    absl::StrAppend(&out, "- Indexed, and may be sorted by: ", CodeList(collection.indexes()),
                    "\n");
  }
  if (!collection.owners().empty()) {
    absl::StrAppend(&out, "- Owned by what these name: ", CodeList(collection.owners()), "\n");
  }
  if (collection.has_validity()) {
    absl::StrAppend(&out, "- Valid from ", Code(collection.validity().from()), " until before ",
                    Code(collection.validity().to()), "\n");
  }
  if (!collection.loadable().empty()) {
    absl::StrAppend(&out, "- Loading a register may also set the state",
                    collection.loadable_size() == 1 ? " and " : ", ",
                    CodeList(collection.loadable()), "\n");
  }
  absl::StrAppend(&out, "\n");
}

void WriteMessage(const Descriptor& message, std::string& out) {
  absl::StrAppend(&out, "#### ", ShortName(message), "\n\n", CommentOf(message), "\n\n");
  WriteCollection(message, out);
  WriteFields(message, out);
  WriteTransitions(message, out);
  for (int i = 0; i < message.enum_type_count(); ++i) WriteEnum(*message.enum_type(i), out);
  for (int i = 0; i < message.nested_type_count(); ++i) {
    if (!message.nested_type(i)->options().map_entry()) WriteMessage(*message.nested_type(i), out);
  }
}

std::string RouteOf(const google::api::HttpRule& rule) {
  const auto route = [](absl::string_view verb, absl::string_view path) {
    return Code(absl::StrCat(verb, " ", path));
  };
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet:
      return route("GET", rule.get());
    case google::api::HttpRule::kPut:
      return route("PUT", rule.put());
    case google::api::HttpRule::kPost:
      return route("POST", rule.post());
    case google::api::HttpRule::kDelete:
      return route("DELETE", rule.delete_());
    case google::api::HttpRule::kPatch:
      return route("PATCH", rule.patch());
    case google::api::HttpRule::kCustom:
      return route(rule.custom().kind(), rule.custom().path());
    case google::api::HttpRule::PATTERN_NOT_SET:
      break;
  }
  return "";
}

std::string BodyOf(const google::api::HttpRule& rule) {
  if (rule.body().empty()) return "";
  if (rule.body() == "*") return ", the request as body";
  return absl::StrCat(", ", Code(rule.body()), " as body");
}

std::string PermissionOf(const api::v1::Access& access) {
  if (access.any_authenticated())
    return "any authenticated caller; it shows what the caller may read";
  if (access.resource_field().empty()) return Code(access.permission());
  return absl::StrCat(Code(access.permission()), " on what ", Code(access.resource_field()),
                      " names");
}

void WriteMethod(const MethodDescriptor& method, std::string& out) {
  const FileDescriptor& file = *method.file();
  const auto& options = method.options();
  absl::StrAppend(&out, "#### ", method.service()->name(), ".", method.name(), "\n\n",
                  CommentOf(method), "\n\n- ", method.client_streaming() ? "stream of " : "",
                  Link(*method.input_type(), file), " → ",
                  method.server_streaming() ? "stream of " : "", Link(*method.output_type(), file),
                  "\n");
  if (options.HasExtension(google::api::http)) {
    const auto& rule = options.GetExtension(google::api::http);
    absl::StrAppend(&out, "- HTTP: ", RouteOf(rule), BodyOf(rule), "\n");
    for (const auto& more : rule.additional_bindings()) {
      absl::StrAppend(&out, "- HTTP also: ", RouteOf(more), BodyOf(more), "\n");
    }
  }
  if (options.HasExtension(api::v1::access)) {
    absl::StrAppend(&out, "- Permission: ", PermissionOf(options.GetExtension(api::v1::access)),
                    "\n");
  }
  if (options.HasExtension(api::v1::transition)) {
    const auto& transition = options.GetExtension(api::v1::transition);
    absl::StrAppend(&out, "- Leads from ",
                    transition.from_size() == 1 && transition.from(0) == "*"
                        ? "any open state"
                        : CodeList(transition.from()),
                    " to ", Code(transition.to()), "\n");
    if (!transition.other_than().empty()) {
      absl::StrAppend(&out, "- For another person than ", CodeList(transition.other_than()), "\n");
    }
  }
  if (options.HasExtension(api::v1::pending)) {
    const auto& pending = options.GetExtension(api::v1::pending);
    const auto& from = options.GetExtension(api::v1::transition).from();
    absl::StrAppend(&out, "- Pending in ",
                    CodeList(pending.states().empty() ? from : pending.states()),
                    pending.due().empty() ? "" : ", due by ",
                    pending.due().empty() ? "" : Code(pending.due()), "\n");
  }
  absl::StrAppend(&out, "\n");
}

void WriteService(const ServiceDescriptor& service, std::string& out) {
  absl::StrAppend(&out, "### ", service.name(), "\n\n", CommentOf(service), "\n\n");
  for (int i = 0; i < service.method_count(); ++i) WriteMethod(*service.method(i), out);
}

void WriteOptions(const FileDescriptor& file, std::string& out) {
  if (file.extension_count() == 0) return;
  absl::StrAppend(&out, "### Options\n\n| option | of | type | meaning |\n|---|---|---|---|\n");
  for (int i = 0; i < file.extension_count(); ++i) {
    const FieldDescriptor& option = *file.extension(i);
    absl::StrAppend(&out, "| ", Code(option.full_name()), " | ",
                    Link(*option.containing_type(), file), " | ", TypeOf(option, file), " | ",
                    Cell(CommentOf(option)), " |\n");
  }
  absl::StrAppend(&out, "\n");
}

absl::string_view BaseName(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string ReferencePage(const std::vector<const FileDescriptor*>& files) {
  std::string out = absl::StrCat(kGenerated, "\n# ", files[0]->package(), "\n\n");
  absl::StrAppend(&out,
                  "How every method behaves that is called Get, List, Create, Update, Delete, "
                  "Batch... or Load...,\n"
                  "and which limits a field has that declares none: see [the contracts' "
                  "rules](../contracts.md).\n\n");
  for (const auto* file : files) {
    const absl::string_view name = BaseName(file->name());
    absl::StrAppend(&out, "- [", name, "](#", absl::StrReplaceAll(name, {{".", ""}}), ")\n");
  }
  for (const auto* file : files) {
    absl::StrAppend(&out, "\n## ", BaseName(file->name()), "\n\n", CommentOfFile(*file), "\n\n");
    WriteOptions(*file, out);
    for (int i = 0; i < file->service_count(); ++i) WriteService(*file->service(i), out);
    if (file->message_type_count() + file->enum_type_count() > 0) {
      absl::StrAppend(&out, "### Messages of ", BaseName(file->name()), "\n\n");
    }
    for (int i = 0; i < file->message_type_count(); ++i) WriteMessage(*file->message_type(i), out);
    for (int i = 0; i < file->enum_type_count(); ++i) WriteEnum(*file->enum_type(i), out);
    while (absl::EndsWith(out, "\n\n")) out.pop_back();
  }
  return out;
}

std::string ReferenceIndex(const std::vector<std::string>& packages) {
  std::string out = absl::StrCat(kGenerated, "\n# Reference of the contracts\n\n");
  for (const auto& package : packages)
    absl::StrAppend(&out, "- [", package, "](", package, ".md)\n");
  return out;
}

}  // namespace caravan::tools
