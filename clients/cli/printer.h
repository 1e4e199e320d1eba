// How resources and answers are written: tables, JSON, YAML, names. What goes
// to the standard output is stable for scripts.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/catalog.h"
#include "google/protobuf/message.h"

namespace caravan::cli {

enum class Format { kTable, kWide, kJson, kYaml, kName };

// `table`, `wide`, `json`, `yaml` or `name`; else a usage error.
absl::StatusOr<Format> ParseFormat(std::string_view text);

// Lines up columns. Rows are held until Flush; the widths then found hold for
// all later rows, which may overrun but keep their place as far as they can.
class Table {
 public:
  Table(std::vector<std::string> headers, std::ostream& out);

  // A row has a cell for each header; an empty cell is shown as `-`.
  void Add(std::vector<std::string> cells);
  void Flush();

 private:
  void Write(const std::vector<std::string>& cells);

  std::vector<std::string> headers_;
  std::ostream& out_;
  std::vector<std::vector<std::string>> held_;
  std::vector<int> widths_;  // empty until the first Flush
};

// Prints messages one after another.
class Printer {
 public:
  virtual ~Printer() = default;
  virtual absl::Status Print(const google::protobuf::Message& message) = 0;
  // Writes what is held: after a page, and when waiting.
  virtual void Flush() {}
  // After the last message; writes what closes the output.
  virtual void Finish() { Flush(); }
};

// Prints resources of a collection. `many`: JSON is an array, also of one or
// none; `short_names`: a table shows the last part of the names only.
std::unique_ptr<Printer> NewPrinter(Format format, const Catalog& catalog,
                                    const Collection& collection, bool many, bool short_names,
                                    std::ostream& out);

// Prints an answer that is no resource: for people where the format is a
// table, else as JSON or YAML. `name` is a usage error.
absl::Status PrintAnswer(Format format, const Catalog& catalog,
                         const google::protobuf::Message& message, std::ostream& out);

// All set fields of a message, in the order of declaration, for people.
void DescribeMessage(const Catalog& catalog, const google::protobuf::Message& message, int indent,
                     std::ostream& out);

// A field's value in one line, as in a cell of a table; empty where it is unset.
std::string Cell(const google::protobuf::Message& message,
                 const google::protobuf::FieldDescriptor& field);

// The last segment of a name.
std::string_view ShortName(std::string_view name);

}  // namespace caravan::cli
