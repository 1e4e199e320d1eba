// Declared changes of state, on a made-up collection through a real server.
#include "services/common/resources/transitions.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "caravan/api/v1/annotations.pb.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "services/common/testing/made_up_contract.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/watcher.h"
#include "services/common/testing/widgets.h"

namespace caravan::resources {
namespace {

using absl::StatusCode;
using testing::CallOptions;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::MadeUpContract;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

class TransitionsTest : public ::testing::Test {
 protected:
  TransitionsTest()
      : server_(testing::TestServer::Start(
            {.definition = testing::WidgetsDefinition(), .access = {}, .store = ""})) {
    CreateWidgetRequest request;
    request.set_widget_id("w1");
    request.mutable_widget()->set_title("A widget");
    auto widget = server_->Call<Widget>("WidgetService/CreateWidget", request);
    EXPECT_THAT(widget, IsOk());
    created_ = *widget;
  }

  static ActivateWidgetRequest Activation(const std::string& name = "widgets/w1") {
    ActivateWidgetRequest request;
    request.set_name(name);
    request.mutable_start_date()->set_year(2024);
    request.mutable_start_date()->set_month(8);
    return request;
  }

  absl::StatusOr<Widget> Activate(const ActivateWidgetRequest& request = Activation()) {
    return server_->Call<Widget>("WidgetService/ActivateWidget", request);
  }

  absl::StatusOr<Widget> Retire() {
    RetireWidgetRequest request;
    request.set_name("widgets/w1");
    return server_->Call<Widget>("WidgetService/RetireWidget", request);
  }

  Widget Get() {
    GetWidgetRequest request;
    request.set_name("widgets/w1");
    auto widget = server_->Call<Widget>("WidgetService/GetWidget", request);
    EXPECT_THAT(widget, IsOk());
    return widget.value_or(Widget());
  }

  std::unique_ptr<testing::TestServer> server_;
  Widget created_;
};

TEST_F(TransitionsTest, ChangesTheStateAndCopiesTheRequest) {
  auto active = Activate();
  ASSERT_THAT(active, IsOk());
  EXPECT_EQ(active->state(), Widget::ACTIVE);
  EXPECT_EQ(active->start_date().year(), 2024);
  EXPECT_EQ(active->start_date().month(), 8);
  EXPECT_EQ(active->title(), "A widget");
  EXPECT_NE(active->etag(), created_.etag());
  EXPECT_EQ(Get().SerializeAsString(), active->SerializeAsString());

  testing::Watcher watcher(server_->caller(), 2);
  const auto changes = watcher.Read(1);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].method(), "caravan.testing.v1.WidgetService/ActivateWidget");
  EXPECT_EQ(changes[0].kind(), api::v1::Change::UPDATED);
  Widget before, after;
  ASSERT_TRUE(changes[0].before().UnpackTo(&before) && changes[0].after().UnpackTo(&after));
  EXPECT_EQ(before.state(), Widget::DRAFT);
  EXPECT_EQ(after.state(), Widget::ACTIVE);
}

TEST_F(TransitionsTest, AnIllegalOneSaysFromWhereItMayBeCalled) {
  ASSERT_THAT(Activate(), IsOk());
  const Widget active = Get();
  const absl::Status status = Activate().status();
  EXPECT_THAT(status, Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_EQ(status.message(), "widgets/w1 is ACTIVE; ActivateWidget may be called from DRAFT");
  google::rpc::ErrorInfo info;
  google::rpc::PreconditionFailure failure;
  const google::rpc::Status rpc = api::ToRpcStatus(status);
  for (const auto& any : rpc.details()) any.UnpackTo(&info) || any.UnpackTo(&failure);
  EXPECT_EQ(info.metadata().at("resource"), "widgets/w1");
  EXPECT_EQ(info.metadata().at("state"), "ACTIVE");
  EXPECT_EQ(info.metadata().at("from"), "DRAFT");
  EXPECT_EQ(info.metadata().at("to"), "ACTIVE");
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).subject(), "widgets/w1");
  EXPECT_EQ(Get().SerializeAsString(), active.SerializeAsString());
  EXPECT_EQ(server_->host().store().revision(), 2);
}

// `*` stands for the states that other transitions leave: of widgets, DRAFT.
TEST_F(TransitionsTest, AStarStandsForEveryOpenState) {
  auto retired = Retire();
  ASSERT_THAT(retired, IsOk());
  EXPECT_EQ(retired->state(), Widget::RETIRED);
  const absl::Status again = Retire().status();
  EXPECT_THAT(again, Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_EQ(again.message(), "widgets/w1 is RETIRED; RetireWidget may be called from DRAFT");
}

TEST_F(TransitionsTest, ChecksTheRequest) {
  ActivateWidgetRequest request = Activation();
  request.clear_start_date();
  EXPECT_THAT(Activate(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"start_date"})));
  request.mutable_start_date()->set_year(2024);
  request.mutable_start_date()->set_day(1);
  EXPECT_THAT(Activate(request),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"start_date"})));
  EXPECT_THAT(Activate(Activation("widgets/none")),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_EQ(Get().SerializeAsString(), created_.SerializeAsString());
}

TEST_F(TransitionsTest, AnEtagMustBeCurrent) {
  ActivateWidgetRequest request = Activation();
  request.set_etag("stale");
  EXPECT_THAT(Activate(request), FailsAt(StatusCode::kAborted, "ETAG_MISMATCH", Fields({"etag"})));
  request.set_etag(created_.etag());
  EXPECT_THAT(Activate(request), IsOk());
}

TEST_F(TransitionsTest, ARepeatReturnsTheFirstAnswer) {
  ActivateWidgetRequest request = Activation();
  request.set_request_id("r1");
  auto first = Activate(request);
  ASSERT_THAT(first, IsOk());
  auto again = Activate(request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(server_->host().store().revision(), 2);
  request.mutable_start_date()->set_month(9);
  EXPECT_THAT(Activate(request),
              FailsAt(StatusCode::kInvalidArgument, "REQUEST_ID_REUSED", Fields({"request_id"})));
}

TEST_F(TransitionsTest, ValidatesOnlyWhereAsked) {
  ActivateWidgetRequest request = Activation();
  request.set_validate_only(true);
  auto checked = Activate(request);
  ASSERT_THAT(checked, IsOk());
  EXPECT_EQ(checked->state(), Widget::ACTIVE);
  EXPECT_EQ(Get().SerializeAsString(), created_.SerializeAsString());
  ASSERT_THAT(Retire(), IsOk());
  EXPECT_THAT(Activate(request), Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
}

TEST_F(TransitionsTest, WhoMadeItDoesNotRetireIt) {
  UpdateWidgetRequest update;
  update.mutable_widget()->set_name("widgets/w1");
  update.mutable_widget()->set_maker("users/admin");
  ASSERT_THAT(server_->Call<Widget>("WidgetService/UpdateWidget", update), IsOk());
  const auto refused = Retire();
  EXPECT_THAT(refused, Fails(StatusCode::kFailedPrecondition, "FOUR_EYES"));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("users/admin is the maker of widgets/w1"));
  EXPECT_EQ(Get().state(), Widget::DRAFT);
  update.mutable_widget()->set_maker("users/other");
  ASSERT_THAT(server_->Call<Widget>("WidgetService/UpdateWidget", update), IsOk());
  EXPECT_THAT(Retire(), IsOk());
}

struct Refused {
  const char* why;
  const char* request;
  const char* response;
  std::vector<std::string> from;
  const char* to;
};

class RefusedTransitionTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTransitionTest, IsRefusedAtStart) {
  const Refused& refused = GetParam();
  MadeUpContract contract("RefusedTransitions");
  auto& method = contract.Add("MoveWidget", refused.request, refused.response);
  auto* transition = method.mutable_options()->MutableExtension(api::v1::transition);
  for (const std::string& state : refused.from) transition->add_from(state);
  transition->set_to(refused.to);
  const absl::Status status = contract.Bind();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("RefusedTransitions.MoveWidget"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(refused.why));
}

INSTANTIATE_TEST_SUITE_P(
    Contracts, RefusedTransitionTest,
    ::testing::Values(
        Refused{"there is no state GONE", "RetireWidgetRequest", "Widget", {"GONE"}, "RETIRED"},
        Refused{"no such state to lead to", "RetireWidgetRequest", "Widget", {"DRAFT"}, "GONE"},
        Refused{"no such state to lead to", "RetireWidgetRequest", "Widget", {"DRAFT"}, ""},
        Refused{"called from no state", "RetireWidgetRequest", "Widget", {}, "RETIRED"},
        Refused{"called from no state", "RetireWidgetRequest", "Widget", {"*"}, "RETIRED"},
        Refused{"its request has no name", "SumWidgetsRequest", "Widget", {"DRAFT"}, "RETIRED"},
        Refused{"no field like amount", "AddToWidgetRequest", "Widget", {"DRAFT"}, "RETIRED"},
        Refused{"its resource has no state", "GetPartRequest", "Part", {"DRAFT"}, "RETIRED"},
        Refused{"is not registered", "RetireWidgetRequest", "SumWidgetsResponse", {"DRAFT"}, "A"}));

TEST(TransitionContractTest, OtherThanNamesATextField) {
  for (const char* path : {"nobody", "size", "tags"}) {
    MadeUpContract contract("FourEyes");
    auto* transition = contract.Add("RetireWidget", "RetireWidgetRequest", "Widget")
                           .mutable_options()
                           ->MutableExtension(api::v1::transition);
    transition->add_from("DRAFT");
    transition->set_to("RETIRED");
    transition->add_other_than(path);
    const absl::Status status = contract.Bind();
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

TEST(TransitionContractTest, WhatMakesSenseIsBound) {
  MadeUpContract contract("Transitions");
  auto* transition = contract.Add("RetireWidget", "RetireWidgetRequest", "Widget")
                         .mutable_options()
                         ->MutableExtension(api::v1::transition);
  transition->add_from("DRAFT");
  transition->set_to("RETIRED");
  EXPECT_THAT(contract.Bind(), IsOk());
}

}  // namespace
}  // namespace caravan::resources
