#include "clients/cli/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cli/flags.h"
#include "clients/cli/test_support.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/descriptor.pb.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Catalog& Zones() {
  static const Catalog& catalog = *ZonesCatalog().release();
  return catalog;
}

TEST(CatalogTest, FindsCollectionsWithTheirOptions) {
  std::vector<std::string> ids;
  for (const auto& collection : Zones().collections()) ids.push_back(collection->id);
  EXPECT_THAT(ids, ElementsAre("enterprises", "pilotZones", "policies", "supervisionModes"));
  const auto* zones = Zones().OfType("caravan.dev/PilotZone");
  ASSERT_NE(zones, nullptr);
  EXPECT_EQ(zones->singular, "pilotZone");
  EXPECT_THAT(zones->patterns, ElementsAre("pilotZones/*"));
  EXPECT_EQ(zones->options.table_columns(0), "display_name");
  EXPECT_EQ(zones->options.initial_state(), "APPROVED");
}

TEST(CatalogTest, FindsStandardMethods) {
  const auto& zones = **Zones().Find("pilotZones");
  EXPECT_EQ(zones.standard.size(), 9u);
  EXPECT_EQ((*zones.Method(StandardMethod::kLoad))->name(), "LoadPilotZones");
  EXPECT_EQ((*zones.Method(StandardMethod::kDelete))->name(), "DeletePilotZone");
  const auto& modes = **Zones().Find("supervisionModes");
  const auto missing = modes.Method(StandardMethod::kLoad);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("no method to load supervisionModes"));
}

TEST(CatalogTest, FindsVerbs) {
  std::vector<std::string> verbs;
  for (const Verb& verb : (*Zones().Find("pilotZones"))->verbs) {
    verbs.push_back(verb.name);
    EXPECT_TRUE(verb.on_resource);
  }
  EXPECT_THAT(verbs, ElementsAre("exit", "merge", "open", "rectify", "reinstate", "resolve"));
  const auto& policies = (*Zones().Find("policies"))->verbs;
  ASSERT_EQ(policies.size(), 3u);
  EXPECT_EQ(policies[0].name, "check-eligibility");
  EXPECT_FALSE(policies[0].on_resource);
}

TEST(CatalogTest, FindsCollectionsInAnySpelling) {
  for (const char* name : {"pilotZones", "pilotzone", "pilot-zones", "PilotZone", "pilot_zones",
                           "caravan.dev/PilotZone"}) {
    const auto found = Zones().Find(name);
    if (std::string(name) == "pilotzone") {
      EXPECT_TRUE(IsUsageError(found.status()));
      EXPECT_THAT(std::string(found.status().message()), HasSubstr("did you mean pilotZones?"));
    } else {
      ASSERT_TRUE(found.ok()) << name;
      EXPECT_EQ((*found)->id, "pilotZones");
    }
  }
}

TEST(CatalogTest, NamesResources) {
  const auto& zones = **Zones().Find("pilotZones");
  EXPECT_EQ(*zones.NameOf("hangzhou"), "pilotZones/hangzhou");
  EXPECT_EQ(*zones.NameOf("pilotZones/hangzhou"), "pilotZones/hangzhou");
  for (const char* bad : {"", "fairs/x", "pilotZones/a/b", "pilotZones/"}) {
    EXPECT_TRUE(IsUsageError(zones.NameOf(bad).status())) << bad;
  }
  EXPECT_TRUE(IsUsageError(zones.NameOf("hangzhou", "fairs/x").status()));
  EXPECT_EQ(Zones().Owning("policies/x")->id, "policies");
  EXPECT_EQ(Zones().Owning("nothing/x"), nullptr);
}

TEST(CatalogTest, KnowsWhatOnlyTheServerWrites) {
  const auto& zones = **Zones().Find("pilotZones");
  const auto field = [&](const char* name) -> const google::protobuf::FieldDescriptor& {
    return *zones.message->FindFieldByName(name);
  };
  EXPECT_FALSE(zones.IsReadOnly(field("batch"), false));
  EXPECT_TRUE(zones.IsReadOnly(field("state"), false));
  EXPECT_FALSE(zones.IsReadOnly(field("state"), true));
  EXPECT_FALSE(zones.IsReadOnly(field("end_date"), true));
  EXPECT_TRUE(zones.IsReadOnly(field("create_time"), true));
}

// A collection within another, and methods without http rules: everything is
// read from descriptors that no program was compiled with.
TEST(CatalogTest, ReadsWhatItHasNeverSeen) {
  google::protobuf::FileDescriptorProto proto;
  proto.set_name("halls.proto");
  proto.set_package("fairs");
  proto.set_syntax("proto3");
  proto.add_dependency("google/api/resource.proto");
  auto* hall = proto.add_message_type();
  hall->set_name("Hall");
  for (const char* name : {"name", "etag"}) {
    auto* field = hall->add_field();
    field->set_name(name);
    field->set_number(hall->field_size());
    field->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
    field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  }
  auto* request = proto.add_message_type();
  *request = *hall;
  request->set_name("GetHallRequest");
  auto* resource = hall->mutable_options()->MutableExtension(google::api::resource);
  resource->set_type("caravan.dev/Hall");
  resource->add_pattern("fairs/{fair}/halls/{hall}");
  auto* service = proto.add_service();
  service->set_name("HallService");
  auto* method = service->add_method();
  method->set_name("GetHall");
  method->set_input_type(".fairs.GetHallRequest");
  method->set_output_type(".fairs.Hall");

  client::Description description;
  google::protobuf::FileDescriptorProto descriptor;
  google::protobuf::FileDescriptorProto::descriptor()->file()->CopyTo(&descriptor);
  *description.files.add_file() = descriptor;
  google::protobuf::DescriptorPool::generated_pool()
      ->FindFileByName("google/api/resource.proto")
      ->CopyTo(description.files.add_file());
  *description.files.add_file() = proto;
  description.services = {"fairs.HallService"};
  const auto catalog = Catalog::Create(description);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const auto halls = (*catalog)->Find("halls");
  ASSERT_TRUE(halls.ok()) << halls.status();
  EXPECT_TRUE((*halls)->IsNested());
  EXPECT_EQ(*(*halls)->NameOf("h1", "fairs/canton-136"), "fairs/canton-136/halls/h1");
  EXPECT_THAT(std::string((*halls)->NameOf("h1").status().message()), HasSubstr("--parent"));
}

TEST(CatalogTest, RefusesADescriptionThatMakesNoSense) {
  client::Description description;
  description.services = {"caravan.zones.v1.PilotZoneService"};
  EXPECT_EQ(Catalog::Create(description).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace caravan::cli
