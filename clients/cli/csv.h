// Reads CSV files (RFC 4180) record by record, however large the file is.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

namespace caravan::cli {

// What is wrong with a record, and where.
struct CsvError {
  int64_t line = 0;    // of the file, from 1
  int64_t column = 0;  // character of that line, from 1; 0: the record as a whole
  std::string message;
};

// One record. Its fields hold their text without the quotes, in UTF-8 unless
// `error` says otherwise.
struct CsvRecord {
  int64_t line = 0;  // the line of the file on which it begins, from 1
  std::vector<std::string> fields;
  std::optional<CsvError> error;
};

// Fields are separated by commas, records by LF or CRLF; a field in double
// quotes may hold commas, line ends and doubled quotes. A byte order mark at
// the beginning and blank lines are skipped. A record that breaks the rules
// carries an error, and reading goes on with the next line.
class CsvReader {
 public:
  // A record that is longer, in bytes, is an error: a quote that is never
  // closed must not take the rest of the file into memory.
  static constexpr size_t kMaxRecord = 8 << 20;

  // `in` must outlive the reader, and be open in binary mode.
  explicit CsvReader(std::istream& in);

  // Reads the next record; false at the end of the file.
  bool Next(CsvRecord* record);

  // Bytes read so far.
  int64_t offset() const { return offset_; }

 private:
  int Get();
  int Peek();
  void ReadRecord(CsvRecord* record);

  std::istream& in_;
  int64_t offset_ = 0;
  int64_t line_ = 1;
  int64_t column_ = 0;  // characters read of the line
};

// A field as CSV writes it, quoted where it must be.
std::string CsvQuote(const std::string& field);

}  // namespace caravan::cli
