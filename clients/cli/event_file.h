// Reads tracking events from files, row by row, however large they are.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/logistics/v1/tracking.pb.h"

namespace caravan::cli {

// Reads a file line by line: without LF or CRLF, without a byte order mark at the
// beginning. A line that is longer than kMaxLine is read past and cut off.
class LineReader {
 public:
  static constexpr size_t kMaxLine = 1 << 20;

  // `in` must outlive the reader, and be open in binary mode.
  explicit LineReader(std::istream& in) : in_(in) {}

  // False at the end of the file.
  bool Next(std::string* line);

  int64_t line() const { return line_; }      // from 1: that of the last Next
  int64_t offset() const { return offset_; }  // bytes read so far
  bool too_long() const { return too_long_; }

 private:
  std::istream& in_;
  int64_t line_ = 0;
  int64_t offset_ = 0;
  bool too_long_ = false;
};

// Parses a message from a line of JSON. INVALID_ARGUMENT with a message for people where
// the line is too long, no UTF-8 or no JSON object of that message.
absl::Status ParseJsonLine(const LineReader& reader, const std::string& line,
                           google::protobuf::Message* message);

// A row of a file, and what is wrong with it.
struct EventRow {
  int64_t line = 0;  // on which it begins, from 1
  logistics::v1::TrackingEvent event;
  // Empty where the event could be read; else BAD_CSV, BAD_JSON or BAD_VALUE.
  std::string reason;
  std::string problem;
};

// A row that is broken is one with a problem, and disturbs no other.
class EventReader {
 public:
  virtual ~EventReader() = default;

  // False at the end of the file.
  virtual bool Next(EventRow* row) = 0;
  virtual int64_t offset() const = 0;  // bytes read so far

  // Columns are called as the fields of TrackingEvent (`tracking_number` or
  // `trackingNumber`), or are mapped to one; those ignored are left out. A usage
  // error where the header has others, or none for the number, code or time. `in`
  // must outlive the reader.
  static absl::StatusOr<std::unique_ptr<EventReader>> OfCsv(
      std::istream& in, const std::map<std::string, std::string>& mapped,
      const std::vector<std::string>& ignored);

  // One JSON object a line, as of the contract; blank lines are passed over.
  static std::unique_ptr<EventReader> OfJsonLines(std::istream& in);
};

}  // namespace caravan::cli
