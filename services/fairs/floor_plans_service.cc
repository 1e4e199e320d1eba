#include "services/fairs/floor_plans_service.h"

#include <string>
#include <utility>
#include <vector>

#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/delegations.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "services/common/resources/deletion.h"
#include "services/common/resources/reads.h"
#include "services/fairs/floor_plan.h"
#include "services/fairs/floor_plan_drawing.h"

namespace caravan::fairs {

using v1::Application;
using v1::DrawFloorPlanRequest;
using v1::FloorPlan;

namespace {

// Reads the applications of the stands; one that is gone is left out.
absl::Status ReadApplications(const resources::Registry& registry, store::Reader& reader,
                              FloorPlanDrawing& drawing) {
  std::vector<std::string> names;
  for (const FloorPlan::Stand& stand : drawing.plan.stands()) names.push_back(stand.application());
  auto rows = reader.GetMany(registry.FindByMessage(*Application::descriptor())->table, names);
  if (!rows.ok()) return rows.status();
  for (size_t i = 0; i < names.size(); ++i) {
    if (!(*rows)[i].has_value()) continue;
    Application application;
    if (!application.ParseFromString((*rows)[i]->data)) return absl::DataLossError("stored row");
    drawing.applications.emplace(std::move(names[i]), std::move(application));
  }
  return absl::OkStatus();
}

template <class T>
absl::Status ReadTitle(const resources::Registry& registry, store::Reader& reader,
                       const std::string& name, FloorPlanDrawing& drawing) {
  if (name.empty() || drawing.titles.contains(name)) return absl::OkStatus();
  auto resource = registry.Lookup<T>(reader, name);
  if (!resource.ok()) return resource.status();
  if (resource->has_value()) drawing.titles.emplace(name, (*resource)->title());
  return absl::OkStatus();
}

}  // namespace

FloorPlansService::FloorPlansService(const resources::Registry& registry) : registry_(registry) {
  BindWrite<v1::DeleteFloorPlanRequest, google::protobuf::Empty>(
      "DeleteFloorPlan",
      [this](rpc::Call& call, store::Transaction& tx, const v1::DeleteFloorPlanRequest& request) {
        return resources::DeleteIf<FloorPlan>(registry_, call.caller, tx, request, CheckNoStands);
      });
}

absl::StatusOr<v1::DrawFloorPlanResponse> FloorPlansService::DrawFloorPlan(
    rpc::Call&, store::Reader& reader, const DrawFloorPlanRequest& request) {
  FloorPlanDrawing drawing;
  auto plan = resources::Require<FloorPlan>(registry_, reader, request.name());
  if (!plan.ok()) return plan.status();
  drawing.plan = *std::move(plan);
  auto hall = resources::Require<v1::Hall>(registry_, reader, drawing.plan.hall());
  if (!hall.ok()) return hall.status();
  drawing.hall = *std::move(hall);
  if (absl::Status s = ReadApplications(registry_, reader, drawing); !s.ok()) return s;
  for (const FloorPlan::Span& span : drawing.plan.spans()) {
    absl::Status s = ReadTitle<v1::Section>(registry_, reader, span.section(), drawing);
    if (!s.ok()) return s;
  }
  for (const auto& [name, application] : drawing.applications) {
    absl::Status s =
        ReadTitle<v1::Delegation>(registry_, reader, application.delegation(), drawing);
    if (!s.ok()) return s;
  }
  v1::DrawFloorPlanResponse response;
  if (request.format() == DrawFloorPlanRequest::SVG) {
    response.set_content_type("image/svg+xml");
    response.set_content(DrawSvg(drawing, request.color_by()));
  } else {
    response.set_content_type("application/geo+json");
    response.set_content(DrawGeoJson(drawing, request.color_by()));
  }
  return response;
}

}  // namespace caravan::fairs
