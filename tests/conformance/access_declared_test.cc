// Every method of every contract says who may call it. The contracts are read
// from their folder, so that one which is added is looked at without a word
// here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "caravan/api/v1/annotations.pb.h"
#include "google/protobuf/compiler/importer.h"
#include "re2/re2.h"

namespace caravan {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

class Errors : public google::protobuf::compiler::MultiFileErrorCollector {
 public:
  void AddError(const std::string& file, int line, int, const std::string& message) override {
    ADD_FAILURE() << file << ":" << line + 1 << ": " << message;
  }
};

// The contracts as the compiler of protobuf reads them.
class Contracts {
 public:
  Contracts() : importer_(&tree_, &errors_) {
    for (const char* root : {CARAVAN_PROTOS, "/usr/include", CARAVAN_GOOGLEAPIS}) {
      tree_.MapPath("", root);
    }
    const std::filesystem::path root(CARAVAN_PROTOS);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "caravan")) {
      if (entry.path().extension() != ".proto") continue;
      const FileDescriptor* file = importer_.Import(entry.path().lexically_relative(root));
      if (file != nullptr) files_.push_back(file);
    }
  }

  const std::vector<const FileDescriptor*>& files() const { return files_; }

  std::vector<const MethodDescriptor*> Methods() const {
    std::vector<const MethodDescriptor*> methods;
    for (const FileDescriptor* file : files_) {
      for (int s = 0; s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) {
          methods.push_back(file->service(s)->method(m));
        }
      }
    }
    return methods;
  }

 private:
  Errors errors_;
  google::protobuf::compiler::DiskSourceTree tree_;
  google::protobuf::compiler::Importer importer_;
  std::vector<const FileDescriptor*> files_;
};

const api::v1::Access& AccessOf(const MethodDescriptor& method) {
  return method.options().GetExtension(api::v1::access);
}

// The field of a path; null where there is none.
const FieldDescriptor* FieldAt(const google::protobuf::Descriptor* message, std::string_view path) {
  const FieldDescriptor* field = nullptr;
  for (std::string_view part : absl::StrSplit(path, '.')) {
    field = message == nullptr ? nullptr : message->FindFieldByName(std::string(part));
    if (field == nullptr) return nullptr;
    message = field->message_type();
  }
  return field;
}

class AccessDeclaredTest : public ::testing::Test {
 protected:
  const Contracts contracts_;
};

TEST_F(AccessDeclaredTest, TheContractsAreFound) {
  std::vector<std::string> services;
  for (const FileDescriptor* file : contracts_.files()) {
    for (int s = 0; s < file->service_count(); ++s) {
      services.push_back(file->service(s)->full_name());
    }
  }
  EXPECT_THAT(services, ::testing::IsSupersetOf({"caravan.api.v1.ChangeService",
                                                 "caravan.zones.v1.PilotZoneService",
                                                 "caravan.zones.v1.PolicyService"}));
}

TEST_F(AccessDeclaredTest, EveryMethodDeclaresItsAccess) {
  for (const MethodDescriptor* method : contracts_.Methods()) {
    EXPECT_TRUE(method->options().HasExtension(api::v1::access)) << method->full_name();
    EXPECT_FALSE(AccessOf(*method).permission().empty()) << method->full_name();
  }
}

// A role cannot grant a permission of another form.
TEST_F(AccessDeclaredTest, PermissionsAreOfServiceCollectionAndVerb) {
  static const re2::RE2 kForm("[a-z]+\\.[a-zA-Z]+\\.[a-zA-Z]+");
  for (const MethodDescriptor* method : contracts_.Methods()) {
    const api::v1::Access& access = AccessOf(*method);
    if (access.any_authenticated()) continue;
    EXPECT_TRUE(re2::RE2::FullMatch(access.permission(), kForm))
        << method->full_name() << " declares " << access.permission();
    const std::vector<std::string> package = absl::StrSplit(method->file()->package(), '.');
    ASSERT_EQ(package.size(), 3u);
    EXPECT_EQ(access.permission().rfind(package[1] + ".", 0), 0u)
        << method->full_name() << " declares " << access.permission();
  }
}

TEST_F(AccessDeclaredTest, ResourceFieldsNameResources) {
  for (const MethodDescriptor* method : contracts_.Methods()) {
    const std::string& path = AccessOf(*method).resource_field();
    if (path.empty()) continue;
    const FieldDescriptor* field = FieldAt(method->input_type(), path);
    ASSERT_NE(field, nullptr) << method->full_name() << ": " << path;
    EXPECT_EQ(field->type(), FieldDescriptor::TYPE_STRING) << method->full_name() << ": " << path;
  }
}

// A method on one resource is permitted by a role on that resource.
TEST_F(AccessDeclaredTest, MethodsOnAResourceSayWhichOne) {
  for (const MethodDescriptor* method : contracts_.Methods()) {
    if (AccessOf(*method).any_authenticated()) continue;
    if (method->input_type()->FindFieldByName("name") == nullptr) continue;
    EXPECT_EQ(AccessOf(*method).resource_field(), "name") << method->full_name();
  }
}

}  // namespace
}  // namespace caravan
