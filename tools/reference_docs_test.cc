#include "tools/reference_docs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "caravan/api/v1/annotations.pb.h"
#include "google/api/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace caravan::tools {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kProto[] = R"pb(
  // Tea houses.
  syntax = "proto3"
  ;
package caravan.tea.v1;
import "caravan/api/v1/annotations.proto";
import "google/api/annotations.proto";
import "google/api/field_behavior.proto";
import "google/api/resource.proto";

// The register of tea houses.
service HouseService {
  // Gets a house,
  // by name.
  rpc GetHouse(GetHouseRequest) returns (House) {
    option (google.api.http) = {
      get: "/v1/{name=houses/*}"
      additional_bindings { get: "/v1/teaHouse" }
    };
    option (caravan.api.v1.access) = { permission: "tea.houses.get" resource_field: "name" };
  }
  // Opens it.
  rpc OpenHouse(GetHouseRequest) returns (House) {
    option (google.api.http) = { post: "/v1/{name=houses/*}:open" body: "*" };
    option (caravan.api.v1.access) = { permission: "tea.houses.open" resource_field: "name" };
    option (caravan.api.v1.transition) = { from: "PLANNED" to: "OPEN" other_than: "begin" };
    option (caravan.api.v1.pending) = { due: "end" };
  }
  // Closes it.
  rpc CloseHouse(GetHouseRequest) returns (House) {
    option (caravan.api.v1.access) = { permission: "tea.houses.close" any_authenticated: true };
    option (caravan.api.v1.transition) = { from: "*" to: "CLOSED" };
    option (caravan.api.v1.pending) = { states: "OPEN" };
  }
  // Pours.
  rpc Pour(GetHouseRequest) returns (stream House);
}

// A tea house.
message House {
  option (google.api.resource) = { type: "caravan.dev/House" pattern: "houses/{house}" };
  option (caravan.api.v1.collection) = {
    indexes: [ "state", "seats" ]
    owners: "name"
    initial_state: "PLANNED"
    validity: { from: "begin" to: "end" }
    loadable: "end"
  };
  // States.
  enum State {
    // Not used.
    STATE_UNSPECIFIED = 0;
    PLANNED = 1;  // To be opened.
    OPEN = 2;
    CLOSED = 3;
  }
  // Its name.
  string name = 1 [(google.api.field_behavior) = IDENTIFIER];
  // Seats, inside | outside.
  //
  // Standing room does not count.
  int32 seats = 2 [
    (google.api.field_behavior) = REQUIRED,
    (google.api.field_behavior) = IMMUTABLE,
    (caravan.api.v1.limits) = { min: 1 max: 99 }
  ];
  State state = 3;
  // Teas by name.
  map<string, Tea> teas = 4;
  repeated string streets = 5 [
    (caravan.api.v1.limits) = { max_items: 3 max_length: 40 unique_items: true format: "place" },
    (google.api.resource_reference).type = "caravan.dev/Street"
  ];
  bytes picture = 6 [(caravan.api.v1.limits) = { min_length: 8 pattern: "a|b" }];
  caravan.api.v1.Limits limits = 7;
  oneof sign {
    string begin = 8;
    string end = 9;
  }
  optional int64 area = 10;
  // A tea.
  message Tea {}
}

// Request.
message GetHouseRequest { string name = 1; }
)pb";

class ReferenceDocsTest : public testing::Test {
 protected:
  ReferenceDocsTest() : pool_(DescriptorPool::generated_pool()) {
    // Links the options' extensions into the generated pool.
    api::v1::Limits::descriptor();
    google::protobuf::io::ArrayInputStream input(kProto, sizeof(kProto) - 1);
    google::protobuf::io::Tokenizer tokenizer(&input, nullptr);
    google::protobuf::compiler::Parser parser;
    FileDescriptorProto proto;
    EXPECT_TRUE(parser.Parse(&tokenizer, &proto));
    proto.set_name("caravan/tea/v1/houses.proto");
    const FileDescriptor* file = pool_.BuildFile(proto);
    if (file != nullptr) page_ = ReferencePage({file});
    EXPECT_NE(file, nullptr);
  }

  DescriptorPool pool_;
  std::string page_;
};

TEST_F(ReferenceDocsTest, PageHasTheCommentsOfFileServiceMethodAndMessage) {
  EXPECT_THAT(page_, HasSubstr("# caravan.tea.v1\n"));
  EXPECT_THAT(page_, HasSubstr("- [houses.proto](#housesproto)\n"));
  EXPECT_THAT(page_, HasSubstr("## houses.proto\n\nTea houses.\n"));
  EXPECT_THAT(page_, HasSubstr("### HouseService\n\nThe register of tea houses.\n"));
  EXPECT_THAT(page_, HasSubstr("#### HouseService.GetHouse\n\nGets a house,\nby name.\n"));
  EXPECT_THAT(page_, HasSubstr("#### House\n\nA tea house.\n"));
  EXPECT_THAT(page_, HasSubstr("#### House.Tea\n\nA tea.\n\nIt has no fields.\n"));
}

TEST_F(ReferenceDocsTest, MethodHasMessagesRoutesAndPermission) {
  EXPECT_THAT(page_, HasSubstr("- [GetHouseRequest](#gethouserequest) → [House](#house)\n"
                               "- HTTP: `GET /v1/{name=houses/*}`\n"
                               "- HTTP also: `GET /v1/teaHouse`\n"
                               "- Permission: `tea.houses.get` on what `name` names\n"));
  EXPECT_THAT(page_, HasSubstr("- HTTP: `POST /v1/{name=houses/*}:open`, the request as body\n"));
  EXPECT_THAT(page_, HasSubstr("- Permission: any authenticated caller"));
  EXPECT_THAT(page_,
              HasSubstr("- [GetHouseRequest](#gethouserequest) → stream of [House](#house)\n"));
}

TEST_F(ReferenceDocsTest, TransitionsAreATableAndStarIsEveryOpenState) {
  EXPECT_THAT(page_, HasSubstr("- Leads from `PLANNED` to `OPEN`\n"));
  EXPECT_THAT(page_, HasSubstr("- Leads from any open state to `CLOSED`\n"));
  EXPECT_THAT(page_, HasSubstr("A new one is `PLANNED`.\n\n"
                               "| method | from | to |\n|---|---|---|\n"
                               "| `OpenHouse` | `PLANNED` | `OPEN` |\n"
                               "| `CloseHouse` | `PLANNED` | `CLOSED` |\n"));
}

TEST_F(ReferenceDocsTest, MethodSaysWhoMayNotAndWhatWaitsForIt) {
  EXPECT_THAT(page_, HasSubstr("to `OPEN`\n- For another person than `begin`\n"
                               "- Pending in `PLANNED`, due by `end`\n"));
  EXPECT_THAT(page_, HasSubstr("to `CLOSED`\n- Pending in `OPEN`\n"));
}

TEST_F(ReferenceDocsTest, FieldHasTypeRulesAndMeaning) {
  EXPECT_THAT(page_, HasSubstr("| `name` | string | identifier | Its name. |\n"));
  EXPECT_THAT(page_, HasSubstr("| `seats` | int32 | required; immutable; 1 to 99 | "
                               "Seats, inside \\| outside.<br>Standing room does not count. |\n"));
  EXPECT_THAT(page_, HasSubstr("| `state` | [House.State](#housestate) |"));
  EXPECT_THAT(page_, HasSubstr("| `teas` | map of string to [House.Tea](#housetea) |"));
  EXPECT_THAT(page_,
              HasSubstr("| `streets` | repeated string | names a `caravan.dev/Street`; at most 40 "
                        "characters; at most 3 entries; no two equal; a `place` |"));
  EXPECT_THAT(page_, HasSubstr("| `picture` | bytes | at least 8 bytes; matches `a\\|b` |"));
  EXPECT_THAT(page_, HasSubstr("| `limits` | [Limits](caravan.api.v1.md#limits) |"));
  EXPECT_THAT(page_, HasSubstr("At most one of `sign` is set."));
  EXPECT_THAT(page_, HasSubstr("| `area` | optional int64 |"));
  EXPECT_THAT(page_, Not(HasSubstr("_area")));
}

TEST_F(ReferenceDocsTest, ResourceSaysWhatItsCollectionDeclares) {
  EXPECT_THAT(page_, HasSubstr("- Type `caravan.dev/House`, named `houses/{house}`\n"
                               "- Indexed, and may be sorted by: `state`, `seats`\n"
                               "- Owned by what these name: `name`\n"
                               "- Valid from `begin` until before `end`\n"
                               "- Loading a register may also set the state and `end`\n"));
}

TEST_F(ReferenceDocsTest, EnumValueHasTheCommentBehindIt) {
  EXPECT_THAT(page_, HasSubstr("| `PLANNED` | 1 | To be opened. |\n"));
}

TEST_F(ReferenceDocsTest, MapEntriesAreNoMessages) {
  EXPECT_THAT(page_, Not(HasSubstr("TeasEntry")));
}

TEST(ReferenceIndexTest, LinksEveryPackage) {
  EXPECT_THAT(
      ReferenceIndex({"caravan.api.v1", "caravan.tea.v1"}),
      HasSubstr("- [caravan.api.v1](caravan.api.v1.md)\n- [caravan.tea.v1](caravan.tea.v1.md)\n"));
}

}  // namespace
}  // namespace caravan::tools
