// One service that asks others, all in the process: made-up orders refer to
// widgets and depots.
#include "services/common/peers/peers.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "caravan/client/errors.h"
#include "caravan/testing/v1/depots.pb.h"
#include "caravan/testing/v1/depots.service.h"
#include "caravan/testing/v1/orders.pb.h"
#include "caravan/testing/v1/orders.service.h"
#include "caravan/testing/v1/widgets.client.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "services/common/identity/certificates.h"
#include "services/common/peers/foreign_collections.h"
#include "services/common/resources/writer.h"
#include "services/common/settings/settings.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/temporary_folder.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::peers {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using testing::Fails;
using testing::FailsAt;
using testing::Fields;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace caravan::testing::v1;  // NOLINT: the made-up contracts

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";

// Widgets, who note what they are asked.
class Widgets {
 public:
  // What is done before a question is answered.
  using Behaviour = std::function<absl::Status(rpc::Call& call)>;

  host::ServiceDefinition Definition() {
    host::ServiceDefinition definition = testing::WidgetsDefinition();
    definition.services = [this, services = definition.services](const host::Dependencies& all) {
      auto made = *services(all);
      made[0]->method("GetWidget").read = [this, &registry = all.registry](
                                              rpc::Call& call, store::Reader& reader,
                                              const google::protobuf::Message& request) {
        return Get(registry, call, reader, static_cast<const GetWidgetRequest&>(request));
      };
      made[0]->method("BatchGetWidgets").read = [this, &registry = all.registry](
                                                    rpc::Call& call, store::Reader& reader,
                                                    const google::protobuf::Message& request) {
        return BatchGet(registry, call, reader,
                        static_cast<const BatchGetWidgetsRequest&>(request));
      };
      return made;
    };
    return definition;
  }

  void Behave(Behaviour behaviour) {
    absl::MutexLock lock(&mutex_);
    behaviour_ = std::move(behaviour);
  }

  // The names of each batch that was asked for since the last call.
  std::vector<std::vector<std::string>> TakeBatches() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(batches_, {});
  }

  // How often GetWidget was called.
  int gets() const { return gets_; }

 private:
  absl::StatusOr<std::string> Get(const resources::Registry& registry, rpc::Call& call,
                                  store::Reader& reader, const GetWidgetRequest& request) {
    ++gets_;
    if (absl::Status s = Behaved(call); !s.ok()) return s;
    auto widget = Find(registry, call, reader, request.name());
    if (!widget.ok()) return widget.status();
    return widget->SerializeAsString();
  }

  absl::StatusOr<std::string> BatchGet(const resources::Registry& registry, rpc::Call& call,
                                       store::Reader& reader,
                                       const BatchGetWidgetsRequest& request) {
    {
      absl::MutexLock lock(&mutex_);
      batches_.emplace_back(request.names().begin(), request.names().end());
    }
    if (absl::Status s = Behaved(call); !s.ok()) return s;
    BatchGetWidgetsResponse response;
    for (const std::string& name : request.names()) {
      auto widget = Find(registry, call, reader, name);
      if (!widget.ok()) return widget.status();
      *response.add_widgets() = *std::move(widget);
    }
    return response.SerializeAsString();
  }

  static absl::StatusOr<Widget> Find(const resources::Registry& registry, rpc::Call& call,
                                     store::Reader& reader, const std::string& name) {
    auto widget = registry.Lookup<Widget>(reader, name);
    if (!widget.ok()) return widget.status();
    if (widget->has_value()) return **widget;
    return call.caller.Missing(*registry.FindByMessage(*Widget::descriptor())->type, name);
  }

  absl::Status Behaved(rpc::Call& call) {
    Behaviour behaviour;
    {
      absl::MutexLock lock(&mutex_);
      behaviour = behaviour_;
    }
    return behaviour ? behaviour(call) : absl::OkStatus();
  }

  absl::Mutex mutex_;
  Behaviour behaviour_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<std::string>> batches_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> gets_ = 0;
};

// What is learnt of the widget of an order.
struct Measured {
  std::string widget;
  int32_t size = 0;
};

class Orders : public OrderServiceHandlers {
 public:
  explicit Orders(const host::Dependencies& all)
      : registry_(all.registry), store_(all.store), widgets_(all.peers.Get("widgets")) {
    BindBefore<MeasureOrderRequest>("MeasureOrder", [this](rpc::Call& call, const auto& request) {
      return Measure(call, request.name());
    });
    BindBefore<ConfirmOrderRequest>("ConfirmOrder", [this](rpc::Call& call, const auto& request) {
      return Measure(call, request.name());
    });
  }

  absl::StatusOr<Order> MeasureOrder(rpc::Call& call, store::Transaction& tx,
                                     const MeasureOrderRequest& request) override {
    resources::Writer writer(registry_, call.caller, tx);
    return writer.Change<Order>(request.name(), [&](Order& order) {
      const Measured& measured = *call.caller.Facts<Measured>();
      if (order.widget() != measured.widget) return resources::ChangedMeanwhile(order.name());
      order.set_size(measured.size);
      return absl::OkStatus();
    });
  }

  // A confirmed order is as large as its widget.
  static absl::Status Prepare(const resources::Writing& writing, const Order*, Order& after) {
    if (writing.kind != resources::WriteKind::kTransition) return absl::OkStatus();
    after.set_size(writing.caller.Facts<Measured>()->size);
    return absl::OkStatus();
  }

 private:
  absl::Status Measure(rpc::Call& call, const std::string& name) {
    auto order = registry_.Lookup<Order>(store_, name);
    if (!order.ok()) return order.status();
    Measured measured;
    // What does not exist is left to the transaction, which knows how to say so.
    if (order->has_value() && !(*order)->widget().empty()) {
      GetWidgetRequest request;
      request.set_name((*order)->widget());
      auto widget = widgets_.Client<WidgetServiceClient>(call).GetWidget(request);
      if (absl::IsNotFound(widget.status())) return ReferenceDangles(request.name());
      if (!widget.ok()) return widgets_.Unavailable(widget.status());
      measured = {widget->name(), widget->size()};
    }
    call.caller.facts = measured;
    return absl::OkStatus();
  }

  const resources::Registry& registry_;
  store::Store& store_;
  const Peer& widgets_;
};

host::ServiceDefinition OrdersDefinition() {
  host::ServiceDefinition orders;
  orders.name = "orders";
  orders.peers = {{.service = "widgets", .contracts = {Widget::descriptor()->file()}},
                  {.service = "depots", .contracts = {Depot::descriptor()->file()}}};
  orders.collections = [](resources::Registry& registry) { registry.Add<Order>(Orders::Prepare); };
  orders.services = [](const host::Dependencies& dependencies) {
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(std::make_unique<Orders>(dependencies));
    return services;
  };
  return orders;
}

host::ServiceDefinition DepotsDefinition() {
  host::ServiceDefinition depots;
  depots.name = "depots";
  depots.collections = [](resources::Registry& registry) { registry.Add<Depot>(); };
  depots.services = [](const host::Dependencies&) {
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(std::make_unique<DepotServiceHandlers>());
    return services;
  };
  return depots;
}

class PeersTest : public ::testing::Test {
 protected:
  using Adjust = std::function<void(settings::ServerSettings& settings)>;

  // All three; the widgets w1 to w3 and the depot d1 exist.
  void StartAll() {
    StartWidgets();
    depots_ = testing::TestServer::Start(
        {.definition = DepotsDefinition(),
         .access = testing::PolicyOf({{"users/admin", "*"}, {"services/orders", "depots.*"}}),
         .clock = clock_.AsFunction()});
    CreateDepotRequest depot;
    depot.set_depot_id("d1");
    depot.mutable_depot();
    ASSERT_THAT(depots_->Call<Depot>("DepotService/CreateDepot", depot), IsOk());
    for (const char* id : {"w1", "w2", "w3"}) CreateWidget(id);
    StartOrders([&](settings::ServerSettings& settings) {
      settings.add_peer("widgets=" + widgets_server_->address());
      settings.add_peer("depots=" + depots_->address());
    });
  }

  void StartWidgets(Adjust adjust = nullptr) {
    widgets_server_ = testing::TestServer::Start(
        {.definition = widgets_.Definition(),
         .access = testing::PolicyOf({{"users/admin", "*"}, {"services/orders", "testing.*"}}),
         .clock = clock_.AsFunction(),
         .adjust = std::move(adjust)});
  }

  void StartOrders(Adjust adjust) {
    orders_ = testing::TestServer::Start(
        {.definition = OrdersDefinition(),
         .access = testing::PolicyOf({{"users/admin", "*"}, {"users/other", "orders.orders.get"}}),
         .clock = clock_.AsFunction(),
         .adjust = std::move(adjust)});
  }

  void CreateWidget(const std::string& id) {
    CreateWidgetRequest request;
    request.set_widget_id(id);
    request.mutable_widget()->set_title("A widget");
    request.mutable_widget()->set_size(7);
    ASSERT_THAT(widgets_server_->Call<Widget>("WidgetService/CreateWidget", request), IsOk());
  }

  void DeleteWidget(const std::string& name) {
    DeleteWidgetRequest request;
    request.set_name(name);
    ASSERT_THAT(
        widgets_server_->Call<google::protobuf::Empty>("WidgetService/DeleteWidget", request),
        IsOk());
  }

  absl::StatusOr<Order> Create(const std::string& id, const Order& order,
                               const testing::CallOptions& options = {}) {
    CreateOrderRequest request;
    request.set_order_id(id);
    *request.mutable_order() = order;
    return orders_->Call<Order>("OrderService/CreateOrder", request, options);
  }

  absl::StatusOr<Order> Get(const std::string& name) {
    GetOrderRequest request;
    request.set_name(name);
    return orders_->Call<Order>("OrderService/GetOrder", request);
  }

  absl::StatusOr<Order> Update(const Order& order) {
    UpdateOrderRequest request;
    *request.mutable_order() = order;
    return orders_->Call<Order>("OrderService/UpdateOrder", request);
  }

  absl::StatusOr<Order> Measure(const std::string& name, const std::string& request_id = "",
                                const testing::CallOptions& options = {}) {
    MeasureOrderRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    return orders_->Call<Order>("OrderService/MeasureOrder", request, options);
  }

  absl::StatusOr<Order> Confirm(const std::string& name, const std::string& depot) {
    ConfirmOrderRequest request;
    request.set_name(name);
    request.set_depot(depot);
    return orders_->Call<Order>("OrderService/ConfirmOrder", request);
  }

  static Order Of(const std::string& widget) {
    Order order;
    order.set_widget(widget);
    return order;
  }

  // The usual answer where a service is away.
  static void ExpectUnavailable(const absl::Status& status, const std::string& service) {
    EXPECT_THAT(status, Fails(StatusCode::kUnavailable, "SERVICE_UNAVAILABLE"));
    EXPECT_EQ(client::MetadataOf(status, "service"), service);
    EXPECT_TRUE(client::RetryDelayOf(status).has_value()) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("nothing was changed"));
  }

  testing::TestClock clock_{absl::FromUnixSeconds(1'900'000'000)};
  Widgets widgets_;
  std::unique_ptr<testing::TestServer> widgets_server_, depots_, orders_;
};

TEST_F(PeersTest, ReferencesAreCheckedWhenTheyAreWritten) {
  StartAll();
  Order order = Of("widgets/w1");
  order.add_lines()->set_widget("widgets/w2");
  order.set_depot("depots/d1");
  order.set_subject("widgets/w3");
  EXPECT_THAT(Create("o1", order), IsOk());
  EXPECT_THAT(widgets_.TakeBatches(),
              ElementsAre(UnorderedElementsAre("widgets/w1", "widgets/w2", "widgets/w3")));

  order.add_lines()->set_widget("widgets/x1");
  order.set_widget("widgets/x2");
  order.set_depot("depots/x");
  order.set_subject("widgets/x3");
  const auto refused = Create("o2", order);
  EXPECT_THAT(refused, Fails(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND"));
  EXPECT_THAT(api::FieldsOf(refused.status()),
              UnorderedElementsAre("order.widget", "order.lines[1].widget", "order.depot",
                                   "order.subject"));
  EXPECT_THAT(Get("orders/o2"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));

  // Those of its own, and what no service knows of.
  order = Of("widgets/w1");
  order.set_previous("orders/x");
  EXPECT_THAT(Create("o2", order), FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                                           Fields({"order.previous"})));
  order.set_previous("orders/o1");
  order.set_subject("papers/p1");
  EXPECT_THAT(Create("o2", order), IsOk());
  // A name that cannot be one is not asked about.
  widgets_.TakeBatches();
  EXPECT_THAT(Create("o3", Of("gadgets/w1")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"order.widget"})));
  EXPECT_THAT(widgets_.TakeBatches(), IsEmpty());
}

TEST_F(PeersTest, OnlyReferencesThatChangeAreChecked) {
  StartAll();
  absl::StatusOr<Order> order = Create("o1", Of("widgets/w1"));
  ASSERT_THAT(order, IsOk());
  DeleteWidget("widgets/w1");
  clock_.Advance(kMemory);
  widgets_.TakeBatches();

  // It dangles now, which hinders nobody.
  order->set_note("Gone");
  EXPECT_THAT(Update(*order), IsOk());
  EXPECT_EQ(Get("orders/o1")->widget(), "widgets/w1");
  EXPECT_THAT(Measure("orders/o1"), Fails(StatusCode::kFailedPrecondition, "REFERENCE_DANGLES"));
  EXPECT_THAT(widgets_.TakeBatches(), IsEmpty());
  EXPECT_THAT(
      Create("o2", Of("widgets/w1")),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"order.widget"})));

  Order other;
  other.set_name("orders/o1");
  other.set_widget("widgets/x");
  EXPECT_THAT(Update(other), FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                                     Fields({"order.widget"})));
  other.set_widget("widgets/w2");
  EXPECT_THAT(Update(other), IsOk());
}

TEST_F(PeersTest, TransitionsAreChecked) {
  StartAll();
  ASSERT_THAT(Create("o1", Of("widgets/w1")), IsOk());
  EXPECT_THAT(Confirm("orders/o1", "depots/x"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"depot"})));
  EXPECT_EQ(Get("orders/o1")->state(), Order::OPEN);
  const auto confirmed = Confirm("orders/o1", "depots/d1");
  ASSERT_THAT(confirmed, IsOk());
  EXPECT_EQ(confirmed->state(), Order::CONFIRMED);
  EXPECT_EQ(confirmed->size(), 7);
}

TEST_F(PeersTest, LoadsAskOnceForEachNameAndRememberForAWhile) {
  StartAll();
  LoadOrdersRequest request;
  for (int i = 0; i < 1000; ++i) {
    Order& order = *request.add_orders();
    order.set_name(absl::StrCat("orders/o", i));
    order.set_widget(absl::StrCat("widgets/w", 1 + i % 3));
  }
  const auto load = [&] {
    return orders_->Call<LoadOrdersResponse>("OrderService/LoadOrders", request);
  };
  EXPECT_THAT(load(), IsOk());
  EXPECT_THAT(widgets_.TakeBatches(), ElementsAre(SizeIs(3)));
  EXPECT_THAT(Create("n1", Of("widgets/w1")), IsOk());
  clock_.Advance(kMemory - absl::Seconds(1));
  EXPECT_THAT(Create("n2", Of("widgets/w2")), IsOk());
  EXPECT_THAT(widgets_.TakeBatches(), IsEmpty());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Create("n3", Of("widgets/w2")), IsOk());
  EXPECT_THAT(widgets_.TakeBatches(), ElementsAre(ElementsAre("widgets/w2")));
}

TEST_F(PeersTest, OfManyThatAreMissingSomeAreNamed) {
  StartAll();
  LoadOrdersRequest request;
  for (int i = 0; i < 1000; ++i) {
    Order& order = *request.add_orders();
    order.set_name(absl::StrCat("orders/o", i));
    order.set_widget(i % 2 == 0 ? "widgets/w1" : absl::StrCat("widgets/x", i));
  }
  const auto refused = orders_->Call<LoadOrdersResponse>("OrderService/LoadOrders", request);
  EXPECT_THAT(refused, Fails(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND"));
  EXPECT_THAT(api::FieldsOf(refused.status()), SizeIs(10));
  EXPECT_THAT(widgets_.TakeBatches(), SizeIs(10));
  EXPECT_THAT(Get("orders/o0"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(PeersTest, ASmallServiceServesWhileAnotherIsAway) {
  const testing::TemporaryFolder folder;
  const std::string address = "unix:" + folder.Path("widgets");
  StartOrders([&](settings::ServerSettings& settings) { settings.add_peer("widgets=" + address); });
  const absl::Time begin = absl::Now();
  ExpectUnavailable(Create("o1", Of("widgets/w1")).status(), "widgets");
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  Order order;
  order.set_depot("depots/d1");
  ExpectUnavailable(Create("o1", order).status(), "depots");
  EXPECT_THAT(Get("orders/o1"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Create("o2", Order()), IsOk());
  EXPECT_THAT(Measure("orders/o2"), IsOk());

  // It comes, and is found.
  StartWidgets([&](settings::ServerSettings& settings) {
    settings.clear_listen();
    settings.add_listen(address);
  });
  CreateWidget("w1");
  absl::StatusOr<Order> created;
  do {
    created = Create("o1", Of("widgets/w1"));
  } while (absl::IsUnavailable(created.status()) && absl::Now() < begin + absl::Seconds(60));
  EXPECT_THAT(created, IsOk());
}

TEST_F(PeersTest, ASlowServiceIsGivenUpAndHindersNobodyElse) {
  StartAll();
  ASSERT_THAT(Create("o1", Of("widgets/w1")), IsOk());
  absl::Notification asked, ended;
  widgets_.Behave([&](rpc::Call& call) {
    if (!asked.HasBeenNotified()) asked.Notify();
    ended.WaitForNotification();
    return call.cancelled() ? absl::CancelledError("gone") : absl::OkStatus();
  });
  absl::Status status;
  absl::Duration took;
  std::thread caller([&] {
    const absl::Time begin = absl::Now();
    status = Create("o2", Of("widgets/w2")).status();
    took = absl::Now() - begin;
  });
  asked.WaitForNotification();
  // Neither the committer nor the threads of reads wait with it.
  EXPECT_THAT(Create("o3", Of("widgets/w1")), IsOk());
  EXPECT_THAT(Get("orders/o3"), IsOk());
  caller.join();
  ExpectUnavailable(status, "widgets");
  EXPECT_GE(took, kPatience);
  EXPECT_LT(took, absl::Seconds(15));
  // Who has less time is not kept longer; what becomes of it is not known.
  EXPECT_EQ(Create("o4", Of("widgets/w2"), {.timeout = absl::Milliseconds(50)}).status().code(),
            StatusCode::kDeadlineExceeded);
  widgets_.Behave(nullptr);
  ended.Notify();
  EXPECT_THAT(Create("o2", Of("widgets/w2")), IsOk());
}

TEST_F(PeersTest, WhoIsRefusedSaysSo) {
  StartAll();
  widgets_.Behave([](rpc::Call& call) { return call.caller.Denied("widgets/w1"); });
  const auto refused = Create("o1", Of("widgets/w1"));
  ExpectUnavailable(refused.status(), "widgets");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("widgets refuses"));
}

TEST_F(PeersTest, TheServiceItselfAsksWithinTheTrace) {
  StartAll();
  std::vector<std::string> seen;
  widgets_.Behave([&](rpc::Call& call) {
    seen = {call.caller.principal.name, call.trace.TraceId()};
    return absl::OkStatus();
  });
  const testing::CallOptions options = {.metadata = {{"traceparent", kTraceparent}}};
  ASSERT_THAT(Create("o1", Of("widgets/w1"), options), IsOk());
  EXPECT_THAT(seen, ElementsAre("services/orders", kTraceId));
  seen.clear();
  ASSERT_THAT(Measure("orders/o1", "", options), IsOk());
  EXPECT_THAT(seen, ElementsAre("services/orders", kTraceId));
}

TEST_F(PeersTest, WhatComesBeforeRunsOnceForWhoMayCall) {
  StartAll();
  ASSERT_THAT(Create("o1", Of("widgets/w1")), IsOk());
  EXPECT_THAT(Measure("orders/o1", "", {.principal = "users/other"}),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Measure("", ""), Fails(StatusCode::kInvalidArgument, "INVALID_FIELDS"));
  EXPECT_EQ(widgets_.gets(), 0);
  const auto measured = Measure("orders/o1", "once");
  ASSERT_THAT(measured, IsOk());
  EXPECT_EQ(measured->size(), 7);
  EXPECT_EQ(widgets_.gets(), 1);
  // A repeat is answered though nobody could be asked any more.
  widgets_server_.reset();
  const auto repeated = Measure("orders/o1", "once");
  ASSERT_THAT(repeated, IsOk());
  EXPECT_EQ(repeated->etag(), measured->etag());
  ExpectUnavailable(Measure("orders/o1", "again").status(), "widgets");
  EXPECT_THAT(Measure("orders/x"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(PeersTest, FactsOfAnotherStateAreNotUsed) {
  StartAll();
  ASSERT_THAT(Create("o1", Of("widgets/w1")), IsOk());
  ASSERT_THAT(Create("o2", Of("widgets/w2")), IsOk());  // which is known now
  widgets_.Behave([&](rpc::Call&) {
    Order other;
    other.set_name("orders/o1");
    other.set_widget("widgets/w2");
    return Update(other).status();
  });
  const auto refused = Measure("orders/o1");
  EXPECT_THAT(refused, Fails(StatusCode::kAborted, "CHANGED_MEANWHILE"));
  EXPECT_TRUE(client::IsTransient(refused.status()));
  EXPECT_EQ(Get("orders/o1")->size(), 0);
  widgets_.Behave(nullptr);
  EXPECT_EQ(Measure("orders/o1")->size(), 7);
}

// With certificates: each side knows the other.
TEST_F(PeersTest, AsksWithItsCertificate) {
  const testing::TemporaryFolder folder;
  const auto authority = *identity::CertificateAuthority::Create("Authority");
  const auto secure = [&](const identity::CertificateAuthority& by, const std::string& name,
                          const std::string& host, settings::ServerSettings& settings) {
    const auto pem = *by.Issue(
        {.common_name = name, .hosts = {host}, .spiffe_id = "spiffe://caravan/services/" + name});
    settings.set_insecure(false);
    settings.set_tls_certificate(folder.Write(name + ".pem", pem.certificate));
    settings.set_tls_key(folder.Write(name + ".key", pem.key));
    settings.set_tls_client_ca(folder.Write("ca.pem", authority.pem().certificate));
  };
  for (const bool right : {true, false}) {
    SCOPED_TRACE(right);
    std::atomic<bool> known = false;
    widgets_.Behave([&](rpc::Call& call) {
      known = call.caller.principal.name == "services/orders";
      return absl::OkStatus();
    });
    StartWidgets([&](settings::ServerSettings& settings) {
      secure(authority, "widgets", right ? "127.0.0.1" : "widgets.example", settings);
    });
    settings::ServerSettings settings = settings::Defaults<settings::ServerSettings>();
    secure(authority, "orders", "127.0.0.1", settings);
    settings.add_peer("widgets=" + widgets_server_->address());
    const auto peers = Peers::Create("orders", {{.service = "widgets"}}, settings);
    ASSERT_THAT(peers, IsOk());
    rpc::Call call;
    call.deadline = absl::Now() + absl::Seconds(10);
    GetWidgetRequest request;
    request.set_name("widgets/w1");
    const Peer& widgets = (*peers)->Get("widgets");
    const auto answer = widgets.Client<WidgetServiceClient>(call).GetWidget(request);
    EXPECT_EQ(answer.status().code(), right ? StatusCode::kNotFound : StatusCode::kUnavailable)
        << answer.status();
    EXPECT_EQ(known, right);
  }
}

TEST(PeerSettingsTest, AreChecked) {
  const auto create = [](const std::vector<std::string>& settings) {
    auto all = settings::Defaults<settings::ServerSettings>();
    all.set_insecure(true);
    for (const std::string& peer : settings) all.add_peer(peer);
    return std::string(Peers::Create("orders", {{.service = "widgets"}}, all).status().message());
  };
  EXPECT_EQ(create({"widgets=127.0.0.1:7001"}), "");
  EXPECT_EQ(create({"depots=depots:7001", "widgets=unix:/tmp/w"}), "");
  EXPECT_THAT(create({}), HasSubstr("widgets=<host>:<port>"));
  EXPECT_THAT(create({"depots=127.0.0.1:7001"}), HasSubstr("asks the service widgets"));
  EXPECT_THAT(create({"widgets"}), HasSubstr("'widgets' should be"));
  EXPECT_THAT(create({"widgets="}), HasSubstr("should be"));
  EXPECT_THAT(create({"widgets=127.0.0.1:1", "widgets=127.0.0.1:2"}), HasSubstr("twice"));
  EXPECT_THAT(create({"widgets=widgets.example:7001"}), HasSubstr("loopback"));
}

TEST(SeenNamesTest, AreForgottenInTimeAndWhenThereAreMany) {
  testing::TestClock clock(absl::FromUnixSeconds(1'900'000'000));
  SeenNames seen(clock.AsFunction(), 10);
  seen.Add({"a"});
  EXPECT_TRUE(seen.Contains("a"));
  EXPECT_FALSE(seen.Contains("b"));
  clock.Advance(kMemory - absl::Seconds(1));
  EXPECT_TRUE(seen.Contains("a"));
  seen.Add({"b"});
  clock.Advance(absl::Seconds(1));
  EXPECT_FALSE(seen.Contains("a"));
  EXPECT_TRUE(seen.Contains("b"));
  for (int i = 0; i < 100; ++i) seen.Add({absl::StrCat("many/", i)});
  EXPECT_FALSE(seen.Contains("b"));
  EXPECT_FALSE(seen.Contains("many/0"));
  EXPECT_TRUE(seen.Contains("many/99"));
}

}  // namespace
}  // namespace caravan::peers
