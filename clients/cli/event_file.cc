#include "clients/cli/event_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "clients/cli/csv.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "google/protobuf/util/json_util.h"

namespace caravan::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using logistics::v1::TrackingEvent;

// The service takes no batch with longer texts, whichever event has them.
constexpr size_t kMaxText = 4096;

std::string NotUtf8(std::string_view text, size_t bad) {
  return absl::StrFormat("is not UTF-8: byte 0x%02X at position %d",
                         static_cast<unsigned char>(text[bad]), bad + 1);
}

// What keeps the service from taking the batch that the event is in.
std::string ProblemOf(const TrackingEvent& event) {
  const auto* reflection = event.GetReflection();
  const auto* descriptor = event.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    std::string scratch;
    const std::string& text = reflection->GetStringReference(event, &field, &scratch);
    if (const size_t bad = FindInvalidUtf8(text); bad != std::string::npos) {
      return absl::StrCat(field.name(), " ", NotUtf8(text, bad));
    }
    if (text.size() > kMaxText) {
      return absl::StrCat(field.name(), " is longer than ", kMaxText, " bytes");
    }
  }
  if (event.correction() < 0) return "correction is below 0";
  if (!logistics::v1::TrackingReason_IsValid(event.reason())) {
    return absl::StrCat("reason is ", static_cast<int>(event.reason()),
                        ", which is none; it would be a name such as ADDRESS");
  }
  return "";
}

absl::Status SetReason(std::string_view text, TrackingEvent* event) {
  logistics::v1::TrackingReason reason;
  const std::string name =
      absl::AsciiStrToUpper(absl::StrReplaceAll(text, {{"-", "_"}, {" ", "_"}}));
  if (!logistics::v1::TrackingReason_Parse(name, &reason)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no reason; it would be a name such as ADDRESS, or empty"));
  }
  event->set_reason(reason);
  return absl::OkStatus();
}

// Sets a field from the text of a cell, which is not empty.
absl::Status SetField(const FieldDescriptor& field, const std::string& text, TrackingEvent* event) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      event->GetReflection()->SetString(event, &field, text);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetReason(text, event);
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool value = false;
      if (!absl::SimpleAtob(text, &value)) {
        return absl::InvalidArgumentError(absl::StrCat("'", text, "' is neither true nor false"));
      }
      event->GetReflection()->SetBool(event, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) {
        return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no whole number"));
      }
      event->GetReflection()->SetInt32(event, &field, value);
      return absl::OkStatus();
    }
    default:
      break;
  }
  // The one field that is left: the receipt.
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no time such as 2024-08-02T02:15:00Z"));
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  event->mutable_receipt_time()->set_seconds(seconds);
  event->mutable_receipt_time()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return absl::OkStatus();
}

class CsvEvents : public EventReader {
 public:
  explicit CsvEvents(std::istream& in) : reader_(in) {}

  absl::Status ReadHeader(const std::map<std::string, std::string>& mapped,
                          const std::vector<std::string>& ignored);

  bool Next(EventRow* row) override {
    if (!reader_.Next(&record_)) return false;
    *row = EventRow();
    row->line = record_.line;
    if (record_.error) {
      row->reason = "BAD_CSV";
      row->problem = record_.error->column == 0
                         ? record_.error->message
                         : absl::StrCat("line ", record_.error->line, ", column ",
                                        record_.error->column, ": ", record_.error->message);
      return true;
    }
    if (record_.fields.size() != fields_.size()) {
      row->reason = "BAD_CSV";
      row->problem = absl::StrCat("has ", record_.fields.size(), " columns, and the header has ",
                                  fields_.size());
      return true;
    }
    for (size_t i = 0; i < fields_.size() && row->reason.empty(); ++i) {
      if (fields_[i] == nullptr || record_.fields[i].empty()) continue;
      const absl::Status status = SetField(*fields_[i], record_.fields[i], &row->event);
      if (status.ok()) continue;
      row->reason = "BAD_VALUE";
      row->problem = absl::StrCat(fields_[i]->name(), ": ", std::string(status.message()));
    }
    if (row->reason.empty() && !(row->problem = ProblemOf(row->event)).empty()) {
      row->reason = "BAD_VALUE";
    }
    return true;
  }

  int64_t offset() const override { return reader_.offset(); }

 private:
  CsvReader reader_;
  CsvRecord record_;
  std::vector<const FieldDescriptor*> fields_;  // by column; null: ignored
};

absl::Status CsvEvents::ReadHeader(const std::map<std::string, std::string>& mapped,
                                   const std::vector<std::string>& ignored) {
  if (!reader_.Next(&record_)) return UsageError("the file is empty");
  if (record_.error) return UsageError(absl::StrCat("the header: ", record_.error->message));
  const auto* descriptor = TrackingEvent::descriptor();
  std::vector<std::string> names;
  for (int i = 0; i < descriptor->field_count(); ++i) names.push_back(descriptor->field(i)->name());
  const std::vector<std::string>& header = record_.fields;
  const auto has = [](const std::vector<std::string>& list, std::string_view text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  std::vector<std::string> problems;
  for (const auto& [column, field] : mapped) {
    if (!has(header, column)) {
      problems.push_back(absl::StrCat("--map names the column \"", column,
                                      "\", which the file does not have",
                                      DidYouMean(column, header)));
    }
  }
  std::map<const FieldDescriptor*, std::string> column_of;
  for (const std::string& column : header) {
    if (has(ignored, column)) {
      fields_.push_back(nullptr);
      continue;
    }
    const auto found = mapped.find(column);
    const std::string name = ToSnake(found == mapped.end() ? column : found->second);
    const FieldDescriptor* field = descriptor->FindFieldByName(name);
    fields_.push_back(field);
    if (field == nullptr) {
      problems.push_back(absl::StrCat("column \"", column, "\": an event has no field \"", name,
                                      "\"", DidYouMean(name, names),
                                      "; map the column by --map, or leave it out by --ignore"));
      continue;
    }
    const auto [known, is_new] = column_of.emplace(field, column);
    if (!is_new) {
      problems.push_back(
          absl::StrCat("columns \"", known->second, "\" and \"", column, "\" both set ", name));
    }
  }
  for (const char* name : {"tracking_number", "code", "event_time"}) {
    if (!column_of.contains(descriptor->FindFieldByName(name))) {
      problems.push_back(
          absl::StrCat("no column gives the ", name, "; map one by --map COLUMN=", name));
    }
  }
  if (problems.empty()) return absl::OkStatus();
  return UsageError(absl::StrJoin(problems, "\n  "));
}

class JsonLinesEvents : public EventReader {
 public:
  explicit JsonLinesEvents(std::istream& in) : reader_(in) {}

  bool Next(EventRow* row) override {
    do {
      if (!reader_.Next(&line_)) return false;
    } while (absl::StripAsciiWhitespace(line_).empty() && !reader_.too_long());
    *row = EventRow();
    row->line = reader_.line();
    const absl::Status status = ParseJsonLine(reader_, line_, &row->event);
    if (!status.ok()) {
      row->reason = "BAD_JSON";
      row->problem = std::string(status.message());
    } else if (!(row->problem = ProblemOf(row->event)).empty()) {
      row->reason = "BAD_VALUE";
    }
    return true;
  }

  int64_t offset() const override { return reader_.offset(); }

 private:
  LineReader reader_;
  std::string line_;
};

}  // namespace

bool LineReader::Next(std::string* line) {
  line->clear();
  too_long_ = false;
  constexpr int kEnd = std::char_traits<char>::eof();
  std::streambuf& bytes = *in_.rdbuf();
  int c = bytes.sbumpc();
  if (c == kEnd) return false;
  ++line_;
  for (; c != kEnd; c = bytes.sbumpc()) {
    ++offset_;
    if (c == '\n') break;
    if (line->size() < kMaxLine) {
      line->push_back(static_cast<char>(c));
    } else {
      too_long_ = true;
    }
  }
  if (!line->empty() && line->back() == '\r') line->pop_back();
  if (line_ == 1 && line->compare(0, 3, "\xEF\xBB\xBF") == 0) line->erase(0, 3);
  return true;
}

absl::Status ParseJsonLine(const LineReader& reader, const std::string& line, Message* message) {
  const auto bad = [](std::string_view problem) { return absl::InvalidArgumentError(problem); };
  if (reader.too_long()) {
    return bad(absl::StrCat("the line is longer than ", LineReader::kMaxLine, " bytes"));
  }
  if (const size_t at = FindInvalidUtf8(line); at != std::string::npos) {
    return bad(NotUtf8(line, at));
  }
  if (absl::StripAsciiWhitespace(line).substr(0, 1) != "{") return bad("is no JSON object");
  const auto status = google::protobuf::util::JsonStringToMessage(line, message);
  if (status.ok()) return absl::OkStatus();
  return bad(absl::StrCat("is no JSON of ", message->GetDescriptor()->name(), ": ",
                          std::string(status.message())));
}

absl::StatusOr<std::unique_ptr<EventReader>> EventReader::OfCsv(
    std::istream& in, const std::map<std::string, std::string>& mapped,
    const std::vector<std::string>& ignored) {
  auto reader = std::make_unique<CsvEvents>(in);
  if (auto status = reader->ReadHeader(mapped, ignored); !status.ok()) return status;
  return reader;
}

std::unique_ptr<EventReader> EventReader::OfJsonLines(std::istream& in) {
  return std::make_unique<JsonLinesEvents>(in);
}

}  // namespace caravan::cli
