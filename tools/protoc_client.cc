#include "tools/protoc_client.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cpp/caravan/client/method.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/unknown_field_set.h"

namespace caravan::tools {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;
using google::protobuf::io::Printer;

// Number of the extension google.api.method_signature, which the plugin cannot
// link: it takes part in generating it.
constexpr int kMethodSignatureField = 1051;

using Variables = std::map<std::string, std::string>;

// The comment of a method, as one of C++.
std::string CommentOf(const MethodDescriptor& method) {
  SourceLocation location;
  std::string comment;
  if (!method.GetSourceLocation(&location)) return comment;
  for (std::string_view line :
       absl::StrSplit(absl::StripTrailingAsciiWhitespace(location.leading_comments), '\n')) {
    absl::StrAppend(&comment, "  //", absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return comment;
}

// The fields of the signatures that a function can take one by one; empty where
// there is none.
std::vector<const FieldDescriptor*> SignatureOf(const MethodDescriptor& method) {
  const auto& unknown = method.options().GetReflection()->GetUnknownFields(method.options());
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto& option = unknown.field(i);
    if (option.number() != kMethodSignatureField ||
        option.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED ||
        option.length_delimited().empty()) {
      continue;
    }
    std::vector<const FieldDescriptor*> fields;
    for (const auto part : absl::StrSplit(option.length_delimited(), ',')) {
      const std::string name(part);
      const auto* field = method.input_type()->FindFieldByName(name);
      const bool fits = field != nullptr && !field->is_repeated() &&
                        (field->type() == FieldDescriptor::TYPE_STRING ||
                         field->type() == FieldDescriptor::TYPE_MESSAGE);
      if (!fits) return {};
      fields.push_back(field);
    }
    return fields;
  }
  return {};
}

// The repeated messages of a List's response; null where it is none.
const FieldDescriptor* ItemsOf(const MethodDescriptor& method) {
  const Descriptor& request = *method.input_type();
  const Descriptor& response = *method.output_type();
  if (!absl::StartsWith(method.name(), "List") || method.server_streaming() ||
      request.FindFieldByName("page_token") == nullptr ||
      request.FindFieldByName("page_size") == nullptr ||
      response.FindFieldByName("next_page_token") == nullptr) {
    return nullptr;
  }
  for (int i = 0; i < response.field_count(); ++i) {
    const auto* field = response.field(i);
    if (field->is_repeated() && !field->is_map() && field->message_type() != nullptr) return field;
  }
  return nullptr;
}

void GenerateSignature(const MethodDescriptor& method, const std::string& result,
                       const std::vector<const FieldDescriptor*>& fields, Printer& out) {
  std::vector<std::string> parameters;
  std::string sets;
  for (const auto* field : fields) {
    const bool is_text = field->type() == FieldDescriptor::TYPE_STRING;
    parameters.push_back(absl::StrCat(
        "const ", is_text ? "std::string" : CppName(*field->message_type()), "& ", field->name()));
    absl::StrAppend(&sets, "    ",
                    is_text
                        ? absl::StrCat("request.set_", field->name(), "(", field->name(), ")")
                        : absl::StrCat("*request.mutable_", field->name(), "() = ", field->name()),
                    ";\n");
  }
  out.Print(
      "  $result$ $method$(\n"
      "      $parameters$,\n"
      "      const ::caravan::client::CallOptions& options = {}) const {\n"
      "    $request$ request;\n"
      "$sets$"
      "    return $method$(std::move(request), options);\n"
      "  }\n\n",
      "result", result, "method", method.name(), "parameters", absl::StrJoin(parameters, ", "),
      "request", CppName(*method.input_type()), "sets", sets);
}

// A method that takes a stream of requests.
void GenerateStreamOfRequests(const MethodDescriptor& method, Printer& out) {
  const Variables variables = {{"comment", CommentOf(method)},
                               {"method", method.name()},
                               {"path", client::PathOf(method)},
                               {"request", CppName(*method.input_type())},
                               {"response", CppName(*method.output_type())}};
  if (method.server_streaming()) {
    out.Print(variables,
              "$comment$"
              "  ::caravan::client::Sender<$request$, $response$> $method$(\n"
              "      ::caravan::client::Sender<$request$, $response$>::OnAnswer on_answer,\n"
              "      const ::caravan::client::SendOptions& options = {}) const {\n"
              "    return Send<$request$, $response$>(\n"
              "        \"$path$\", std::move(on_answer), options);\n"
              "  }\n\n");
  } else {
    out.Print(variables,
              "$comment$"
              "  ::absl::StatusOr<$response$> $method$(\n"
              "      ::caravan::client::Results<$request$>::NextFunction next,\n"
              "      const ::caravan::client::CallOptions& options = {}) const {\n"
              "    return SendAll<$response$, $request$>(\n"
              "        \"$path$\", next, options);\n"
              "  }\n\n");
  }
}

void GenerateMethod(const MethodDescriptor& method, Printer& out) {
  if (method.client_streaming()) return GenerateStreamOfRequests(method, out);
  const client::Repeat repeat = client::RepeatOf(method);
  const std::string response = CppName(*method.output_type());
  Variables variables = {{"comment", CommentOf(method)},
                         {"method", method.name()},
                         {"path", client::PathOf(method)},
                         {"repeat", repeat == client::Repeat::kSafe            ? "kSafe"
                                    : repeat == client::Repeat::kWithRequestId ? "kWithRequestId"
                                                                               : "kNever"},
                         {"request", CppName(*method.input_type())},
                         {"response", response}};
  out.Print(variables, "$comment$");
  std::string result = absl::StrCat("::absl::StatusOr<", response, ">");
  if (const auto* items = ItemsOf(method)) {
    variables["item"] = CppName(*items->message_type());
    variables["items"] = items->name();
    result = absl::StrCat("::caravan::client::Results<", variables["item"], ">");
    out.Print(variables,
              "  ::caravan::client::Results<$item$> $method$(\n"
              "      $request$ request,\n"
              "      const ::caravan::client::CallOptions& options = {}) const {\n"
              "    return Pages<$item$>(\n"
              "        {\"$path$\", ::caravan::client::Repeat::$repeat$},\n"
              "        std::move(request), &$response$::mutable_$items$, options);\n"
              "  }\n\n"
              "  // One page of $method$.\n"
              "  ::absl::StatusOr<$response$> $method$Page(\n"
              "      const $request$& request,\n"
              "      const ::caravan::client::CallOptions& options = {}) const {\n"
              "    return Call<$response$>(\n"
              "        {\"$path$\", ::caravan::client::Repeat::$repeat$}, request, options);\n"
              "  }\n\n");
  } else if (method.server_streaming()) {
    out.Print(variables,
              "  ::caravan::client::Results<$response$> $method$(\n"
              "      const $request$& request,\n"
              "      const ::caravan::client::CallOptions& options = {}) const {\n"
              "    return Stream<$response$>(\n"
              "        {\"$path$\", ::caravan::client::Repeat::$repeat$}, request, options);\n"
              "  }\n\n");
    return;
  } else if (repeat == client::Repeat::kWithRequestId) {
    // By value: it gets a request id.
    out.Print(variables,
              "  ::absl::StatusOr<$response$> $method$(\n"
              "      $request$ request,\n"
              "      const ::caravan::client::CallOptions& options = {}) const {\n"
              "    return Call<$response$>(\n"
              "        {\"$path$\", ::caravan::client::Repeat::$repeat$}, &request, options);\n"
              "  }\n\n");
  } else {
    out.Print(variables,
              "  ::absl::StatusOr<$response$> $method$(\n"
              "      const $request$& request,\n"
              "      const ::caravan::client::CallOptions& options = {}) const {\n"
              "    return Call<$response$>(\n"
              "        {\"$path$\", ::caravan::client::Repeat::$repeat$}, request, options);\n"
              "  }\n\n");
  }
  if (const auto fields = SignatureOf(method); !fields.empty()) {
    GenerateSignature(method, result, fields, out);
  }
}

}  // namespace

std::string CppName(const Descriptor& message) {
  return absl::StrCat("::", absl::StrReplaceAll(message.full_name(), {{".", "::"}}));
}

std::string HeaderOf(const FileDescriptor& file, const std::string& ending) {
  return absl::StrCat(file.name().substr(0, file.name().size() - sizeof("proto") + 1), ending);
}

void GenerateClients(const FileDescriptor& file, Printer& out) {
  const std::string ns = absl::StrReplaceAll(file.package(), {{".", "::"}});
  out.Print(
      "// Generated by protoc-gen-caravan from $file$.\n#pragma once\n\n"
      "#include <string>\n#include <utility>\n\n#include \"$header$\"\n",
      "file", file.name(), "header", HeaderOf(file, "pb.h"));
  for (int i = 0; i < file.dependency_count(); ++i) {
    out.Print("#include \"$header$\"\n", "header", HeaderOf(*file.dependency(i), "pb.h"));
  }
  if (file.service_count() > 0) out.Print("#include \"caravan/client/service_client.h\"\n");
  out.Print("\nnamespace $ns$ {\n", "ns", ns);
  for (int i = 0; i < file.service_count(); ++i) {
    const ServiceDescriptor& service = *file.service(i);
    out.Print(
        "\n// Client of $full$; see the comments of its contract.\n"
        "class $name$Client : public ::caravan::client::ServiceClient {\n"
        " public:\n"
        "  using ServiceClient::ServiceClient;\n\n",
        "full", service.full_name(), "name", service.name());
    for (int m = 0; m < service.method_count(); ++m) {
      GenerateMethod(*service.method(m), out);
    }
    out.Print("};\n");
  }
  out.Print("\n}  // namespace $ns$\n", "ns", ns);
}

}  // namespace caravan::tools
