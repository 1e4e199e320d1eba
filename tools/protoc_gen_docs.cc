// protoc plugin: writes a page of reference documentation for each package.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/compiler/code_generator.h"
#include "google/protobuf/compiler/plugin.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "tools/reference_docs.h"

namespace {

using google::protobuf::FileDescriptor;

void Write(google::protobuf::compiler::GeneratorContext* context, const std::string& name,
           const std::string& text) {
  const std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(context->Open(name));
  google::protobuf::io::Printer(stream.get(), '$').PrintRaw(text);
}

class Generator : public google::protobuf::compiler::CodeGenerator {
 public:
  uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }

  bool Generate(const FileDescriptor* file, const std::string& parameter,
                google::protobuf::compiler::GeneratorContext* context,
                std::string* error) const override {
    return GenerateAll({file}, parameter, context, error);
  }

  bool GenerateAll(const std::vector<const FileDescriptor*>& files, const std::string&,
                   google::protobuf::compiler::GeneratorContext* context,
                   std::string*) const override {
    std::map<std::string, std::vector<const FileDescriptor*>> packages;
    for (const auto* file : files) packages[file->package()].push_back(file);
    std::vector<std::string> names;
    for (const auto& [package, members] : packages) {
      Write(context, absl::StrCat(package, ".md"), caravan::tools::ReferencePage(members));
      names.push_back(package);
    }
    Write(context, "README.md", caravan::tools::ReferenceIndex(names));
    return true;
  }
};

}  // namespace

int main(int argc, char* argv[]) {
  Generator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
