// Whatever bytes a file holds: reading it ends, and a record without an error
// is UTF-8 and is read back from what CsvQuote writes.
#include <sstream>

#include "clients/cli/csv.h"
#include "clients/cli/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using caravan::cli::CsvReader;
  using caravan::cli::CsvRecord;
  std::istringstream in(std::string(reinterpret_cast<const char*>(data), size));
  CsvReader reader(in);
  CsvRecord record;
  while (reader.Next(&record)) {
    if (record.error) continue;
    std::string line;
    for (const auto& field : record.fields) {
      if (caravan::cli::FindInvalidUtf8(field) != std::string::npos) __builtin_trap();
      // In quotes where it needs none: a lone empty field would be a blank line.
      const std::string quoted = caravan::cli::CsvQuote(field);
      line += (line.empty() ? "" : ",") + (quoted.empty() ? "\"\"" : quoted);
    }
    std::istringstream again(line);
    CsvReader second(again);
    CsvRecord copy;
    if (line.starts_with("\xEF\xBB\xBF")) continue;
    if (!second.Next(&copy) || copy.error || copy.fields != record.fields) __builtin_trap();
  }
  return 0;
}
