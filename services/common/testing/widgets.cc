#include "services/common/testing/widgets.h"

#include <memory>
#include <utility>
#include <vector>

#include "caravan/testing/v1/widgets.service.h"
#include "services/common/resources/writer.h"

namespace caravan::testing {

namespace {

class WidgetService : public v1::WidgetServiceHandlers {
 public:
  explicit WidgetService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::Widget> AddToWidget(rpc::Call& call, store::Transaction& tx,
                                         const v1::AddToWidgetRequest& request) override {
    resources::Writer writer(registry_, call.caller, tx);
    return writer.Change<v1::Widget>(request.name(), [&](v1::Widget& widget) {
      widget.set_count(widget.count() + request.amount());
      return absl::OkStatus();
    });
  }

  absl::StatusOr<v1::SumWidgetsResponse> SumWidgets(rpc::Call&, store::Reader& reader,
                                                    const v1::SumWidgetsRequest&) override {
    v1::SumWidgetsResponse response;
    store::ScanSpec all;
    all.table = registry_.FindByMessage(*v1::Widget::descriptor())->table;
    absl::Status s = reader.Scan(all, [&](store::Row& row) {
      v1::Widget widget;
      if (widget.ParseFromString(row.data)) response.set_sum(response.sum() + widget.count());
      return true;
    });
    if (!s.ok()) return s;
    return response;
  }

 private:
  const resources::Registry& registry_;
};

}  // namespace

host::ServiceDefinition WidgetsDefinition() {
  host::ServiceDefinition widgets;
  widgets.name = "widgets";
  widgets.collections = [](resources::Registry& registry) {
    registry.Add<v1::Widget>().Add<v1::Part>();
  };
  widgets.services = [](const host::Dependencies& dependencies) {
    std::vector<std::unique_ptr<rpc::Service>> services;
    services.push_back(std::make_unique<WidgetService>(dependencies.registry));
    services.push_back(std::make_unique<v1::PartServiceHandlers>());
    return services;
  };
  return widgets;
}

}  // namespace caravan::testing
