#include "clients/cli/csv.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

constexpr int kEnd = std::char_traits<char>::eof();

}  // namespace

CsvReader::CsvReader(std::istream& in) : in_(in) {
  // The byte order mark, or nothing.
  constexpr char kMark[] = "\xEF\xBB\xBF";
  for (int i = 0; i < 3; ++i) {
    if (in_.peek() != static_cast<unsigned char>(kMark[i])) {
      // What was taken for a mark was none: it belongs to the first field.
      for (; i > 0; --i) in_.unget();
      break;
    }
    in_.get();
  }
  in_.clear(in_.rdstate() & ~std::ios::failbit);
}

int CsvReader::Peek() { return in_.peek(); }

int CsvReader::Get() {
  const int c = in_.get();
  if (c == kEnd) return c;
  ++offset_;
  if (c == '\n') {
    ++line_;
    column_ = 0;
  } else if ((c & 0xC0) != 0x80) {
    ++column_;
  }
  return c;
}

bool CsvReader::Next(CsvRecord* record) {
  do {
    if (Peek() == kEnd) return false;
    *record = CsvRecord();
    ReadRecord(record);
    // A blank line reads as one empty field that has no quotes.
  } while (record->fields.empty() && !record->error);
  return true;
}

void CsvReader::ReadRecord(CsvRecord* record) {
  enum class In { kStart, kPlain, kQuoted, kAfterQuote };
  In in = In::kStart;
  std::string field;
  size_t size = 0;
  bool blank = true;
  record->line = line_;
  int64_t quote_line = 0;
  int64_t quote_column = 0;
  const auto fail = [&](int64_t line, int64_t column, std::string message) {
    if (!record->error) record->error = CsvError{line, column, std::move(message)};
  };
  const auto end_field = [&] {
    record->fields.push_back(std::move(field));
    field.clear();
    in = In::kStart;
  };
  while (true) {
    const int64_t line = line_;
    const int c = Get();
    if (c == kEnd || (in != In::kQuoted && (c == '\n' || (c == '\r' && Peek() == '\n')))) {
      if (c == '\r') Get();
      if (in == In::kQuoted) fail(quote_line, quote_column, "a quote is opened and never closed");
      if (!blank) end_field();
      break;
    }
    blank = false;
    if (++size > kMaxRecord) {
      // The rest of the line goes with it.
      fail(record->line, 0,
           absl::StrCat("the record is longer than ", kMaxRecord, " bytes",
                        in == In::kQuoted ? "; a quote may not be closed" : ""));
      for (int rest = c; rest != kEnd && rest != '\n';) rest = Get();
      end_field();
      break;
    }
    if (in == In::kQuoted) {
      if (c != '"') {
        field += static_cast<char>(c);
      } else if (Peek() == '"') {
        field += static_cast<char>(Get());
      } else {
        in = In::kAfterQuote;
      }
    } else if (c == ',') {
      end_field();
    } else if (c == '"' && in == In::kStart) {
      in = In::kQuoted;
      quote_line = line;
      quote_column = column_;
    } else {
      if (in == In::kAfterQuote) {
        fail(line, column_, "text follows the closing quote; a quote within quotes is doubled");
      } else if (c == '"') {
        fail(line, column_, "a quote stands in a field that does not begin with one");
      }
      // After text behind a quote the rest of the field is read as plain.
      in = In::kPlain;
      field += static_cast<char>(c);
    }
  }
  for (size_t i = 0; i < record->fields.size() && !record->error; ++i) {
    const std::string& text = record->fields[i];
    const size_t bad = FindInvalidUtf8(text);
    if (bad == std::string::npos) continue;
    fail(
        record->line, 0,
        absl::StrFormat("field %d is not UTF-8: byte 0x%02X at position %d; save the file as UTF-8",
                        i + 1, static_cast<unsigned char>(text[bad]), bad + 1));
  }
}

std::string CsvQuote(const std::string& field) {
  const bool plain = field.find_first_of(",\"\r\n") == std::string::npos &&
                     (field.empty() || (field.front() != ' ' && field.back() != ' '));
  return plain ? field : absl::StrCat("\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}), "\"");
}

}  // namespace caravan::cli
