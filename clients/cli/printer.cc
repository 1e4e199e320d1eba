#include "clients/cli/printer.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/document.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"

namespace caravan::cli {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr std::string_view kGap = "   ";

// A field somewhere in a resource, and its heading.
struct Column {
  std::string header;
  FieldPath path;
};

std::string Heading(std::string_view path) {
  return absl::AsciiStrToUpper(absl::StrReplaceAll(path, {{"_", "-"}}));
}

std::string CellAt(const Message& message, const FieldPath& path) {
  const Message* at = &message;
  for (size_t i = 0; i + 1 < path.fields.size(); ++i) {
    if (!at->GetReflection()->HasField(*at, path.fields[i])) return "";
    at = &at->GetReflection()->GetMessage(*at, path.fields[i]);
  }
  return Cell(*at, path.leaf());
}

// The declared columns; wide: and every other field that is one value.
std::vector<Column> ColumnsOf(const Collection& collection, bool wide) {
  std::vector<Column> columns;
  const auto add = [&](std::string_view name) {
    auto path = ResolvePath(*collection.message, name);
    if (!path.ok()) return;  // a column of a newer server's option is left out
    const bool known = std::any_of(columns.begin(), columns.end(),
                                   [&](const Column& c) { return c.path.path == path->path; });
    if (!known) columns.push_back({Heading(path->path), *std::move(path)});
  };
  if (collection.options.table_columns().empty()) {
    add("display_name");
    add("state");
  }
  for (const std::string& name : collection.options.table_columns()) add(name);
  if (!wide) return columns;
  for (int i = 0; i < collection.message->field_count(); ++i) {
    const auto& field = *collection.message->field(i);
    const bool one_value =
        IsScalar(field) && !field.is_repeated() && field.type() != FieldDescriptor::TYPE_BYTES;
    if (one_value && field.name() != "name" && field.name() != "etag") add(field.name());
  }
  return columns;
}

class TablePrinter : public Printer {
 public:
  TablePrinter(const Collection& collection, bool wide, bool short_names, std::ostream& out)
      : columns_(ColumnsOf(collection, wide)), short_names_(short_names), table_(Headers(), out) {}

  absl::Status Print(const Message& message) override {
    const std::string name = StringField(message, "name");
    std::vector<std::string> cells = {short_names_ ? std::string(ShortName(name)) : name};
    for (const auto& column : columns_) cells.push_back(CellAt(message, column.path));
    table_.Add(std::move(cells));
    return absl::OkStatus();
  }
  void Flush() override { table_.Flush(); }

 private:
  std::vector<std::string> Headers() const {
    std::vector<std::string> headers = {"NAME"};
    for (const auto& column : columns_) headers.push_back(column.header);
    return headers;
  }

  std::vector<Column> columns_;
  bool short_names_;
  Table table_;
};

class JsonPrinter : public Printer {
 public:
  JsonPrinter(bool many, std::ostream& out) : many_(many), out_(out) {}

  absl::Status Print(const Message& message) override {
    auto json = ToJson(message, true);
    if (!json.ok()) return json.status();
    if (!many_) {
      out_ << *json << "\n";
      return absl::OkStatus();
    }
    out_ << (printed_ ? ",\n" : "[\n") << " " << absl::StrReplaceAll(*json, {{"\n", "\n "}});
    printed_ = true;
    return absl::OkStatus();
  }
  void Flush() override { out_.flush(); }
  void Finish() override {
    if (many_) out_ << (printed_ ? "\n]\n" : "[]\n");
    out_.flush();
  }

 private:
  bool many_;
  std::ostream& out_;
  bool printed_ = false;
};

class YamlPrinter : public Printer {
 public:
  YamlPrinter(const Catalog& catalog, const Collection& collection, std::ostream& out)
      : catalog_(catalog), type_(collection.type), out_(out) {}

  absl::Status Print(const Message& message) override {
    if (printed_) out_ << "---\n";
    printed_ = true;
    out_ << ToYaml(catalog_, message, type_);
    return absl::OkStatus();
  }
  void Flush() override { out_.flush(); }

 private:
  const Catalog& catalog_;
  std::string type_;
  std::ostream& out_;
  bool printed_ = false;
};

class NamePrinter : public Printer {
 public:
  explicit NamePrinter(std::ostream& out) : out_(out) {}
  absl::Status Print(const Message& message) override {
    out_ << StringField(message, "name") << "\n";
    return absl::OkStatus();
  }
  void Flush() override { out_.flush(); }

 private:
  std::ostream& out_;
};

// `approval_date` -> `Approval date`.
std::string Label(const FieldDescriptor& field) {
  std::string label = absl::StrReplaceAll(field.name(), {{"_", " "}});
  if (!label.empty()) label[0] = absl::ascii_toupper(label[0]);
  return label;
}

// A message within a cell: `{outcome: MET, clause: a}`.
std::string Inline(const Message& message) {
  std::vector<std::string> parts;
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto& field = *descriptor->field(i);
    if (IsSet(message, field)) {
      parts.push_back(absl::StrCat(field.json_name(), ": ", Cell(message, field)));
    }
  }
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
}

std::string OneCell(const Message& message, const FieldDescriptor& field, int index) {
  if (!IsScalar(field)) {
    const auto* r = message.GetReflection();
    return Inline(index >= 0 ? r->GetRepeatedMessage(message, &field, index)
                             : r->GetMessage(message, &field));
  }
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    const auto* r = message.GetReflection();
    return absl::StrCat(
        (index >= 0 ? r->GetRepeatedString(message, &field, index) : r->GetString(message, &field))
            .size(),
        " bytes");
  }
  return OneLine(FormatValue(message, field, index));
}

}  // namespace

absl::StatusOr<Format> ParseFormat(std::string_view text) {
  static const std::map<std::string, Format, std::less<>> kFormats = {{"table", Format::kTable},
                                                                      {"wide", Format::kWide},
                                                                      {"json", Format::kJson},
                                                                      {"yaml", Format::kYaml},
                                                                      {"name", Format::kName}};
  const auto found = kFormats.find(text);
  if (found != kFormats.end()) return found->second;
  return UsageError(
      absl::StrCat("--output is table, wide, json, yaml or name, not \"", text, "\""));
}

Table::Table(std::vector<std::string> headers, std::ostream& out)
    : headers_(std::move(headers)), out_(out) {}

void Table::Add(std::vector<std::string> cells) {
  for (auto& cell : cells) {
    if (cell.empty()) cell = "-";
  }
  held_.push_back(std::move(cells));
}

void Table::Flush() {
  if (widths_.empty() && !held_.empty()) {
    for (const auto& header : headers_) widths_.push_back(DisplayWidth(header));
    for (const auto& cells : held_) {
      for (size_t i = 0; i < widths_.size(); ++i) {
        widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
      }
    }
    Write(headers_);
  }
  for (const auto& cells : held_) Write(cells);
  held_.clear();
  out_.flush();
}

void Table::Write(const std::vector<std::string>& cells) {
  std::string line;
  int owed = 0;  // columns by which earlier cells overran
  for (size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 == cells.size()) break;
    const int room = widths_[i] - DisplayWidth(cells[i]) - owed;
    owed = std::max(0, -room);
    line.append(std::max(0, room), ' ');
    line += kGap;
  }
  out_ << line << "\n";
}

std::unique_ptr<Printer> NewPrinter(Format format, const Catalog& catalog,
                                    const Collection& collection, bool many, bool short_names,
                                    std::ostream& out) {
  switch (format) {
    case Format::kJson:
      return std::make_unique<JsonPrinter>(many, out);
    case Format::kYaml:
      return std::make_unique<YamlPrinter>(catalog, collection, out);
    case Format::kName:
      return std::make_unique<NamePrinter>(out);
    default:
      return std::make_unique<TablePrinter>(collection, format == Format::kWide, short_names, out);
  }
}

absl::Status PrintAnswer(Format format, const Catalog& catalog, const Message& message,
                         std::ostream& out) {
  switch (format) {
    case Format::kName:
      return UsageError("this answer is no resource, and has no name; use another --output");
    case Format::kJson: {
      auto json = ToJson(message, true);
      if (!json.ok()) return json.status();
      out << *json << "\n";
      return absl::OkStatus();
    }
    case Format::kYaml:
      out << ToYaml(catalog, message);
      return absl::OkStatus();
    default:
      DescribeMessage(catalog, message, 0, out);
      return absl::OkStatus();
  }
}

void DescribeMessage(const Catalog& catalog, const Message& message, int indent,
                     std::ostream& out) {
  const auto* descriptor = message.GetDescriptor();
  if (descriptor->full_name() == "google.protobuf.Any") {
    if (const auto unpacked = catalog.Unpack(message)) {
      DescribeMessage(catalog, *unpacked, indent, out);
      return;
    }
  }
  int width = 0;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    if (IsSet(message, *descriptor->field(i))) {
      width = std::max(width, static_cast<int>(Label(*descriptor->field(i)).size()) + 1);
    }
  }
  const std::string margin(indent, ' ');
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto& field = *descriptor->field(i);
    if (!IsSet(message, field)) continue;
    std::string label = Label(field) + ":";
    const bool by_parts = field.message_type() != nullptr && !IsScalar(field) && !field.is_map();
    if (!by_parts) {
      label.resize(width, ' ');
      out << margin << label << "  " << Cell(message, field) << "\n";
      continue;
    }
    out << margin << label << "\n";
    const auto* r = message.GetReflection();
    if (!field.is_repeated()) {
      DescribeMessage(catalog, r->GetMessage(message, &field), indent + 2, out);
      continue;
    }
    for (int j = 0; j < r->FieldSize(message, &field); ++j) {
      if (j > 0) out << "\n";
      DescribeMessage(catalog, r->GetRepeatedMessage(message, &field, j), indent + 4, out);
    }
  }
}

std::string Cell(const Message& message, const FieldDescriptor& field) {
  if (!IsSet(message, field)) {
    // A number or switch without presence that is zero has a value all the same.
    const bool shows_zero = !field.is_repeated() && !field.has_presence() &&
                            field.cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                            field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM;
    return shows_zero ? FormatValue(message, field) : "";
  }
  if (!field.is_repeated()) return OneCell(message, field, -1);
  std::vector<std::string> parts;
  const auto* r = message.GetReflection();
  for (int i = 0; i < r->FieldSize(message, &field); ++i) {
    if (field.is_map()) {
      const Message& entry = r->GetRepeatedMessage(message, &field, i);
      parts.push_back(absl::StrCat(OneCell(entry, *field.message_type()->map_key(), -1), "=",
                                   OneCell(entry, *field.message_type()->map_value(), -1)));
    } else {
      parts.push_back(OneCell(message, field, i));
    }
  }
  if (field.is_map()) std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, ",");
}

std::string_view ShortName(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

}  // namespace caravan::cli
