// YAML and JSON documents that describe resources, to and from messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/catalog.h"
#include "google/protobuf/message.h"
#include "services/common/api/errors.h"
#include "yaml-cpp/yaml.h"

namespace caravan::cli {

// One document of a file.
struct Document {
  std::string file;
  int number = 0;  // within the file, from 1
  int line = 0;    // of the file, where it begins, from 1
  // Its content, unless it cannot be read.
  absl::StatusOr<YAML::Node> content = YAML::Node();

  // "zones.yaml, document 2 (line 14)", for messages.
  std::string Where() const;
};

// Splits a text into its documents: YAML documents apart by `---`, or JSON, a
// document or an array of them. A document that cannot be read carries its
// error, the others are not touched by it. Empty documents are left out.
std::vector<Document> ReadDocuments(const std::string& text, const std::string& file);

// Reads files, and all *.yaml, *.yml and *.json of folders, by name; `-` is
// `standard_input`. NOT_FOUND (wrong use) where there is none.
absl::StatusOr<std::vector<Document>> ReadDocumentFiles(const std::vector<std::string>& paths,
                                                        std::istream& standard_input);

// A document as a message.
class DocumentReader {
 public:
  explicit DocumentReader(const Catalog& catalog) : catalog_(catalog) {}

  // Fills a message from a map of its fields, which may be named as declared
  // or as in JSON. Reports all that is wrong, each with its path. `paths`
  // receives the paths that the map sets or, by null, clears: lists, maps and
  // scalar-like messages whole, other messages by their fields.
  void Read(const YAML::Node& node, google::protobuf::Message* message,
            std::vector<std::string>* paths, api::Violations* violations) const;

 private:
  void ReadFields(const YAML::Node& node, const std::string& prefix,
                  google::protobuf::Message* message, std::vector<std::string>* paths,
                  api::Violations* violations) const;
  void ReadField(const YAML::Node& node, const std::string& path,
                 const google::protobuf::FieldDescriptor& field, google::protobuf::Message* message,
                 std::vector<std::string>* paths, api::Violations* violations) const;

  const Catalog& catalog_;
};

// Writes a message as YAML that DocumentReader reads: JSON names in the order
// of declaration, dates and times as text, what is not set left out. `type`,
// where given, comes first.
std::string ToYaml(const Catalog& catalog, const google::protobuf::Message& message,
                   std::string_view type = "");

// As protobuf's JSON, indented or on one line.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message, bool indented);

}  // namespace caravan::cli
