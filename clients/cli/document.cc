#include "clients/cli/document.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Value;

constexpr int kMaxDepth = 64;
constexpr int64_t kMaxNodes = 1'000'000;

absl::Status Unreadable(std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, "BAD_DOCUMENT", std::move(message));
}

// JSON goes through protobuf's parser: yaml-cpp refuses surrogate pairs.
YAML::Node FromJson(const Value& value) {
  YAML::Node node;
  switch (value.kind_case()) {
    case Value::kStructValue:
      node = YAML::Node(YAML::NodeType::Map);
      for (const auto& [key, entry] : value.struct_value().fields()) {
        node.force_insert(key, FromJson(entry));
      }
      break;
    case Value::kListValue:
      node = YAML::Node(YAML::NodeType::Sequence);
      for (const auto& entry : value.list_value().values()) node.push_back(FromJson(entry));
      break;
    case Value::kStringValue:
      node = YAML::Node(value.string_value());
      break;
    case Value::kBoolValue:
      node = YAML::Node(value.bool_value() ? "true" : "false");
      break;
    case Value::kNumberValue: {
      const double number = value.number_value();
      // Beyond 2^53 a JSON number is no longer exact; protobuf writes these as
      // strings.
      constexpr double kExact = 9007199254740992.0;
      const bool whole =
          number == static_cast<double>(static_cast<int64_t>(std::clamp(number, -kExact, kExact)));
      node = YAML::Node(whole ? absl::StrFormat("%d", static_cast<int64_t>(number))
                              : absl::StrFormat("%.17g", number));
      break;
    }
    default:
      node = YAML::Node(YAML::NodeType::Null);
      break;
  }
  return node;
}

bool LooksLikeJson(std::string_view text, std::string_view file) {
  if (absl::EndsWith(file, ".json")) return true;
  if (absl::EndsWith(file, ".yaml") || absl::EndsWith(file, ".yml")) return false;
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

std::vector<Document> ReadJson(const std::string& text, const std::string& file) {
  Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &value);
  if (!status.ok()) {
    return {{file, 1, 1,
             Unreadable(absl::StrCat("is not JSON: ", OneLine(status.message().ToString())))}};
  }
  std::vector<Document> documents;
  if (value.has_list_value()) {
    for (const auto& entry : value.list_value().values()) {
      documents.push_back({file, static_cast<int>(documents.size()) + 1, 1, FromJson(entry)});
    }
  } else {
    documents.push_back({file, 1, 1, FromJson(value)});
  }
  return documents;
}

// Whether lines hold nothing but comments and directives.
bool IsEmpty(std::string_view text) {
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty() && line[0] != '#' && line[0] != '%' && line != "...") return false;
  }
  return true;
}

// Whether a tree is neither too deep nor, by aliases, too large to walk.
bool IsBounded(const YAML::Node& node, int depth, int64_t* nodes) {
  if (depth == 0 || --*nodes < 0) return false;
  if (!node.IsMap() && !node.IsSequence()) return true;
  for (const auto& entry : node) {
    if (!IsBounded(node.IsMap() ? entry.second : entry, depth - 1, nodes)) return false;
  }
  return true;
}

absl::StatusOr<YAML::Node> ParseYaml(const std::string& text, int first_line) {
  try {
    YAML::Node node = YAML::Load(text);
    int64_t nodes = kMaxNodes;
    if (!IsBounded(node, kMaxDepth, &nodes)) {
      return Unreadable(absl::StrCat("is nested deeper than ", kMaxDepth,
                                     " levels, or has more than ", kMaxNodes, " values"));
    }
    return node;
  } catch (const YAML::Exception& e) {
    return Unreadable(absl::StrCat("is not YAML: line ", first_line + std::max(e.mark.line, 0),
                                   ", column ", std::max(e.mark.column, 0) + 1, ": ", e.msg));
  }
}

std::vector<Document> ReadYaml(const std::string& text, const std::string& file) {
  std::vector<Document> documents;
  std::string part;
  int part_line = 1;
  int line_number = 0;
  const auto end_part = [&](int next_line) {
    if (!IsEmpty(part)) {
      documents.push_back(
          {file, static_cast<int>(documents.size()) + 1, part_line, ParseYaml(part, part_line)});
    }
    part.clear();
    part_line = next_line;
  };
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    // In YAML a line that begins so always begins a document.
    const bool marker =
        absl::StartsWith(line, "---") && (line.size() == 3 || absl::ascii_isspace(line[3]));
    if (marker) {
      end_part(line_number);
      line.remove_prefix(3);
      // What follows the marker on its line belongs to the document.
      absl::StrAppend(&part, "   ");
    }
    absl::StrAppend(&part, line, "\n");
  }
  end_part(line_number);
  return documents;
}

// Whether YAML would take a plain text for something else than text.
bool NeedsQuotes(const std::string& text) {
  double number;
  if (text.empty() || absl::SimpleAtod(text, &number)) return true;
  static const std::set<std::string> kWords = {"true", "false", "yes", "no", "on",
                                               "off",  "null",  "~",   "y",  "n"};
  if (kWords.contains(absl::AsciiStrToLower(text))) return true;
  // Dates, times and sexagesimal numbers.
  return absl::ascii_isdigit(text[0]) &&
         text.find_first_not_of("0123456789-:.+TtZz_ xXabcdefABCDEF") == std::string::npos;
}

void WriteText(YAML::Emitter& out, const std::string& text) {
  if (text.find('\n') == std::string::npos && NeedsQuotes(text)) {
    out << YAML::DoubleQuoted << text;
  } else {
    out << text;
  }
}

void WriteFields(const Catalog& catalog, YAML::Emitter& out, const Message& message);

void WriteValue(const Catalog& catalog, YAML::Emitter& out, const Message& message,
                const FieldDescriptor& field, int index) {
  if (!IsScalar(field)) {
    const auto* r = message.GetReflection();
    const Message& value =
        index >= 0 ? r->GetRepeatedMessage(message, &field, index) : r->GetMessage(message, &field);
    const auto unpacked = value.GetDescriptor()->full_name() == "google.protobuf.Any"
                              ? catalog.Unpack(value)
                              : nullptr;
    out << YAML::BeginMap;
    WriteFields(catalog, out, unpacked ? *unpacked : value);
    out << YAML::EndMap;
    return;
  }
  const std::string text = FormatValue(message, field, index);
  const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
                       field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (is_text) {
    WriteText(out, text);
  } else {
    out << text;
  }
}

void WriteFields(const Catalog& catalog, YAML::Emitter& out, const Message& message) {
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto& field = *descriptor->field(i);
    if (!IsSet(message, field)) continue;
    out << YAML::Key << field.json_name() << YAML::Value;
    const int size = field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) : 0;
    if (field.is_map()) {
      // Sorted: the order within a map is not defined.
      std::map<std::string, const Message*> entries;
      for (int j = 0; j < size; ++j) {
        const Message& entry = message.GetReflection()->GetRepeatedMessage(message, &field, j);
        entries[FormatValue(entry, *field.message_type()->map_key())] = &entry;
      }
      out << YAML::BeginMap;
      for (const auto& [key, entry] : entries) {
        out << YAML::Key;
        WriteText(out, key);
        out << YAML::Value;
        WriteValue(catalog, out, *entry, *field.message_type()->map_value(), -1);
      }
      out << YAML::EndMap;
    } else if (field.is_repeated()) {
      out << YAML::BeginSeq;
      for (int j = 0; j < size; ++j) WriteValue(catalog, out, message, field, j);
      out << YAML::EndSeq;
    } else {
      WriteValue(catalog, out, message, field, -1);
    }
  }
}

}  // namespace

std::string Document::Where() const {
  return absl::StrCat(file, ", document ", number,
                      line > 1 ? absl::StrCat(" (line ", line, ")") : "");
}

std::vector<Document> ReadDocuments(const std::string& text, const std::string& file) {
  return LooksLikeJson(text, file) ? ReadJson(text, file) : ReadYaml(text, file);
}

absl::StatusOr<std::vector<Document>> ReadDocumentFiles(const std::vector<std::string>& paths,
                                                        std::istream& standard_input) {
  namespace fs = std::filesystem;
  std::vector<Document> documents;
  const auto add = [&](std::istream& in, const std::string& name) {
    std::ostringstream text;
    text << in.rdbuf();
    for (auto& document : ReadDocuments(text.str(), name)) documents.push_back(std::move(document));
  };
  for (const std::string& path : paths) {
    if (path == "-") {
      add(standard_input, "standard input");
      continue;
    }
    std::error_code error;
    std::vector<std::string> files;
    if (fs::is_directory(path, error)) {
      for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator();
           it.increment(error)) {
        const std::string extension = it->path().extension();
        if (extension == ".yaml" || extension == ".yml" || extension == ".json") {
          files.push_back(it->path());
        }
      }
      std::sort(files.begin(), files.end());
      if (files.empty()) {
        return UsageError(absl::StrCat(path, " holds no *.yaml, *.yml or *.json file"));
      }
    } else {
      files.push_back(path);
    }
    for (const std::string& file : files) {
      std::ifstream in(file, std::ios::binary);
      if (!in) return UsageError(absl::StrCat("cannot read ", file));
      add(in, file);
    }
  }
  return documents;
}

void DocumentReader::Read(const YAML::Node& node, Message* message, std::vector<std::string>* paths,
                          api::Violations* violations) const {
  if (!node.IsMap()) {
    violations->Add(
        "", absl::StrCat("must be a map of the fields of ", message->GetDescriptor()->name()));
    return;
  }
  ReadFields(node, "", message, paths, violations);
}

void DocumentReader::ReadFields(const YAML::Node& node, const std::string& prefix, Message* message,
                                std::vector<std::string>* paths,
                                api::Violations* violations) const {
  const auto& type = *message->GetDescriptor();
  std::set<const FieldDescriptor*> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      violations->Add(prefix, "has a key that is no field name");
      continue;
    }
    const std::string& key = entry.first.Scalar();
    const auto* field = FindField(type, key);
    if (field == nullptr) {
      violations->Add(prefix + key, NoSuchField(type, key));
    } else if (!seen.insert(field).second) {
      violations->Add(prefix + key, "is given twice");
    } else {
      ReadField(entry.second, prefix + field->name(), *field, message, paths, violations);
    }
  }
}

void DocumentReader::ReadField(const YAML::Node& node, const std::string& path,
                               const FieldDescriptor& field, Message* message,
                               std::vector<std::string>* paths, api::Violations* violations) const {
  const ValueReader values(catalog_);
  const auto report = [&](const std::string& at, const absl::Status& status) {
    if (!status.ok()) violations->Add(at, std::string(status.message()));
  };
  const auto* reflection = message->GetReflection();
  // A part of a list or a map is no path of a mask.
  std::vector<std::string> ignored;
  const bool by_parts = !field.is_repeated() && !IsScalar(field);
  if (!by_parts || node.IsNull() || (node.IsMap() && node.size() == 0)) paths->push_back(path);
  if (node.IsNull()) {
    reflection->ClearField(message, &field);
    return;
  }
  if (field.message_type() != nullptr &&
      field.message_type()->full_name() == "google.protobuf.Any") {
    violations->Add(path, "cannot be set by a document");
    return;
  }
  if (field.is_map()) {
    if (!node.IsMap()) {
      violations->Add(path, "must be a map");
      return;
    }
    const auto& value_field = *field.message_type()->map_value();
    std::set<std::string> keys;
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      const std::string at = absl::StrCat(path, "[\"", key, "\"]");
      if (!keys.insert(key).second) {
        violations->Add(at, "is given twice");
      } else if (IsScalar(value_field)) {
        report(at, entry.second.IsScalar()
                       ? values.SetEntry(message, field, key, entry.second.Scalar())
                       : absl::InvalidArgumentError("must be one value"));
      } else {
        auto added = catalog_.New(*field.message_type());
        report(at, values.Set(added.get(), *field.message_type()->map_key(), key));
        ReadField(entry.second, at, value_field, added.get(), &ignored, violations);
        reflection->AddMessage(message, &field)->CopyFrom(*added);
      }
    }
    return;
  }
  if (field.is_repeated()) {
    if (!node.IsSequence()) {
      violations->Add(path, "must be a list");
      return;
    }
    for (size_t i = 0; i < node.size(); ++i) {
      const std::string at = absl::StrCat(path, "[", i, "]");
      if (node[i].IsScalar() && IsScalar(field)) {
        report(at, values.Set(message, field, node[i].Scalar()));
      } else if (node[i].IsMap() && field.message_type() != nullptr) {
        ReadFields(node[i], at + ".", reflection->AddMessage(message, &field), &ignored,
                   violations);
      } else {
        violations->Add(at, IsScalar(field) ? "must be one value" : "must be a map of fields");
      }
    }
    return;
  }
  if (node.IsScalar() && IsScalar(field)) {
    report(path, values.Set(message, field, node.Scalar()));
  } else if (node.IsMap() && field.message_type() != nullptr) {
    // A date may also be given by its parts, as protobuf's JSON writes it.
    ReadFields(node, path + ".", reflection->MutableMessage(message, &field),
               by_parts ? paths : &ignored, violations);
  } else {
    violations->Add(path, IsScalar(field) ? "must be one value" : "must be a map of fields");
  }
}

std::string ToYaml(const Catalog& catalog, const Message& message, std::string_view type) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  if (!type.empty()) out << YAML::Key << "type" << YAML::Value << std::string(type);
  WriteFields(catalog, out, message);
  out << YAML::EndMap;
  return absl::StrCat(out.c_str(), "\n");
}

absl::StatusOr<std::string> ToJson(const Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return api::Error(absl::StatusCode::kDataLoss, "BAD_ANSWER",
                      absl::StrCat("the server's answer cannot be written as JSON: ",
                                   OneLine(status.message().ToString())));
  }
  while (!json.empty() && json.back() == '\n') json.pop_back();
  return json;
}

}  // namespace caravan::cli
