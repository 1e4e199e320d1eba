#include "services/zones/testing/reference_data.h"

#include <fstream>
#include <sstream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/type/date.pb.h"
#include "services/common/api/date.h"
#include "yaml-cpp/yaml.h"

namespace caravan::zones::testing {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Struct;
using google::protobuf::Value;

namespace {

const FieldDescriptor* FindField(const Descriptor& type, const std::string& name) {
  const FieldDescriptor* field = type.FindFieldByCamelcaseName(name);
  return field != nullptr ? field : type.FindFieldByName(name);
}

absl::Status ToStruct(const YAML::Node& node, const Descriptor& type, Struct* fields);

// A value as protobuf's JSON has it. A field that is not known is left for the
// JSON parser to refuse.
absl::Status ToValue(const YAML::Node& node, const FieldDescriptor* field, Value* value) {
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      absl::Status status = ToValue(item, field, value->mutable_list_value()->add_values());
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  bool is_message = field != nullptr && field->message_type() != nullptr;
  if (is_message && node.IsScalar() && field->message_type() == google::type::Date::descriptor()) {
    absl::StatusOr<google::type::Date> date = api::ParseDate(node.Scalar());
    if (!date.ok()) return date.status();
    auto& parts = *value->mutable_struct_value()->mutable_fields();
    parts["year"].set_number_value(date->year());
    parts["month"].set_number_value(date->month());
    parts["day"].set_number_value(date->day());
    return absl::OkStatus();
  }
  if (node.IsMap() && is_message) {
    return ToStruct(node, *field->message_type(), value->mutable_struct_value());
  }
  value->set_string_value(node.Scalar());
  return absl::OkStatus();
}

absl::Status ToStruct(const YAML::Node& node, const Descriptor& type, Struct* fields) {
  for (const auto& entry : node) {
    const std::string& name = entry.first.Scalar();
    absl::Status status =
        ToValue(entry.second, FindField(type, name), &(*fields->mutable_fields())[name]);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Fill(const YAML::Node& node, Message* message) {
  Struct fields;
  absl::Status status = ToStruct(node, *message->GetDescriptor(), &fields);
  if (!status.ok()) return status;
  std::string json;
  google::protobuf::util::Status converted =
      google::protobuf::util::MessageToJsonString(fields, &json);
  if (converted.ok()) converted = google::protobuf::util::JsonStringToMessage(json, message);
  if (converted.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(converted.ToString());
}

absl::Status At(const std::string& path, size_t number, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path, " ", number, ": ", status.message()));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  return text.str();
}

}  // namespace

absl::Status ReadCsv(const std::string& path, const std::function<Message*()>& add) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  if (lines.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no header"));
  std::vector<std::string> header = absl::StrSplit(lines[0], ',');
  for (size_t i = 1; i < lines.size(); ++i) {
    std::vector<std::string> cells = absl::StrSplit(lines[i], ',');
    if (cells.size() != header.size()) {
      return At(path, i + 1, absl::InvalidArgumentError("has not as many cells as the header"));
    }
    YAML::Node row(YAML::NodeType::Map);
    for (size_t c = 0; c < cells.size(); ++c) {
      if (!cells[c].empty()) row[header[c]] = cells[c];
    }
    absl::Status status = At(path, i + 1, Fill(row, add()));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadYaml(const std::string& path, const std::string& type,
                      const std::function<Message*()>& add) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  try {
    size_t number = 0;
    for (YAML::Node& document : YAML::LoadAll(*text)) {
      ++number;
      if (!document["type"] || document["type"].Scalar() != type) {
        return At(path, number, absl::InvalidArgumentError(absl::StrCat("is not of type ", type)));
      }
      document.remove("type");
      absl::Status status = At(path, number, Fill(document, add()));
      if (!status.ok()) return status;
    }
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace caravan::zones::testing
